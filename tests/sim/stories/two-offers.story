# SPDX-License-Identifier: Apache-2.0
# Two Offers in a row while the first candidate is away: it accepts what was withdrawn and offered to
# another. Both answers come; the one stands down, the other takes over. Then two Offers to one region.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
cut north south
wait 10s
accept south R1 "Jo"
withdraw north R1
offer north R1 to east reason 1
wait 5s
accept east R1 "Ada"
hush
wait 10s
show north R1
show south R1
show east R1
tells
	  25.011 north stores R1 east 2
	  25.011 north releases R1 east
	  25.011 south wants R1 east
	  25.021 east stores R1 north 1
	  25.021 east takes over R1
	  25.042 south stores R1 east 6
	  25.042 south has R1 east 12
	  25.042 south stands down R1 north
	  25.052 east wants R1 south
	  25.076 east stores R1 south 3
	  25.076 east has R1 south 13
	  25.076 east removes R1 south
	  25.076 east rekeys R1
	  25.086 south stores R1 east 1
	  25.088 north stores R1 east 3
	  25.088 north wants R1 east
	  25.088 north stores R1 east 2
	  25.109 north has R1 east 15
	  29.761 south dials north
	  29.781 south loses north: no answer
	  35.000 north shows R1 custodian=east, custody=reader, role=reader, changes=16, entries=4, conflicts=0
	  35.000 south shows R1 custodian=east, custody=none, role=none, changes=14, entries=3, conflicts=0
	  35.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=16, entries=4, conflicts=0
end
heal all
wait 120s
show north R1
list south
show east R1
tells
	  35.010 east stores R1 north 1
	  35.010 north stores R1 east 1
	  35.500 south dials north
	  35.530 north greets south
	  35.540 south greets north
	  35.551 north wants R1 south
	  35.563 south wants R1 north
	  35.587 north refuses R1 south not-in-circle
	  35.597 south has R1 north 14
	 155.000 north shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=5, conflicts=0
	 155.000 south lists R1 custodian=east, custody=none, role=none, changes=14, entries=3, conflicts=0
	 155.000 south lists 1
	 155.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=17, entries=5, conflicts=0
end
offer east R1 to north reason 3
wait 5s
cut north east
withdraw east R1
offer east R1 to north reason 3
hush
heal all
wait 120s
accept north R1 "Jo"
wait 10s
show north R1
show east R1
tells
	 165.000 north loses east: timed out
	 165.000 east loses north: timed out
	 165.523 north dials east
	 165.553 east greets north
	 165.563 north greets east
	 165.584 north stores R1 east 2
	 165.584 north completes R1 20
	 280.000 north accepts R1 east
	 280.011 east stores R1 north 2
	 280.011 east releases R1 north
	 280.021 north stores R1 east 1
	 280.021 north takes over R1
	 290.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=24, entries=6, conflicts=0
	 290.000 east shows R1 custodian=north, custody=reader, role=reader, changes=24, entries=6, conflicts=0
end
