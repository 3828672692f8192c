# SPDX-License-Identifier: Apache-2.0
# The link is cut in the middle of a transfer of 700 notes, and heals: what had come is not lost and
# not sent again, the rest follows, and none is there twice.
regions north south
introduce all
until 5s
make north 998 child-1
notes north R1 700 "a long note, so that seven hundred of them do not fit into one frame: the visit was at home, all of the family was there, the school had written, the next meeting is in four weeks, and the review in the month after that; she asked for a photograph of her brother, and he will bring one; the placement is well and the worker who knows her best will be back from leave by then, which she was glad to hear about"
hush
offer north R1 to south reason 1
wait-for south R1 150
cut north south
show south R1
wait 10s
tells
	   5.000 north offers R1 south
	   5.011 south wants R1 north
	   5.224 south stores R1 north 238
	   5.224 south stores R1 north 76
	   5.224 south shows R1 custodian=north, custody=offered to us by north, role=writer, changes=315, entries=314, conflicts=0
	  10.224 south loses north: timed out
	  10.224 north loses south: timed out
	  10.828 south dials north
	  10.848 south loses north: no answer
	  11.889 south dials north
	  11.909 south loses north: no answer
	  14.349 south dials north
	  14.369 south loses north: no answer
end
heal north south
wait 60s
show south R1
accept south R1 "Jo"
wait 5s
show south R1
tells
	  18.749 south dials north
	  18.779 north greets south
	  18.789 south greets north
	  18.799 north stores R1 south 1
	  19.002 south stores R1 north 238
	  19.002 south stores R1 north 76
	  19.081 south stores R1 north 75
	  19.081 south has R1 north 704
	  19.083 south completes R1 702
	  75.224 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=704, entries=701, conflicts=0
	  75.224 south accepts R1 north
	  75.235 north stores R1 south 2
	  75.235 north releases R1 south
	  75.245 south stores R1 north 1
	  75.245 south takes over R1
	  80.224 south shows R1 custodian=south, custody=ours, role=custodian, changes=707, entries=702, conflicts=0
end
