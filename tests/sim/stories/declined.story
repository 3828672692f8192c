# SPDX-License-Identifier: Apache-2.0
# A Decline, and the next Offer that rests on it: who has not heard of the Decline does not take the Offer
# for one that is open beside the first.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
hush
decline south R1 2
wait 5s
show north R1
list south
offer north R1 to east reason 1
wait 5s
decline east R1 1
decline east R1 1
wait 5s
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
show north R1
show south R1
list east
tells
	  10.000 south declines R1 north
	  10.010 north stores R1 south 1
	  10.010 north removes R1 south
	  10.010 north rekeys R1
	  10.020 south stores R1 north 1
	  15.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=8, entries=2, conflicts=0
	  15.000 south lists R1 custodian=north, custody=none, role=none, changes=6, entries=1, conflicts=0
	  15.000 south lists 1
	  15.000 north offers R1 east
	  15.011 east wants R1 north
	  15.041 east stores R1 north 10
	  15.041 east has R1 north 10
	  15.041 east completes R1 9
	  20.000 east declines R1 north
	  20.000 east is told offer-none
	  20.010 north stores R1 east 1
	  20.010 north removes R1 east
	  20.010 north rekeys R1
	  20.020 east stores R1 north 1
	  25.000 north offers R1 south
	  25.011 south wants R1 north
	  25.042 south stores R1 north 9
	  25.042 south has R1 north 15
	  25.042 south completes R1 14
	  30.000 south accepts R1 north
	  30.011 north stores R1 south 2
	  30.011 north releases R1 south
	  30.022 south stores R1 north 1
	  30.022 south takes over R1
	  35.000 north shows R1 custodian=south, custody=reader, role=reader, changes=18, entries=3, conflicts=0
	  35.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=19, entries=4, conflicts=0
	  35.000 east lists R1 custodian=north, custody=none, role=none, changes=12, entries=2, conflicts=0
	  35.000 east lists 1
end
