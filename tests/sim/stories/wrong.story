# SPDX-License-Identifier: Apache-2.0
# What people ask for and cannot have: each refusal says which rule was broken.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "a note"
hush
accept north R1 "Jo"
withdraw north R1
decline north R1 1
offer north R1 to north reason 1
offer north R1 to south reason 99
offer north R1 to south reason 1
offer north R1 to east reason 1
accept south R1 "Jo"
tells
	   5.000 north is told offer-none
	   5.000 north is told offer-none
	   5.000 north is told offer-none
	   5.000 north is told peer-unknown
	   5.000 north is told argument-wrong
	   5.000 north offers R1 south
	   5.000 north is told offer-open
	   5.000 south is told record-unknown
end
wait 5s
offer south R1 to east reason 1
withdraw south R1
decline south R1 99
note south R1 "a candidate is a writer"
accept north R1 "Jo"
accept south R1 "Jo"
accept south R1 "Jo"
decline south R1 1
wait 5s
accept south R1 "Jo"
offer north R1 to east reason 1
note north R1 "the old one reads"
tells
	   5.011 south wants R1 north
	   5.035 south stores R1 north 4
	   5.035 south has R1 north 4
	   5.035 south completes R1 3
	  10.000 south is told not-custodian
	  10.000 south is told not-custodian
	  10.000 south is told argument-wrong
	  10.000 south admits R1 1: entries
	  10.000 north is told not-offered-to-us
	  10.000 south accepts R1 north
	  10.000 south is told already-accepted
	  10.000 south is told already-accepted
	  10.010 north stores R1 south 1
	  10.011 north stores R1 south 2
	  10.011 north releases R1 south
	  10.021 south stores R1 north 1
	  10.021 south takes over R1
	  15.000 south is told offer-none
	  15.000 north is told not-custodian
	  15.000 north is told not-writer
end
