# SPDX-License-Identifier: Apache-2.0
# A child goes from one region to another and comes back: in the third term the first region is custodian
# again, under a new right, and everything that was written in all three is there.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "written in the first term"
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
note south R1 "written in the second term"
hush
offer south R1 to north reason 3
show north R1
wait 5s
accept north R1 "Kim"
wait 5s
note north R1 "written in the third term"
wait 5s
show north R1
show south R1
list east
tells
	  15.000 south offers R1 north
	  15.000 north shows R1 custodian=south, custody=reader, role=reader, changes=8, entries=3, conflicts=0
	  15.010 north stores R1 south 1
	  15.010 south stores R1 north 1
	  15.011 north stores R1 south 2
	  15.011 north completes R1 9
	  20.000 north accepts R1 south
	  20.011 south stores R1 north 2
	  20.011 south releases R1 north
	  20.021 north stores R1 south 1
	  20.021 north takes over R1
	  25.000 north admits R1 1: entries
	  25.010 south stores R1 north 1
	  30.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=15, entries=6, conflicts=0
	  30.000 south shows R1 custodian=north, custody=reader, role=reader, changes=16, entries=7, conflicts=0
	  30.000 east lists 0
end
# And away again, further on: what the second region was in between does not stand in its way.
offer north R1 to east reason 1
wait 5s
accept east R1 "Ada"
wait 5s
offer east R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
show north R1
show south R1
show east R1
tells
	  30.000 north offers R1 east
	  30.010 north stores R1 south 1
	  30.011 south stores R1 north 2
	  30.011 east wants R1 north
	  30.049 east stores R1 north 18
	  30.049 east has R1 north 18
	  30.049 east completes R1 16
	  35.000 east accepts R1 north
	  35.011 north stores R1 east 2
	  35.011 north releases R1 east
	  35.011 south stores R1 east 2
	  35.021 east stores R1 north 1
	  35.021 east takes over R1
	  35.022 south stores R1 north 1
	  40.000 east offers R1 south
	  40.011 north stores R1 east 2
	  40.011 south stores R1 east 2
	  40.011 south completes R1 22
	  45.000 south accepts R1 east
	  45.011 north stores R1 south 2
	  45.011 east stores R1 south 2
	  45.011 east releases R1 south
	  45.021 south stores R1 east 1
	  45.021 south takes over R1
	  45.022 north stores R1 east 1
	  50.000 north shows R1 custodian=south, custody=reader, role=reader, changes=26, entries=9, conflicts=0
	  50.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=26, entries=9, conflicts=0
	  50.000 east shows R1 custodian=south, custody=reader, role=reader, changes=27, entries=10, conflicts=0
end
