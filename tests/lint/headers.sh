#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# headers.sh GEN HEADERS...: each header compiles when it is the only one, and says "#pragma once".

gen=$1
shift
rc=0
for h in "$@"; do
	also=()
	case $h in proto/*) also=("-I$gen") ;; esac
	echo "#include \"$h\"" | gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Iinclude \
		"${also[@]}" -fsyntax-only -xc - || rc=1
	grep -q '^#pragma once$' "$h" || { echo "$h: no #pragma once"; rc=1; }
done
exit $rc
