# SPDX-License-Identifier: Apache-2.0
# Both dial at one moment, and both get through: the link that the smaller region id has dialled stays,
# and no session is lost by it, whoever is a little earlier.
regions north south
introduce all
until 5s
hush
restart north
wait 250ms
restart south
wait 5s
tells
	   5.000 north is restarted
	   5.010 south loses north: the peer is gone
	   5.250 north dials south
	   5.250 south is restarted
	   5.250 south dials north
	   5.280 north greets south
	   5.290 south greets north
end
restart north
wait 242ms
restart south
wait 5s
tells
	  10.250 north is restarted
	  10.260 south loses north: the peer is gone
	  10.492 south is restarted
	  10.492 south dials north
	  10.500 north dials south
	  10.522 north greets south
	  10.532 south greets north
end
restart north
wait 258ms
restart south
wait 5s
tells
	  15.492 north is restarted
	  15.502 south loses north: the peer is gone
	  15.742 north dials south
	  15.750 south is restarted
	  15.750 south dials north
	  15.780 north greets south
	  15.790 south greets north
end
