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
end
heal south east
wait 60s
accept east R1 "Kim"
wait 5s
tells
	  37.216 north dials east
	  37.236 north loses east: no answer
	  37.282 south dials east
	  37.302 south greets east
	  37.312 east greets south
	  37.333 east wants R1 south
	  37.363 east stores R1 south 10
	  37.363 east has R1 south 10
	  37.363 east completes R1 8
	  56.698 north dials east
	  56.718 north loses east: no answer
	  92.395 north dials east
	  92.415 north loses east: no answer
	  95.000 east accepts R1 south
	  95.011 south stores R1 east 2
	  95.011 south releases R1 east
	  95.021 east stores R1 south 1
	  95.021 east takes over R1
	  95.022 north stores R1 south 2
	  95.022 north stores R1 south 1
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
	 105.500 south dials east
	 105.520 south loses east: no answer
	 106.750 south dials east
	 106.770 south loses east: no answer
	 109.038 south dials east
	 109.058 south loses east: no answer
	 113.550 south dials east
	 113.570 south loses east: no answer
	 122.599 south dials east
	 122.619 south greets east
	 122.629 east greets south
	 122.639 south stores R1 east 1
	 156.207 north dials east
	 156.227 north greets east
	 156.237 east greets north
	 156.249 north stores R1 east 1
	 240.000 north shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 south shows R1 custodian=east, custody=reader, role=reader, changes=15, entries=6, conflicts=0
	 240.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=15, entries=6, conflicts=0
end
