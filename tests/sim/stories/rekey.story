# SPDX-License-Identifier: Apache-2.0
# A candidate declines: it leaves the circle, the record gets new keys, and who stays gets them.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "written while there were two keys only"
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
hush

offer south R1 to east reason 1
wait 5s
tells
	  15.000 south offers R1 east
	  15.011 north stores R1 south 2
	  15.011 east wants R1 south
	  15.041 east stores R1 south 9
	  15.041 east has R1 south 9
	  15.041 east completes R1 8
end

decline east R1 2
wait 5s
tells
	  20.000 east declines R1 south
	  20.010 north stores R1 east 1
	  20.010 south stores R1 east 1
	  20.010 south removes R1 east
	  20.010 south rekeys R1
	  20.020 east stores R1 south 1
	  20.021 north wants R1 south
	  20.021 north stores R1 south 2
	  20.042 north has R1 south 12
end

# What comes now is sealed under the new key: north reads it, east never gets it.
note south R1 "written under the new key of epoch two"
wait 60s
show north R1
show south R1
show east R1
list east
tells
	  25.000 south admits R1 1: entries
	  25.010 north stores R1 south 1
	  85.000 north shows R1 custodian=south, custody=reader, role=reader, changes=14, entries=4, conflicts=0
	  85.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=14, entries=4, conflicts=0
	  85.000 east shows R1 custodian=south, custody=none, role=none, changes=11, entries=2, conflicts=0
	  85.000 east lists R1 custodian=south, custody=none, role=none, changes=11, entries=2, conflicts=0
	  85.000 east lists 1
end
