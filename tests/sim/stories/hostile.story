# SPDX-License-Identifier: Apache-2.0
# A frame that comes again, or that was changed on the way, ends the link and nothing else: both greet
# again and go on.
regions north south
introduce all
until 5s
make north 998 child-1
offer north R1 to south reason 1
wait 5s
hush
replay south
wait 5s
tells
	  10.013 south refuses north frame-does-not-open
	  10.013 south loses north: frame-does-not-open
	  10.023 north loses south: dropped
	  10.567 south dials north
	  10.597 north greets south
	  10.607 south greets north
end
garble south
note north R1 "this one comes damaged first"
wait 10s
show south R1
tells
	  15.000 north admits R1 1: entries
	  15.010 south refuses north frame-does-not-open
	  15.010 south loses north: frame-does-not-open
	  15.020 north loses south: dropped
	  15.614 south dials north
	  15.644 north greets south
	  15.654 south greets north
	  15.674 south stores R1 north 1
	  25.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=5, entries=2, conflicts=0
end
