# SPDX-License-Identifier: Apache-2.0
# A key-epoch change goes on from a region that has not got its keys yet, and then loses who made
# them. When that one is heard of again it says nothing new, and still it is asked for the keys.
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
heal north east
until 4045380ms
cut north east
wait 60s
hush
heal all
wait 120s
show north R1
show south R1
show east R1
show west R1
tells
	4109.657 north dials east
	4109.687 east greets north
	4109.697 north greets east
	4109.709 east has R1 north 17
	4109.720 north stores R1 east 5
	4109.720 north wants R1 east
	4109.732 west stores R1 north 5
	4109.743 north stores R1 east 2
	4109.765 north has R1 east 17
	4115.524 south dials north
	4115.554 north greets south
	4115.564 south greets north
	4115.588 south wants R1 north
	4115.610 south has R1 north 17
	4134.631 west dials east
	4134.661 east greets west
	4134.671 west greets east
	4134.696 west wants R1 east
	4134.719 west stores R1 east 2
	4134.729 east wants R1 west
	4134.741 west has R1 east 17
	4134.753 east has R1 west 17
	4156.863 west dials south
	4156.893 south greets west
	4156.903 west greets south
	4225.380 north shows R1 custodian=east, custody=reader, role=reader, changes=18, entries=7, conflicts=0
	4225.380 south shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=6, conflicts=0
	4225.380 east shows R1 custodian=east, custody=ours, role=custodian, changes=17, entries=6, conflicts=0
	4225.380 west shows R1 custodian=east, custody=reader, role=reader, changes=18, entries=7, conflicts=0
end
