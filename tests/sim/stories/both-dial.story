# SPDX-License-Identifier: Apache-2.0
# Both dial at one moment, and both get through: the link that the smaller region id has dialled stays,
# and no session is lost by it, whoever is a little earlier.
regions north south
introduce all
until 5s
hush
restart north
wait 50ms
restart south
wait 5s
tells
	   5.000 north is restarted
	   5.010 south loses north: the peer is gone
	   5.050 north dials south
	   5.050 south is restarted
	   5.050 south dials north
	   5.080 north greets south
	   5.090 south greets north
end
restart north
wait 42ms
restart south
wait 5s
tells
	  10.050 north is restarted
	  10.060 south loses north: the peer is gone
	  10.092 south is restarted
	  10.092 south dials north
	  10.100 north dials south
	  10.122 north greets south
	  10.132 south greets north
end
restart north
wait 58ms
restart south
wait 5s
tells
	  15.092 north is restarted
	  15.102 south loses north: the peer is gone
	  15.142 north dials south
	  15.150 south is restarted
	  15.150 south dials north
	  15.180 north greets south
	  15.190 south greets north
end
