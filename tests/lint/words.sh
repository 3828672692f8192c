#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# words.sh FILES...: nothing here points outside the repository or puts work off. (The brackets
# keep this file from finding itself.)

hits=$(grep -nIE '\.\./share[d]|/wor[k]/|\b(TOD[O]|FIXM[E]|XX[X])\b' /dev/null "$@")
[ -z "$hits" ] && exit 0
echo "$hits"
exit 1
