# SPDX-License-Identifier: Apache-2.0
# The receiving side asks. The custodian's people offer, or refuse with a code; a region that has nothing
# of the kind says the same at first. What nobody can hear yet waits, on both sides.
regions north south east
introduce all
until 5s
make north 998 child-1
alias north R1 998 child-1
hush
request south from north 998/child-1 "placed here since Monday"
request south from east 998/child-1 "placed here since Monday"
request south from north 998/child-1 "asked again, nothing is added"
wait 5s
requests south
requests north
requests east
tells
	   5.000 south asks north
	   5.000 south asks east
	   5.010 north is asked by south
	   5.010 east is asked by south
	  10.000 south request to north 998/child-1: noted
	  10.000 south request to east 998/child-1: noted
	  10.000 south lists 2 requests
	  10.000 north request from south 998/child-1: noted, ours
	  10.000 north lists 1 requests
	  10.000 east request from south 998/child-1: noted, not held here
	  10.000 east lists 1 requests
end
offer north R1 to south reason 1
refuse east south 1
wait 5s
requests south
requests north
requests east
list south
tells
	  10.000 north offers R1 south
	  10.000 north answers south: offered
	  10.000 east answers south: refused
	  10.010 south is answered by north: offered
	  10.010 south is answered by east: refused
	  10.011 south wants R1 north
	  10.035 south stores R1 north 4
	  10.035 south has R1 north 4
	  10.035 south completes R1 3
	  15.000 south request to north 998/child-1: offered
	  15.000 south request to east 998/child-1: refused, not-known-here
	  15.000 south lists 2 requests
	  15.000 north lists 0 requests
	  15.000 east lists 0 requests
	  15.000 south lists R1 custodian=north, custody=offered to us by north, complete, role=writer, changes=4, entries=1, conflicts=0
	  15.000 south lists 1
end
cancel south
cancel south
requests south
tells
	  15.000 south lists 0 requests
end
# Cut off: the request is said when they meet again; and so is the answer.
cut north east
hush
request east from north 998/child-1 "a court asks"
wait 10s
requests east
heal all
wait 120s
requests east
cut north east
wait 10s
refuse north east 4
wait 5s
requests north
hush
crash east after-commit
heal all
wait 120s
requests east
requests north
tells
	 164.110 north dials east
	 164.140 east greets north
	 164.150 north greets east
	 164.160 east is killed after its commit
	 164.170 north loses east: the peer is gone
	 164.170 south loses east: the peer is gone
	 164.210 east dials south
	 164.210 east dials north
	 164.240 south greets east
	 164.240 north greets east
	 164.250 east greets south
	 164.250 east greets north
	 280.000 east request to north 998/child-1: refused, child-stays
	 280.000 east lists 1 requests
	 280.000 north lists 0 requests
end
# Taken back while nobody hears it.
cut north east
wait 10s
request east from north 998/child-2 "by mistake"
cancel east
cancel east
hush
heal all
wait 120s
requests east
requests north
tells
	 293.264 north dials east
	 293.294 east greets north
	 293.304 north greets east
	 410.000 east request to north 998/child-1: refused, child-stays
	 410.000 east lists 1 requests
	 410.000 north lists 0 requests
end
