# SPDX-License-Identifier: Apache-2.0
# A change comes before its record is known: south offers to east while north and east cannot talk to
# each other, and north, a reader, learns of everything through south; then south is cut off, and what
# it sent last reaches nobody until it heals.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "from the first region"
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
hush
cut north east
cut south east
offer south R1 to east reason 1
note south R1 "written before the candidate has heard of the record"
wait 20s
tells
	  15.000 south offers R1 east
	  15.000 south admits R1 1: entries
	  15.011 north stores R1 south 2
	  15.011 north stores R1 south 1
	  20.000 north loses east: timed out
	  20.000 east loses north: timed out
	  20.000 south loses east: timed out
	  20.000 east loses south: timed out
	  20.508 north dials east
	  20.528 north loses east: no answer
	  20.534 south dials east
	  20.554 south loses east: no answer
	  21.626 north dials east
	  21.640 south dials east
	  21.646 north loses east: no answer
	  21.660 south loses east: no answer
	  23.831 north dials east
	  23.851 north loses east: no answer
	  23.993 south dials east
	  24.013 south loses east: no answer
	  28.348 south dials east
	  28.368 south loses east: no answer
	  28.792 north dials east
	  28.812 north loses east: no answer
end
heal south east
wait 60s
accept east R1 "Kim"
wait 5s
tells
	  37.338 north dials east
	  37.358 north loses east: no answer
	  38.061 south dials east
	  38.081 south greets east
	  38.091 east greets south
	  38.112 east wants R1 south
	  38.142 east stores R1 south 10
	  38.142 east has R1 south 10
	  38.142 east completes R1 8
	  38.152 south wants R1 east
	  38.172 south has R1 east 10
	  55.784 north dials east
	  55.804 north loses east: no answer
	  90.279 north dials east
	  90.299 north loses east: no answer
	  95.000 east accepts R1 south
	  95.011 south stores R1 east 2
	  95.011 south releases R1 east
	  95.021 east stores R1 south 1
	  95.021 east takes over R1
	  95.023 north stores R1 south 2
	  95.023 north stores R1 south 1
end
cut south east
note east R1 "the new custodian writes, and nobody hears it"
wait 20s
heal all
wait 120s
show north R1
show south R1
show east R1
tells
	 100.000 east admits R1 1: entries
	 105.000 south loses east: timed out
	 105.000 east loses south: timed out
	 105.607 south dials east
	 105.627 south loses east: no answer
	 106.747 south dials east
	 106.767 south loses east: no answer
	 108.768 south dials east
	 108.788 south loses east: no answer
	 113.710 south dials east
	 113.730 south loses east: no answer
	 122.805 south dials east
	 122.825 south greets east
	 122.835 east greets south
	 122.845 south stores R1 east 1
	 163.282 north dials east
	 163.302 north greets east
	 163.312 east greets north
	 163.324 north wants R1 east
	 163.324 north stores R1 east 1
	 163.332 east wants R1 north
	 163.344 north has R1 east 14
	 163.352 east has R1 north 14
	 240.000 north shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 south shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=15, entries=6, conflicts=0
end
