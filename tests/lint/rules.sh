#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules.sh PROTOCOL FILES...: every rule that code or a test quotes, as in (P4.1), stands in
# PROTOCOL.md as **P4.1**, and no rule stands there twice.

protocol=$1
shift
[ -f "$protocol" ] || exit 0
rules=$(grep -oE '\*\*P[0-9]+\.[0-9]+' "$protocol" | tr -d '*' | sort)
rc=0
twice=$(uniq -d <<<"$rules")
[ -n "$twice" ] && { echo "$protocol: more than once: ${twice//$'\n'/ }"; rc=1; }
[ -n "$rules" ] || { echo "$protocol: no rule **Pn.n** in it"; rc=1; }
while IFS=: read -r file line rule; do
	grep -qx "$rule" <<<"$rules" || { echo "$file:$line: there is no rule $rule"; rc=1; }
done < <(grep -noE '\bP[0-9]+\.[0-9]+\b' /dev/null "$@")
exit $rc
