#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# man.sh: nothing that a user can give is missing from the manual. Every verb of control.def and
# of kithctl's table, and every long option, stands in kithctl(1); every setting in kithd.conf(5);
# who may ask which verb in kithd(8).

cd "$(dirname "$0")/../.." || exit 1
page=conf/man/kithctl.1
failed=0

missing() {
	echo "$1: $2 is not documented"
	failed=1
}

verbs=$({
	sed -n 's/^VERB([A-Z_]*, *[0-9]*, *"\([^"]*\)".*/\1/p' include/kith/control.def
	sed -n 's/^\t{ [A-Z0-9_]*, "\([a-z0-9 ]*\)".*/\1/p' daemon/cli/verbs.c
} | sort -u)
options=$(sed -n 's/^OPTION([A-Z_]*, *"\([a-z-]*\)".*/\1/p' daemon/cli/options.def)
settings=$(sed -n 's/^\t{ "\([a-z_]*\)", [a-z]*_good,.*/\1/p' daemon/conf/options.c)

# An empty list would find nothing missing.
for list in verbs options settings; do
	[ "$(wc -l <<<"${!list}")" -ge 5 ] || {
		echo "man.sh: cannot read the $list"
		failed=1
	}
done

while read -r verb; do
	grep -qE "^\.It Ic $verb( |\$)" $page || missing $page "$verb"
done <<<"$verbs"
while read -r option; do
	grep -qE "^\.It .*Fl \\\\-$option( |\$)" $page || missing $page "--$option"
done <<<"$options"
while read -r setting; do
	grep -qE "^\.It Cm $setting\$" conf/man/kithd.conf.5 || missing conf/man/kithd.conf.5 "$setting"
done <<<"$settings"
# Who may what, as control.def has it.
declare -A who=([MAY_LOOK]="look" [MAY_RUN]="operator" [MAY_CARE]="app" [MAY_BOTH]="operator, app"
	[MAY_ADMIN]="admin")
while IFS=: read -r verb may; do
	grep -qxF ".It Ic $verb Ta ${who[$may]}" conf/man/kithd.8 ||
		missing conf/man/kithd.8 "$verb, for ${who[$may]},"
done < <(sed -n 's/^VERB([A-Z_]*, *[0-9]*, *"\([^"]*\)", *[a-z]*, *\([A-Z_]*\),.*/\1:\2/p' \
	include/kith/control.def)
for daemon in host/kithd link/kith-link exporter/kith-exporter; do
	of_daemon=conf/man/${daemon#*/}.8
	given=$(sed -n 's/^\t\t{ "\([a-z-]*\)", \(no\|required\)_argument,.*/\1/p' daemon/$daemon.c)
	[ -n "$given" ] || {
		echo "man.sh: cannot read the options of $daemon.c"
		failed=1
	}
	while read -r option; do
		grep -qE "^\.It .*Fl \\\\-$option( |\$)" "$of_daemon" || missing "$of_daemon" "--$option"
	done <<<"$given"
done
exit $failed
