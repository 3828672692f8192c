#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# generated.sh FILES...: what protoc-c makes is included by proto/ and nobody else, tests included.

hits=$(printf '%s\n' "$@" | grep -v '^proto/' |
	xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include.*(pb-c\.h|protobuf-c)' /dev/null)
[ -z "$hits" ] && exit 0
echo "$hits"
exit 1
