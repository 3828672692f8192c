#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# linked.sh BIN: the programs as they are linked. Who parses strangers' bytes has no store; who
# has the store does not speak to strangers; JSON is at the edge only.

rc=0
never() { # PROGRAM LIBRARY...
	local program=$bin/$1 needed lib
	[ -x "$program" ] || return
	needed=$(readelf -d "$program" | grep NEEDED)
	for lib in "${@:2}"; do
		grep -q "\[$lib\." <<<"$needed" && { echo "${program##*/} is linked with $lib"; rc=1; }
	done
}
bin=$1
never kithd libzmq libjansson libsmartcols libmicrohttpd libjson-c
never kith-link liblmdb libsystemd libjansson libsmartcols libmicrohttpd
never kithctl libzmq libsystemd libmicrohttpd
never kith-exporter libzmq liblmdb libsystemd libjansson libsmartcols
exit $rc
