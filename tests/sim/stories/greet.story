# SPDX-License-Identifier: Apache-2.0
# Two regions are introduced and greet each other; then one is restarted and they greet again.
regions north south
introduce all
until 5s
tells
	   0.000 north adds peer south
	   0.000 south adds peer north
	   0.000 south dials north
	   0.030 north greets south
	   0.040 south greets north
	   0.040 south reconciles north
	   0.050 north reconciles south
end

restart south
wait 5s
tells
	   5.000 south is restarted
	   5.000 south dials north
	   5.010 north loses south: the peer is gone
	   5.030 north greets south
	   5.040 south greets north
end

# A link that is cut is noticed by both, and dialled again until it is there.
cut north south
wait 20s
heal north south
wait 60s
tells
	  15.000 south loses north: timed out
	  15.000 north loses south: timed out
	  15.554 south dials north
	  15.574 south loses north: no answer
	  16.654 south dials north
	  16.674 south loses north: no answer
	  18.779 south dials north
	  18.799 south loses north: no answer
	  23.648 south dials north
	  23.668 south loses north: no answer
	  29.912 south dials north
	  29.932 south loses north: no answer
	  35.976 south dials north
	  36.006 north greets south
	  36.016 south greets north
end
