#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# spdx.sh FILES...: each source file names its licence in its first five lines.

rc=0
for f in "$@"; do
	head -n 5 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' ||
		{ echo "$f: no SPDX-License-Identifier: Apache-2.0"; rc=1; }
done
exit $rc
