# SPDX-License-Identifier: Apache-2.0
#
# Folders must not lean on each other in a ring. A folder leans on the folder that implements a
# contract which it includes; a port (a struct of functions) is vocabulary and belongs to base.
# A contract that stands in no row here is an error: say who implements it.
BEGIN {
	implements["daemon/base"]   = "base err ident arena buf span utf8 view"
	implements["daemon/care"]   = "care"
	implements["daemon/core"]   = "node certificate verdicts"
	implements["proto"]         = "wire message control reasons"
	implements["daemon/crypto"] = "crypto"
	implements["daemon/store"]  = "store"
	implements["daemon/ctl"]    = "ctl"
	implements["daemon/conf"]   = "conf"
	implements["daemon/host"]   = "host"
	implements["daemon/link"]   = "link"
	for (f in implements) {
		n = split(implements[f], names, " ")
		for (i = 1; i <= n; i++) owner[names[i]] = f
	}
}
function lean(from, on) {
	if (from != on && !((from, on) in edge)) {
		edge[from, on] = FILENAME ":" FNR
		folders[from] = folders[on] = 1
	}
}
function owner_of(name) {
	if (name in owner) return owner[name]
	printf "%s:%d: <kith/%s> has no row in tests/lint/cycles.awk\n", FILENAME, FNR, name
	failed = 1
	return ""
}
FNR == 1 {
	n = split(FILENAME, p, "/")
	here = p[1] == "daemon" ? p[1] "/" p[2] : p[1]
	if (p[1] == "include") {
		name = p[n]
		sub(/\.(h|def)$/, "", name)
		here = owner_of(name)
	}
}
here == "tests" || here == "" { next }
match($0, /^[ \t]*#[ \t]*include[ \t]*<kith\/[^>]+/) {
	name = substr($0, RSTART, RLENGTH)
	sub(/.*kith\//, "", name)
	sub(/\.(h|def)$/, "", name)
	on = owner_of(name)
	if (on != "") lean(here, on)
}
# Take away folders that lean on none that is left, until nothing changes: what stays is rings.
END {
	do {
		changed = 0
		for (f in folders) {
			leans = 0
			for (g in folders) if ((f, g) in edge) leans = 1
			if (!leans) { delete folders[f]; changed = 1 }
		}
	} while (changed)
	for (f in folders) for (g in folders) if ((f, g) in edge) {
		printf "%s: %s leans on %s, which leads back to it\n", edge[f, g], f, g
		failed = 1
	}
	exit failed
}
