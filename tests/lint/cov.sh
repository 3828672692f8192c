#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cov.sh DIR: lines and branches that the tests reached, by folder, from a PROFILE=cov build.

cd "$1" || exit 1
find . -name '*.gcda' -path '*/daemon/*' -o -name '*.gcda' -path './proto/*' | while read -r f; do
	gcov -n -b -o "$(dirname "$f")" "$f" 2>/dev/null
done | awk '
	/^File / { gsub(/\x27/, ""); file = $2; own = file ~ /(^|\/)(daemon|proto)\// && file ~ /\.c$/ }
	/^Lines executed:/ && own { split($2, v, ":"); add("l", v[2] + 0, $4) }
	/^Branches executed:/ && own { }
	/^Taken at least once:/ && own { split($4, v, ":"); add("b", v[2] + 0, $6); own = 0 }
	function add(kind, percent, n,    folder) {
		folder = file
		sub(/\/[^\/]*$/, "", folder)
		sub(/.*\/daemon/, "daemon", folder)
		folders[folder] = 1
		hit[folder, kind] += percent * n / 100
		all[folder, kind] += n
	}
	END {
		for (f in folders)
			printf "%-16s lines %5.1f %% of %5d   branches %5.1f %% of %5d\n", f,
				100 * hit[f, "l"] / all[f, "l"], all[f, "l"],
				all[f, "b"] ? 100 * hit[f, "b"] / all[f, "b"] : 100, all[f, "b"]
	}' | sort
