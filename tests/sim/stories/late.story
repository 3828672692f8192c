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
	  20.546 north dials east
	  20.566 north loses east: no answer
	  20.583 south dials east
	  20.603 south loses east: no answer
	  21.686 south dials east
	  21.706 south loses east: no answer
	  21.801 north dials east
	  21.821 north loses east: no answer
	  23.952 north dials east
	  23.972 north loses east: no answer
	  24.129 south dials east
	  24.149 south loses east: no answer
	  28.578 north dials east
	  28.598 north loses east: no answer
	  28.786 south dials east
	  28.806 south loses east: no answer
	  33.984 north dials east
	  34.004 north loses east: no answer
	  34.104 south dials east
	  34.124 south loses east: no answer
end
heal south east
wait 60s
accept east R1 "Kim"
wait 5s
tells
	  39.466 south dials east
	  39.496 east greets south
	  39.506 south greets east
	  39.517 east wants R1 south
	  39.547 east stores R1 south 10
	  39.547 east has R1 south 10
	  39.547 east completes R1 8
	  40.085 north dials east
	  40.105 north loses east: no answer
	  45.679 north dials east
	  45.699 north loses east: no answer
	  51.015 north dials east
	  51.035 north loses east: no answer
	  57.061 north dials east
	  57.081 north loses east: no answer
	  62.731 north dials east
	  62.751 north loses east: no answer
	  68.261 north dials east
	  68.281 north loses east: no answer
	  74.479 north dials east
	  74.499 north loses east: no answer
	  80.602 north dials east
	  80.622 north loses east: no answer
	  86.684 north dials east
	  86.704 north loses east: no answer
	  91.840 north dials east
	  91.860 north loses east: no answer
	  95.000 east accepts R1 south
	  95.011 south stores R1 east 2
	  95.011 south releases R1 east
	  95.021 east stores R1 south 1
	  95.021 east takes over R1
	  95.022 north stores R1 south 2
	  95.022 north stores R1 south 1
	  97.335 north dials east
	  97.355 north loses east: no answer
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
	 102.723 north dials east
	 102.743 north loses east: no answer
	 105.000 south loses east: timed out
	 105.000 east loses south: timed out
	 105.615 south dials east
	 105.635 south loses east: no answer
	 106.769 south dials east
	 106.789 south loses east: no answer
	 108.851 north dials east
	 108.871 north loses east: no answer
	 109.035 south dials east
	 109.055 south loses east: no answer
	 113.569 south dials east
	 113.589 south loses east: no answer
	 114.766 north dials east
	 114.786 north loses east: no answer
	 118.911 south dials east
	 118.931 south loses east: no answer
	 120.831 north dials east
	 120.861 east greets north
	 120.871 north greets east
	 120.893 north stores R1 east 1
	 124.261 south dials east
	 124.291 east greets south
	 124.301 south greets east
	 124.321 south stores R1 east 1
	 240.000 north shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 south shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=15, entries=6, conflicts=0
end
