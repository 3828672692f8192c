# SPDX-License-Identifier: Apache-2.0
# An Offer is withdrawn before the answer: the candidate says so, leaves, and the record gets new keys.
regions north south
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
offer north R1 to south reason 1
wait 5s
hush
withdraw north R1
wait 5s
accept south R1 "Jo"
show south R1
list south
show north R1
tells
	  10.000 north withdraws R1 south
	  10.010 south stores R1 north 1
	  10.010 south declines R1 north
	  10.020 north stores R1 south 1
	  10.020 north removes R1 south
	  10.020 north rekeys R1
	  10.030 south stores R1 north 1
	  15.000 south is told offer-none
	  15.000 south shows R1 custodian=north, custody=none, role=none, changes=7, entries=1, conflicts=0
	  15.000 south lists R1 custodian=north, custody=none, role=none, changes=7, entries=1, conflicts=0
	  15.000 south lists 1
	  15.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=9, entries=2, conflicts=0
end
# Withdrawn while the candidate is away, and offered to another at once.
offer north R1 to south reason 1
cut north south
withdraw north R1
wait 10s
show north R1
heal north south
wait 60s
show north R1
list south
tells
	  15.000 north offers R1 south
	  15.000 north withdraws R1 south
	  20.000 south loses north: timed out
	  20.000 north loses south: timed out
	  20.624 south dials north
	  20.644 south loses north: no answer
	  21.852 south dials north
	  21.872 south loses north: no answer
	  23.954 south dials north
	  23.974 south loses north: no answer
	  25.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=12, entries=2, conflicts=0
	  28.854 south dials north
	  28.884 north greets south
	  28.894 south greets north
	  28.915 south wants R1 north
	  28.941 south stores R1 north 5
	  28.941 south has R1 north 12
	  28.941 south declines R1 north
	  28.951 north stores R1 south 1
	  28.951 north removes R1 south
	  28.951 north rekeys R1
	  28.961 south stores R1 north 1
	  85.000 north shows R1 custodian=north, custody=ours, role=custodian, changes=15, entries=2, conflicts=0
	  85.000 south lists R1 custodian=north, custody=none, role=none, changes=14, entries=2, conflicts=0
	  85.000 south lists 1
end
