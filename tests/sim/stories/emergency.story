# SPDX-License-Identifier: Apache-2.0
# The custodian is gone. Of three guardians two sign that east takes the duty, east last; both are
# responsible. The custodian comes back, and it is resolved that east goes on.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
add north R1 south reader guardian
add north R1 east reader guardian
wait 5s
hush
assume south R1 east
cut north south
cut north east
until 4000s
hush
assume east R1 east
assume south R1 east
assume south R1 east
wait 5s
assume east R1 east
wait 5s
show east R1
show south R1
show north R1
custody south R1
tells
	4000.000 east is told votes-missing
	4000.000 south signs an assume of R1 east
	4000.000 south is told already-signed
	4000.010 east stores R1 south 1
	4005.000 east signs an assume of R1 east
	4005.000 east needs people for R1 north
	4005.010 south stores R1 east 1
	4005.010 south needs people for R1 north
	4010.000 east shows R1 custodian=north, custody=DUTY ASSUMED OR FORKED: ours, too, until guardians resolve it, role=reader, changes=7, entries=2, conflicts=0
	4010.000 south shows R1 custodian=north, custody=DUTY ASSUMED OR FORKED: guardians must resolve it, role=reader, changes=7, entries=2, conflicts=0
	4010.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=5, entries=2, conflicts=0
	4010.000 south custody R1: north made the record
end
# The old custodian writes on, alone: it does not know. Then it is back, and all see two.
note north R1 "written by who was taken for gone"
heal all
wait 120s
hush
show north R1
show east R1
offer east R1 to south reason 1
tells
	4130.000 north shows R1 custodian=north, custody=DUTY ASSUMED OR FORKED: guardians must resolve it; ours, role=custodian, changes=10, entries=5, conflicts=0
	4130.000 east shows R1 custodian=north, custody=DUTY ASSUMED OR FORKED: ours, too, until guardians resolve it, role=reader, changes=10, entries=5, conflicts=0
	4130.000 east is told not-custodian
end
# While it is cut off again it is resolved; what it did meanwhile about custody counts for nothing.
cut north south
cut north east
wait 20s
offer north R1 to south reason 1
until 9000s
hush
resolve south R1 east
wait 5s
resolve south R1 south
resolve east R1 east
wait 5s
show east R1
show south R1
show north R1
custody south R1
heal all
wait 120s
show north R1
custody north R1
tells
	9000.000 south signs a resolve of R1 east
	9000.010 east stores R1 south 1
	9000.790 north dials east
	9000.810 north loses east: no answer
	9005.000 south is told already-signed
	9005.000 east signs a resolve of R1 east
	9005.000 east takes over R1
	9005.000 east sees settled R1 east
	9005.010 south stores R1 east 1
	9005.010 south sees settled R1 east
	9005.020 east wants R1 south
	9005.041 east has R1 south 12
	9010.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=13, entries=6, conflicts=0
	9010.000 south shows R1 custodian=east, custody=reader, role=reader, changes=13, entries=6, conflicts=0
	9010.000 north shows R1 custodian=north, custody=DUTY ASSUMED OR FORKED: guardians must resolve it; ours, role=custodian, changes=13, entries=6, conflicts=0
	9010.000 south custody R1: north made the record
	9010.000 south custody R1: east guardians resolved: the custodian cannot be reached by any means
	9010.000 south custody R1: east took the duty of a custodian that is gone
	9010.010 south stores R1 east 1
	9010.010 east stores R1 south 1
	9062.155 south dials north
	9062.185 north greets south
	9062.195 south greets north
	9062.206 north stores R1 south 2
	9062.217 south stores R1 north 3
	9074.624 north dials east
	9074.654 east greets north
	9074.664 north greets east
	9074.677 east stores R1 north 3
	9074.686 north stores R1 east 2
	9074.686 north sees settled R1 east
	9130.000 north shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=8, conflicts=0
	9130.000 north custody R1: north made the record
	9130.000 north custody R1: east guardians resolved: the custodian cannot be reached by any means
	9130.000 north custody R1: east took the duty of a custodian that is gone
end
offer east R1 to north reason 3
wait 5s
accept north R1 "Jo"
wait 5s
show north R1
show south R1
tells
	9130.000 east offers R1 north
	9130.011 north stores R1 east 2
	9130.011 north completes R1 18
	9130.011 south stores R1 east 2
	9135.000 north accepts R1 east
	9135.011 south stores R1 north 2
	9135.011 east stores R1 north 2
	9135.011 east releases R1 north
	9135.021 north stores R1 east 1
	9135.021 north takes over R1
	9135.022 south stores R1 east 1
	9140.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=22, entries=9, conflicts=0
	9140.000 south shows R1 custodian=north, custody=reader, role=reader, changes=22, entries=9, conflicts=0
end
