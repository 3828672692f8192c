# SPDX-License-Identifier: Apache-2.0
# The link is cut in the middle of a transfer of 300 notes, and heals: what had come is not lost and
# not sent again, the rest follows, and none is there twice.
regions north south
introduce all
until 5s
make north 998 child-1
notes north R1 300 "a long note, so that three hundred of them do not fit into one frame: the visit was at home, all of the family was there, the school had written, the next meeting is in four weeks, and the review in the month after that; she asked for a photograph of her brother, and he will bring one; the placement is well and the worker who knows her best will be back from leave by then, which she was glad to hear about"
hush
offer north R1 to south reason 1
wait-for south R1 150
cut north south
show south R1
wait 10s
tells
	   5.000 north offers R1 south
	   5.011 south wants R1 north
	   5.194 south stores R1 north 200
	   5.194 south shows R1 custodian=north, custody=offered to us by north, role=writer, changes=201, entries=200, conflicts=0
	  10.194 south loses north: timed out
	  10.194 north loses south: timed out
	  10.798 south dials north
	  10.818 south loses north: no answer
	  11.859 south dials north
	  11.879 south loses north: no answer
	  14.319 south dials north
	  14.339 south loses north: no answer
end
heal north south
wait 60s
show south R1
accept south R1 "Jo"
wait 5s
show south R1
tells
	  18.719 south dials north
	  18.739 south greets north
	  18.749 north greets south
	  18.769 north stores R1 south 1
	  18.843 south stores R1 north 103
	  18.843 south has R1 north 304
	  18.863 south completes R1 302
	  75.194 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=304, entries=301, conflicts=0
	  75.194 south accepts R1 north
	  75.205 north stores R1 south 2
	  75.205 north releases R1 south
	  75.215 south stores R1 north 1
	  75.215 south takes over R1
	  80.194 south shows R1 custodian=south, custody=ours, role=custodian, changes=307, entries=302, conflicts=0
end
