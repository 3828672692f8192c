# SPDX-License-Identifier: Apache-2.0
# The receiver dies after the commit and before it could say anything: everything of that turn is
# there, once, and what it had to say is said after the restart.
regions north south
introduce all
until 5s
make north 998 child-1
notes north R1 4 "a visit, all well, next one in four weeks"
hush
offer north R1 to south reason 1
crash south after-commit
wait 10s
crash south after-commit
note north R1 "one more while it is away"
wait 60s
show south R1
show north R1
tells
	   5.000 north offers R1 south
	   5.011 south is killed after its commit
	   5.011 south dials north
	   5.021 north loses south: the peer is gone
	   5.041 north greets south
	   5.051 south greets north
	   5.077 south stores R1 north 7
	   5.077 south has R1 north 7
	   5.077 south completes R1 6
	  15.000 north admits R1 1: entries
	  15.010 south is killed after its commit
	  15.010 south dials north
	  15.020 north loses south: the peer is gone
	  15.040 north greets south
	  15.050 south greets north
	  75.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=9, entries=6, conflicts=0
	  75.000 north shows R1 custodian=north, custody=ours, offered to south, role=custodian, changes=9, entries=6, conflicts=0
end

# The Accept is durable: it is what counts, and the Release comes.
crash south after-commit
accept south R1 "Jo"
wait 10s
show south R1
tells
	  75.000 south is killed after its commit
	  75.000 south dials north
	  75.010 north loses south: the peer is gone
	  75.030 north greets south
	  75.040 south greets north
	  75.051 north stores R1 south 3
	  75.051 north releases R1 south
	  75.060 south stores R1 north 1
	  75.061 south stores R1 north 1
	  75.061 south takes over R1
	  85.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=14, entries=9, conflicts=0
end

# The custodian dies between its Release and telling of it.
offer south R1 to north reason 3
wait 5s
crash south after-commit
accept north R1 "Jo"
wait 30s
show north R1
show south R1
tells
	  85.000 south offers R1 north
	  85.010 north stores R1 south 1
	  85.011 north stores R1 south 2
	  85.011 north completes R1 15
	  90.000 north accepts R1 south
	  90.011 south is killed after its commit
	  90.011 south dials north
	  90.021 north loses south: the peer is gone
	  90.041 north greets south
	  90.051 south greets north
	  90.061 north stores R1 south 1
	  90.061 north takes over R1
	 120.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=19, entries=10, conflicts=0
	 120.000 south shows R1 custodian=north, custody=reader, role=reader, changes=20, entries=11, conflicts=0
end
