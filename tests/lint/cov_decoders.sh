#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cov_decoders.sh DIR LEAST FILE...: the lines of each decoder that the fuzzers' corpora reach, from
# a PROFILE=cov build whose replays, and nothing else, have run. Below LEAST percent it fails.

dir=$1 least=$2
passed=0 failed=0
for f in "${@:3}"; do
	data=${f%.c}.gcda
	percent=$(cd "$dir" && gcov -n -o "$(dirname "$data")" "$data" 2>/dev/null | awk -v file="$f" '
		/^File / { gsub(/\x27/, ""); own = $2 == file || index($2, "/" file) }
		/^Lines executed:/ && own { split($2, v, ":"); print v[2] + 0; exit }')
	printf '%-28s %5.1f %%\n' "$f" "${percent:-0}"
	if awk -v p="${percent:-0}" -v least="$least" 'BEGIN { exit p < least }'; then
		passed=$((passed + 1))
	else
		echo "$f: the corpora reach less than $least % of its lines"
		failed=$((failed + 1))
	fi
done
tally="$passed passed, $failed failed"
[ -n "$KITH_TALLY" ] && echo "$tally" >>"$KITH_TALLY"
echo "$tally"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
