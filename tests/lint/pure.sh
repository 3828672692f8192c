#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pure.sh ARCHIVE: the pure archive may lean on memory, strings, asserts, protobuf-c and the ports
# of crypto that take a struct crypto: on nothing that can read a clock, a file, a socket or
# chance. The list is anchored: what is not named is refused.

allowed='mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|chr|rchr|str|spn|cspn)'
allowed+='|malloc|calloc|realloc|free|qsort|bsearch|v?snprintf|(__errno_location)'
allowed+='|__[a-z_]+_chk|__assert_fail|_GLOBAL_OFFSET_TABLE_|__tls_get_addr|__stack_chk_fail'
allowed+='|__(asan|ubsan|tsan|sanitizer)_[a-z0-9_]+|protobuf_c_[a-z0-9_]+'
allowed+='|crypto_(counts|hash|mac|hkdf|same|random|draw|drawn|verify|sign|sign_public|sign_keypair|dh'
allowed+='|dh_public|dh_keypair|seal|open|box|unbox|wrap|unwrap)|merkle_(init|add|root|leaf|tree|path|path_len|climb)'
allowed+='|secret_done'

[ -s "$1" ] || { echo "$1 is not there"; exit 1; }
wants=$(nm -u "$1" | awk '$1 == "U" { print $2 }' | sort -u)
has=$(nm --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u)
[ -n "$has" ] || { echo "$1 is empty"; exit 1; }
strangers=$(comm -23 <(echo "$wants") <(echo "$has") | grep -vxE "$allowed")
[ -z "$strangers" ] && exit 0
for s in $strangers; do
	nm -A -u "$1" 2>/dev/null | awk -v s="$s" '$NF == s { print $1 " wants " s }'
done
exit 1
