# SPDX-License-Identifier: Apache-2.0
# A record follows a child: offer, everything arrives, accept, release, takes over.
regions north south
introduce all
until 5s
hush
make north 998 child-1
note north R1 "she likes to be called by her second name"
notes north R1 2 "a visit, all well, next one in four weeks"
show north R1
tells
	   5.000 north makes R1
	   5.000 north admits R1 1: entries
	   5.000 north admits R1 1: entries
	   5.000 north admits R1 1: entries
	   5.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=5, entries=4, conflicts=0
end

offer north R1 to south reason 1
wait 5s
show south R1
tells
	   5.000 north offers R1 south
	   5.011 south wants R1 north
	   5.037 south stores R1 north 7
	   5.037 south has R1 north 7
	   5.037 south completes R1 6
	  10.000 south shows R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=8, entries=5, conflicts=0
end

accept south R1 "Jo"
wait 5s
show south R1
show north R1
tells
	  10.000 south accepts R1 north
	  10.010 north stores R1 south 1
	  10.011 north stores R1 south 2
	  10.011 north releases R1 south
	  10.021 south stores R1 north 1
	  10.021 south takes over R1
	  15.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=11, entries=6, conflicts=0
	  15.000 north shows R1 custodian=south, custody=reader, role=reader, changes=11, entries=6, conflicts=0
end

# The new custodian writes, and the old one, who reads now, sees it and may not write.
note south R1 "settled in well at the new school here"
wait 5s
note north R1 "a note that comes from a reader now"
list north
list south
wait 60s
tells
	  15.000 south admits R1 1: entries
	  15.010 north stores R1 south 1
	  20.000 north is told not-writer
	  20.000 north lists R1 custodian=south, custody=reader, role=reader, changes=12, entries=7, conflicts=0
	  20.000 north lists 1
	  20.000 south lists R1 custodian=south, custody=ours, role=custodian, changes=12, entries=7, conflicts=0
	  20.000 south lists 1
end
