# SPDX-License-Identifier: Apache-2.0
# The custodian is taken for gone and begins an epoch, and so does the one whom people name in its
# place: two epochs of one number. What either wrote is read by all, also by who came later.
regions north south east west mid
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
add north R1 south reader guardian
add north R1 east reader guardian
add north R1 west reader
add north R1 mid reader
wait 10s
hush
cut north south
cut north east
cut west south
cut west east
remove north R1 mid
note north R1 "behind what is said to count"
wait 5s
show west R1
until 4000s
hush
resolve south R1 east
wait 5s
resolve east R1 east
remove east R1 mid
note east R1 "by the new custodian"
wait 5s
show east R1
show south R1
tells
	4000.000 south signs a resolve of R1 east
	4000.010 east stores R1 south 1
	4000.010 mid wants R1 south
	4000.033 mid refuses R1 south not-in-circle
	4005.000 east signs a resolve of R1 east
	4005.000 east takes over R1
	4005.000 east removes R1 mid
	4005.000 east rekeys R1
	4005.000 east admits R1 1: entries
	4005.010 south stores R1 east 1
	4005.010 mid wants R1 east
	4005.010 south wants R1 east
	4005.010 south stores R1 east 2
	4005.010 south stores R1 east 1
	4005.020 east wants R1 south
	4005.030 mid has R1 east 7
	4005.033 south has R1 east 11
	4005.045 east has R1 south 11
	4010.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=12, entries=3, conflicts=0
	4010.000 south shows R1 custodian=east, custody=reader, role=reader, changes=12, entries=3, conflicts=0
end
heal all
wait 120s
hush
show north R1
show south R1
show east R1
show west R1
add east R1 mid reader
wait 60s
show mid R1
tells
	4130.000 north shows R1 custodian=east, custody=reader, role=reader, changes=18, entries=7, conflicts=0
	4130.000 south shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=6, conflicts=0
	4130.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=17, entries=6, conflicts=0
	4130.000 west shows R1 custodian=east, custody=reader, role=reader, changes=18, entries=7, conflicts=0
	4130.010 south stores R1 north 1
	4130.010 east stores R1 north 1
	4130.010 west stores R1 north 1
	4130.010 north stores R1 west 1
	4130.010 south stores R1 west 1
	4130.010 east stores R1 west 1
	4130.010 north stores R1 east 1
	4130.010 south stores R1 east 1
	4130.010 west stores R1 east 1
	4130.010 mid wants R1 east
	4130.042 mid stores R1 east 13
	4130.042 mid has R1 east 20
	4190.000 mid shows R1 custodian=east, custody=reader, role=reader, changes=21, entries=9, conflicts=0
end
