# SPDX-License-Identifier: Apache-2.0
# What is held already comes again: a change of a writer reaches a reader from its author and from the
# custodian, and after crashes once more. It is stored once.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "from the first region"
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
offer south R1 to east reason 1
wait 5s
hush

# Both ways, at the same time.
note east R1 "the candidate writes, too"
wait 5s
tells
	  20.000 east admits R1 1: entries
	  20.010 north stores R1 east 1
	  20.010 south stores R1 east 1
end

# North dies before the commit of what it hears first, and after that of what it hears next.
crash north before-commit
note east R1 "the candidate writes a second time"
wait 5s
crash north after-commit
note east R1 "the candidate writes a third time"
wait 5s
show north R1
show south R1
show east R1
tells
	  25.000 east admits R1 1: entries
	  25.010 north is killed before its commit
	  25.010 south stores R1 east 1
	  25.010 north dials east
	  25.020 south loses north: the peer is gone
	  25.020 east loses north: the peer is gone
	  25.040 east greets north
	  25.050 north greets east
	  25.060 north dials south
	  25.070 north stores R1 east 1
	  25.090 south greets north
	  25.100 north greets south
	  30.000 east admits R1 1: entries
	  30.010 north is killed after its commit
	  30.010 south stores R1 east 1
	  30.010 north dials east
	  30.020 south loses north: the peer is gone
	  30.020 east loses north: the peer is gone
	  30.040 east greets north
	  30.050 north greets east
	  30.060 north dials south
	  30.090 south greets north
	  30.100 north greets south
	  35.000 north shows R1 custodian=south, custody=reader, role=reader, changes=13, entries=6, conflicts=0
	  35.000 south shows R1 custodian=south, custody=ours, offered to east, role=custodian, changes=13, entries=6, conflicts=0
	  35.000 east shows R1 custodian=south, custody=offered to us by south, complete, role=writer, changes=13, entries=6, conflicts=0
end

# Everybody is started anew: nobody has anything to say.
restart north
restart south
restart east
wait 10s
show north R1
tells
	  35.000 north is restarted
	  35.000 south is restarted
	  35.000 east is restarted
	  35.000 north dials east
	  35.000 south dials north
	  35.000 south dials east
	  35.030 east greets north
	  35.030 north greets south
	  35.030 east greets south
	  35.040 north greets east
	  35.040 south greets north
	  35.040 south greets east
	  35.050 east stores R1 north 1
	  35.050 north stores R1 south 1
	  35.050 east stores R1 south 1
	  35.060 north stores R1 east 1
	  35.060 south stores R1 north 1
	  35.060 south stores R1 east 1
	  45.000 north shows R1 custodian=south, custody=reader, role=reader, changes=16, entries=9, conflicts=0
end
