# SPDX-License-Identifier: Apache-2.0
# A child moves on the third day, while the old region is cut off for two more. What each region proves
# on the way differs by what it knows, leaves no day without anybody, and contradicts nothing.
regions north south east
introduce all
until 5s
make north 998 child-1
wait 172800s
offer north R1 to south reason 1
wait 3600s
cut north south
accept south R1 "Jo"
wait 1s
hush
prove south R1
prove north R1
tells
	176406.000 south proves R1: 2026-01-01 to 2026-01-03 north, made the record, term 1, not ended
	176406.000 south proves R1: 2026-01-03 to 2026-01-03 south, acting since it accepted, term 1, not ended
	176406.000 north proves R1: 2026-01-01 to 2026-01-03 north, made the record, term 1, not ended
end
wait 172800s
heal all
wait 3600s
hush
prove north R1
prove south R1
prove east R1
tells
	352806.000 north proves R1: 2026-01-01 to 2026-01-05 north, made the record, term 1
	352806.000 north proves R1: 2026-01-03 to 2026-01-05 south, acting since it accepted, term 1
	352806.000 north proves R1: 2026-01-05 to 2026-01-05 south, custodian, term 2, not ended
	352806.000 south proves R1: 2026-01-01 to 2026-01-05 north, made the record, term 1
	352806.000 south proves R1: 2026-01-03 to 2026-01-05 south, acting since it accepted, term 1
	352806.000 south proves R1: 2026-01-05 to 2026-01-05 south, custodian, term 2, not ended
	352806.000 east is told record-unknown
end
wait 86400s
offer south R1 to east reason 1
wait 3600s
accept east R1 "Kim"
wait 3600s
hush
prove north R1
prove east R1
tells
	446406.000 north proves R1: 2026-01-01 to 2026-01-05 north, made the record, term 1
	446406.000 north proves R1: 2026-01-03 to 2026-01-05 south, acting since it accepted, term 1
	446406.000 north proves R1: 2026-01-05 to 2026-01-06 south, custodian, term 2
	446406.000 north proves R1: 2026-01-06 to 2026-01-06 east, acting since it accepted, term 2
	446406.000 north proves R1: 2026-01-06 to 2026-01-06 east, custodian, term 3, not ended
	446406.000 east proves R1: 2026-01-01 to 2026-01-05 north, made the record, term 1
	446406.000 east proves R1: 2026-01-03 to 2026-01-05 south, acting since it accepted, term 1
	446406.000 east proves R1: 2026-01-05 to 2026-01-06 south, custodian, term 2
	446406.000 east proves R1: 2026-01-06 to 2026-01-06 east, acting since it accepted, term 2
	446406.000 east proves R1: 2026-01-06 to 2026-01-06 east, custodian, term 3, not ended
end
