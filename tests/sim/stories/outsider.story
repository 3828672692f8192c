# SPDX-License-Identifier: Apache-2.0
# A third region links with both and learns nothing of the record, not that it exists.
regions north south east
introduce all
until 5s
make north 998 child-1
note north R1 "words that east must never hold"
offer north R1 to south reason 1
wait 5s
accept south R1 "Jo"
wait 5s
hush
list east
show east R1
note east R1 "written by a stranger"
offer east R1 to north reason 1
accept east R1 "Kim"
decline east R1 1
withdraw east R1
wait 120s
tells
	  15.000 east lists 0
	  15.000 east is told record-unknown
	  15.000 east is told record-unknown
	  15.000 east is told record-unknown
	  15.000 east is told record-unknown
	  15.000 east is told record-unknown
	  15.000 east is told record-unknown
end
