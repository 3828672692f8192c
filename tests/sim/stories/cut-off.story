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
	  50.825 south dials north
	  50.845 south loses north: no answer
	  51.328 north dials east
	  51.348 north loses east: no answer
	  56.024 south dials north
	  56.044 south loses north: no answer
	  56.940 north dials east
	  56.960 north loses east: no answer
	  61.494 south dials north
	  61.514 south loses north: no answer
	  62.953 north dials east
	  62.973 north loses east: no answer
	  66.973 south dials north
	  66.993 south loses north: no answer
	  68.273 north dials east
	  68.293 north loses east: no answer
	  72.375 south dials north
	  72.395 south loses north: no answer
	  74.287 north dials east
	  74.307 north loses east: no answer
	  78.643 south dials north
	  78.663 south loses north: no answer
	  79.988 north dials east
end
heal all
wait 120s
show north R1
show south R1
tells
	  80.008 north loses east: no answer
	  84.737 south dials north
	  84.767 north greets south
	  84.777 south greets north
	  84.789 north stores R1 south 4
	  84.789 north releases R1 south
	  84.798 south stores R1 north 2
	  84.799 south stores R1 north 1
	  84.799 south takes over R1
	  85.263 north dials east
	  85.293 east greets north
	  85.303 north greets east
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
	 205.050 east dials south
	 205.050 east dials north
	 205.070 east loses south: no answer
	 205.070 east loses north: no answer
	 205.566 south dials east
	 205.577 north dials east
	 205.586 south loses east: no answer
	 205.597 north loses east: no answer
	 206.634 north dials east
	 206.651 south dials east
	 206.654 north loses east: no answer
	 206.671 south loses east: no answer
	 209.030 south dials east
	 209.050 south loses east: no answer
	 209.083 north dials east
	 209.103 north loses east: no answer
	 213.340 north dials east
	 213.360 north loses east: no answer
	 213.404 south dials east
	 213.424 south loses east: no answer
	 218.530 north dials east
	 218.550 north loses east: no answer
	 218.814 south dials east
	 218.834 south loses east: no answer
	 223.663 north dials east
	 223.683 north loses east: no answer
	 223.880 south dials east
	 223.900 south loses east: no answer
	 229.745 south dials east
	 229.760 north dials east
	 229.765 south loses east: no answer
	 229.780 north loses east: no answer
	 235.275 south dials east
	 235.295 south loses east: no answer
	 235.498 north dials east
	 235.518 north loses east: no answer
	 241.254 south dials east
	 241.274 south loses east: no answer
	 241.299 north dials east
	 241.319 north loses east: no answer
	 247.100 south dials east
	 247.120 south loses east: no answer
	 247.140 north dials east
	 247.160 north loses east: no answer
	 252.846 south dials east
	 252.866 south loses east: no answer
	 252.997 north dials east
	 253.017 north loses east: no answer
	 258.308 north dials east
	 258.328 north loses east: no answer
	 258.898 south dials east
	 258.918 south loses east: no answer
	 264.070 north dials east
	 264.090 north loses east: no answer
	 264.618 south dials east
	 264.638 south loses east: no answer
	 265.000 south shows R1 custodian=south, custody=ours, offered to east, role=custodian, changes=13, entries=6, conflicts=0
	 265.000 east shows R1 custodian=south, custody=acting: accepted from south, role=writer, changes=16, entries=8, conflicts=0
end
heal all
wait 120s
show south R1
show east R1
tells
	 269.346 north dials east
	 269.376 east greets north
	 269.386 north greets east
	 269.407 north stores R1 east 3
	 270.273 south dials east
	 270.303 east greets south
	 270.313 south greets east
	 270.334 south stores R1 east 3
	 270.334 south releases R1 east
	 270.344 east stores R1 south 1
	 270.344 east takes over R1
	 270.346 north stores R1 south 1
	 385.000 south shows R1 custodian=east, custody=reader, role=reader, changes=17, entries=8, conflicts=0
	 385.000 east shows R1 custodian=east, custody=ours, role=custodian, changes=17, entries=8, conflicts=0
end
