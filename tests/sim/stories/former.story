# SPDX-License-Identifier: Apache-2.0
# After a move the old region stays a reader, until the new custodian's first verified backup has the move;
# then it leaves, and the record gets new keys in the same turn. What people put in stays.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
backup north
add north R1 east reader
offer north R1 to south reason 1
wait 5s
backup south
accept south R1 "Jo"
wait 5s
show north R1
hush
backup south
wait 5s
note south R1 "written when north was not there any more"
wait 5s
show north R1
show east R1
show south R1
tells
	  15.000 south removes R1 north
	  15.000 south rekeys R1
	  15.010 south wants R1 north
	  15.010 east stores R1 north 1
	  15.010 north stores R1 south 1
	  15.011 east wants R1 south
	  15.011 east stores R1 south 2
	  15.032 east has R1 south 11
	  15.040 south refuses R1 north not-in-circle
	  20.000 south admits R1 1: entries
	  20.010 east stores R1 south 1
	  25.000 north shows R1 custodian=south, custody=none, role=none, changes=10, entries=3, conflicts=0
	  25.000 east shows R1 custodian=south, custody=reader, role=reader, changes=13, entries=5, conflicts=0
	  25.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=12, entries=4, conflicts=0
end
# A backup again: nobody else leaves. By hand: a region to which an offer is open stays, the other goes.
backup south
offer south R1 to north reason 3
wait 5s
remove south R1 north
remove south R1 east
remove south R1 east
wait 5s
accept north R1 "Jo"
wait 5s
remove south R1 north
show south R1
list east
show north R1
tells
	  25.000 south offers R1 north
	  25.010 south stores R1 east 1
	  25.010 east stores R1 south 1
	  25.011 north wants R1 south
	  25.011 east stores R1 south 2
	  25.037 north stores R1 south 6
	  25.037 north has R1 south 16
	  25.037 north completes R1 13
	  30.000 south is told offer-open
	  30.000 south removes R1 east
	  30.000 south rekeys R1
	  30.000 south is told region-not-in-circle
	  30.010 east stores R1 south 1
	  30.011 north wants R1 south
	  30.011 north stores R1 south 2
	  30.032 north has R1 south 18
	  35.000 north accepts R1 south
	  35.011 south wants R1 north
	  35.034 south stores R1 north 3
	  35.034 south has R1 north 20
	  35.034 south releases R1 north
	  35.045 north stores R1 south 1
	  35.045 north takes over R1
	  40.000 south is told not-custodian
	  40.000 south shows R1 custodian=north, custody=reader, role=reader, changes=21, entries=7, conflicts=0
	  40.000 east lists R1 custodian=south, custody=none, role=none, changes=17, entries=6, conflicts=0
	  40.000 east lists 1
	  40.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=21, entries=7, conflicts=0
end
