#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# codes.sh: kith-codes(7), as it is made from the lists, passes mandoc and has every code of every
# list; each has a name of its own in its list, a cause and what to do.

cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -r "$dir"' EXIT
page=$dir/kith-codes.7
failed=0

awk -f conf/man/codes.awk include/kith/*.def >"$page" || exit 1
mandoc -T lint -W warning "$page" || failed=1

# How many rows of each list there are, how many of them the page has.
for list in PROBLEM VERDICT REASON DECLINE REFUSAL EMERGENCY; do
	names=$(sed -n "s/^$list([^\"]*\"\([^\"]*\)\".*/\1/p" include/kith/*.def)
	[ "$(wc -l <<<"$names")" -ge 3 ] || {
		echo "codes.sh: cannot read the rows of $list"
		failed=1
	}
	[ "$(wc -l <<<"$names")" -eq "$(grep -c "^$list(" <(cat include/kith/*.def))" ] || {
		echo "codes.sh: a row of $list is not one line"
		failed=1
	}
	sort <<<"$names" | uniq -d | sed "s/^/codes.sh: twice in $list: /" | grep . && failed=1
	while read -r name; do
		grep -qxE "\.It Cm ${name//-/\\\\-}( Pq [0-9]+)?" "$page" || {
			echo "kith-codes(7): $name is missing"
			failed=1
		}
	done <<<"$names"
	# A list with what to do must have it in every row.
	[ $list = REASON ] || [ $list = EMERGENCY ] && continue
	grep -nE "^$list\(.*, *\"\" *\)" include/kith/*.def && {
		echo "codes.sh: a $list without what to do"
		failed=1
	}
done
exit $failed
