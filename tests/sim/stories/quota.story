# SPDX-License-Identifier: Apache-2.0
# South holds no more of what north writes than its quota allows: what is beyond is parked. An Offer
# and its Withdraw come all the same; when the quota is raised all of it comes, and the record can be
# taken over.
regions north south
introduce all
until 5s
quota south 8 1000
make north 998 child-1
offer north R1 to south reason 1
wait 5s
hush
notes north R1 12 "north writes more than south will hold"
wait 5s
withdraw north R1
wait 5s
offer north R1 to south reason 1
wait 60s
accept south R1 "Jo"
show south R1
tells
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.000 north admits R1 1: entries
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south stores R1 north 1
	  10.010 south parks R1 north: its quota is used up
	  15.000 north withdraws R1 south
	  15.010 south wants R1 north
	  15.032 south has R1 north 10
	  15.032 south declines R1 north
	  15.042 north stores R1 south 1
	  15.042 north removes R1 south
	  15.042 north rekeys R1
	  15.052 south wants R1 north
	  15.072 south has R1 north 11
	  20.000 north offers R1 south
	  20.011 south wants R1 north
	  20.036 south has R1 north 11
	  80.000 south is told record-incomplete
	  80.000 south shows R1 custodian=north, custody=offered to us by north, role=writer, changes=12, entries=8, conflicts=0
end
quota south 1000 1000
wait 10s
accept south R1 "Jo"
wait 10s
show south R1
tells
	  80.000 south wants R1 north
	  80.010 north stores R1 south 1
	  80.029 south stores R1 north 10
	  80.029 south has R1 north 22
	  80.029 south completes R1 20
	  90.000 south accepts R1 north
	  90.011 north stores R1 south 2
	  90.011 north releases R1 south
	  90.021 south stores R1 north 1
	  90.021 south takes over R1
	 100.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=25, entries=14, conflicts=0
end
