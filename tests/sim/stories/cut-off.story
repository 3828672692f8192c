# SPDX-License-Identifier: Apache-2.0
# The custodian is cut off after its Offer, and the acceptor after its Accept. In the first case the
# candidate accepts alone and is responsible beside the custodian, who does not know of it; in the second
# the Release is made as soon as the Accept gets through. At no moment is nobody responsible.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
cut north south
cut north east
wait 40s
accept south R1 "Jo"
hush
show north R1
show south R1
note north R1 "written by the custodian, who has not heard"
note south R1 "written by the acceptor"
wait 30s
tells
	  50.000 north shows R1 custodian=north, custody=ours, offered to south, role=custodian, changes=5, entries=2, conflicts=0
	  50.000 south shows R1 custodian=north, custody=acting: accepted from north, role=writer, changes=7, entries=3, conflicts=0
	  50.000 north admits R1 1: entries
	  50.000 south admits R1 1: entries
end
heal all
wait 120s
show north R1
show south R1
tells
	  82.856 south dials north
	  82.876 south greets north
	  82.886 north greets south
	  82.897 south stores R1 north 2
	  82.908 north stores R1 south 4
	  82.908 north releases R1 south
	  82.918 south stores R1 north 1
	  82.918 south takes over R1
	  88.873 north dials east
	  88.893 north greets east
	  88.903 east greets north
	 200.000 north shows R1 custodian=south, custody=reader, role=reader, changes=11, entries=6, conflicts=0
	 200.000 south shows R1 custodian=south, custody=ours, role=custodian, changes=11, entries=6, conflicts=0
end
# The acceptor goes down in the moment of its Accept, after the commit: it accepted, and nobody heard it.
offer south R1 to east reason 1
wait 5s
hush
crash east after-commit
accept east R1 "Ada"
cut east south
cut east north
wait 60s
show south R1
show east R1
tells
	 205.000 east is killed after its commit
	 205.010 north loses east: the peer is gone
	 205.010 south loses east: the peer is gone
	 205.548 south dials east
	 205.568 south loses east: no answer
	 205.587 north dials east
	 205.607 north loses east: no answer
	 206.610 south dials east
	 206.630 south loses east: no answer
	 206.643 north dials east
	 206.663 north loses east: no answer
	 208.692 south dials east
	 208.712 south loses east: no answer
	 208.758 north dials east
	 208.778 north loses east: no answer
	 212.974 south dials east
	 212.994 south loses east: no answer
	 213.466 north dials east
	 213.486 north loses east: no answer
	 222.360 north dials east
	 222.380 north loses east: no answer
	 222.861 south dials east
	 222.881 south loses east: no answer
	 240.672 south dials east
	 240.692 south loses east: no answer
	 242.091 north dials east
	 242.111 north loses east: no answer
	 265.000 south shows R1 custodian=south, custody=ours, offered to east, role=custodian, changes=13, entries=6, conflicts=0
	 265.000 east shows R1 custodian=south, custody=acting: accepted from south, role=writer, changes=16, entries=8, conflicts=0
end
heal all
wait 120s
show south R1
show east R1
tells
	 272.740 south dials east
	 272.760 south greets east
	 272.770 east greets south
	 272.781 south stores R1 east 3
	 272.781 south releases R1 east
	 272.791 east stores R1 south 1
	 272.791 east takes over R1
	 272.793 north stores R1 south 3
	 272.793 north stores R1 south 1
	 274.779 north dials east
	 274.799 north greets east
	 274.809 east greets north
	 385.000 south shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=8, conflicts=0
	 385.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=17, entries=8, conflicts=0
end
