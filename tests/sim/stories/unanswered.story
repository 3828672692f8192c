# SPDX-License-Identifier: Apache-2.0
# An Offer that nobody answers: the custodian stays responsible for as long as it takes, nothing is tried
# again and nothing runs out; a second Offer has to wait until the first is withdrawn.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
hush
until 90000s
show north R1
show south R1
offer north R1 to east reason 2
tells
	90000.000 north shows R1 custodian=north, custody=ours, offered to south, role=custodian, changes=5, entries=2, conflicts=0
	90000.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=5, entries=2, conflicts=0
	90000.000 north is told offer-open
end
withdraw north R1
offer north R1 to east reason 2
wait 5s
accept east R1 "Ada"
wait 5s
show north R1
show east R1
list south
tells
	90000.000 north withdraws R1 south
	90000.000 north offers R1 east
	90000.010 south stores R1 north 1
	90000.010 north stores R1 south 1
	90000.010 south stores R1 north 1
	90000.010 south declines R1 north
	90000.011 south stores R1 north 2
	90000.011 east wants R1 north
	90000.020 north stores R1 south 1
	90000.020 north removes R1 south
	90000.020 north rekeys R1
	90000.030 south stores R1 north 1
	90000.043 east stores R1 north 12
	90000.043 east has R1 north 12
	90000.043 east completes R1 7
	90005.000 east accepts R1 north
	90005.011 north stores R1 east 2
	90005.011 north releases R1 east
	90005.021 east stores R1 north 1
	90005.021 east takes over R1
	90010.000 north shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=4, conflicts=0
	90010.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=16, entries=5, conflicts=0
	90010.000 south lists R1 custodian=north, custody=none, role=none, changes=11, entries=3, conflicts=0
	90010.000 south lists 1
end
