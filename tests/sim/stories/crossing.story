# SPDX-License-Identifier: Apache-2.0
# Withdraw and Accept cross: the acceptor stays responsible until it has seen the Withdraw and stood
# down; then it leaves the circle and the record gets new keys.
regions north south
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
hush
cut north south
accept south R1 "Jo"
withdraw north R1
show north R1
show south R1
tells
	  10.000 south accepts R1 north
	  10.000 north withdraws R1 south
	  10.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=6, entries=2, conflicts=0
	  10.000 south shows R1 custodian=north, custody=acting: accepted from north, role=writer, changes=7, entries=3, conflicts=0
end
heal north south
wait 60s
show north R1
show south R1
tells
	  15.000 south loses north: timed out
	  15.000 north loses south: timed out
	  15.561 south dials north
	  15.591 north greets south
	  15.601 south greets north
	  15.612 north stores R1 south 3
	  15.622 south stores R1 north 2
	  15.622 south stands down R1 north
	  15.632 north stores R1 south 1
	  15.632 north removes R1 south
	  15.632 north rekeys R1
	  15.642 south stores R1 north 1
	  70.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=12, entries=4, conflicts=0
	  70.000 south shows R1 custodian=north, custody=none, role=none, changes=11, entries=4, conflicts=0
end
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
show north R1
show south R1
tells
	  70.000 north offers R1 south
	  70.011 south wants R1 north
	  70.035 south stores R1 north 3
	  70.035 south has R1 north 14
	  70.035 south completes R1 13
	  75.000 south accepts R1 north
	  75.011 north stores R1 south 2
	  75.011 north releases R1 south
	  75.021 south stores R1 north 1
	  75.021 south takes over R1
	  80.000 north shows R1 custodian=south, custody=reader, role=reader, changes=17, entries=5, conflicts=0
	  80.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=17, entries=5, conflicts=0
end
