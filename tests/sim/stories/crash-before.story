# SPDX-License-Identifier: Apache-2.0
# The receiver dies before the commit of a transfer: nothing of that turn is there, and it asks again.
regions north south
introduce all
until 5s
make north 998 child-1
notes north R1 4 "a visit, all well, next one in four weeks"
hush
offer north R1 to south reason 1
crash south before-commit
wait 10s
crash south before-commit
note north R1 "one more while it is away"
wait 60s
show south R1
show north R1
tells
	   5.000 north offers R1 south
	   5.011 south is killed before its commit
	   5.011 south dials north
	   5.021 north loses south: the peer is gone
	   5.041 north greets south
	   5.051 south greets north
	   5.072 south wants R1 north
	   5.098 south stores R1 north 7
	   5.098 south has R1 north 7
	   5.098 south completes R1 6
	  15.000 north admits R1 1: entries
	  15.010 south is killed before its commit
	  15.010 south dials north
	  15.020 north loses south: the peer is gone
	  15.040 north greets south
	  15.050 south greets north
	  15.070 south stores R1 north 1
	  75.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=9, entries=6, conflicts=0
	  75.000 north shows R1 custodian=north, custody=ours, offered to south, role=custodian, changes=9, entries=6, conflicts=0
end

# So does one that dies with its Accept: the person was not told that it was done, and asks again.
crash south before-commit
accept south R1 "Jo"
wait 10s
show south R1
accept south R1 "Jo"
wait 10s
show south R1
tells
	  75.000 south is killed before its commit
	  75.000 south dials north
	  75.010 north loses south: the peer is gone
	  75.030 north greets south
	  75.040 south greets north
	  75.050 north stores R1 south 1
	  75.060 south stores R1 north 1
	  85.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=11, entries=8, conflicts=0
	  85.000 south accepts R1 north
	  85.010 north stores R1 south 1
	  85.011 north stores R1 south 2
	  85.011 north releases R1 south
	  85.021 south stores R1 north 1
	  85.021 south takes over R1
	  95.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=14, entries=9, conflicts=0
end

# And the maker, in the turn in which it makes a record.
crash south before-commit
make south 998 child-2
wait 5s
list south
tells
	  95.000 south is killed before its commit
	  95.000 south dials north
	  95.010 north loses south: the peer is gone
	  95.030 north greets south
	  95.040 south greets north
	 100.000 south lists R1 custodian=south, custody=ours, role=custodian, changes=14, entries=9, conflicts=0
	 100.000 south lists 1
end
