# SPDX-License-Identifier: Apache-2.0
#
# Who may include whom, from the text of the includes alone. Tests may look anywhere.
#
#   1. "folder/x.h" is private to its folder, and so is "x.h".
#   2. <kith/x.h> is a contract. Everybody may use the pure ones; each of the others is for the
#      folders named here.
#   3. A foreign library's header is seen by one folder.
#   4. Pure folders see of the system only what cannot read a clock, a file, a socket or chance.
BEGIN {
	pure = "daemon/base daemon/care daemon/core proto"
	pure_system = "assert errno inttypes limits stdalign stdarg stdbool stddef stdint stdio stdlib string"

	# Contracts with the world behind them, and who may use them.
	outer["store"] = "daemon/store daemon/host daemon/cli"
	outer["link"]  = "daemon/link daemon/host"
	outer["ctl"]   = "daemon/ctl daemon/host daemon/link daemon/cli daemon/exporter"
	outer["conf"]  = "daemon/conf daemon/host daemon/link daemon/cli daemon/exporter"
	outer["host"]  = "daemon/host"

	home["zmq.h"] = "daemon/link"
	home["lmdb.h"] = "daemon/store"
	home["openssl/"] = "daemon/crypto"
	home["sys/random.h"] = "daemon/crypto"
	home["systemd/"] = "daemon/host"
	home["protobuf-c/"] = "proto"
	home["pb-c.h"] = "proto"
	home["jansson.h"] = "daemon/cli"
	home["libsmartcols/"] = "daemon/cli"
	home["libsmartcols.h"] = "daemon/cli"
	home["confuse.h"] = "daemon/conf"
	home["microhttpd.h"] = "daemon/exporter"
	home["sys/socket.h"] = "daemon/link daemon/ctl daemon/host daemon/exporter daemon/cli" # cli: doctor looks whether a way is free
	home["sys/un.h"] = "daemon/link daemon/ctl daemon/host"

	split("daemon/base daemon/care daemon/core proto daemon/crypto daemon/store daemon/ctl " \
		"daemon/conf daemon/host daemon/link daemon/cli daemon/exporter include/kith tests", f, " ")
	for (i in f) folder[f[i]] = 1
}

function in_list(word, list) { return index(" " list " ", " " word " ") > 0 }
function bad(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; failed = 1 }
function ends(s, tail) { return substr(s, length(s) - length(tail) + 1) == tail }

# Rules 1 to 4, for one include.
function own_header(what) {
	if (what ~ /\//) {
		if (index(what, here "/") != 1) bad(what " is private to its folder")
	} else if (!ends(what, ".pb-c.h"))
		bad("write \"" here "/" what "\": a private header is included by its whole path")
}
function contract(name) {
	if (name in outer && here != "include/kith" && !in_list(here, outer[name]))
		bad("<kith/" name ".h> is for " outer[name])
	if (here == "include/kith" && name in outer && !(self in outer))
		bad("the pure contract <kith/" self ".h> may not lean on <kith/" name ".h>")
}
function library(what,    h, hit) {
	for (h in home) {
		hit = ends(h, "/") ? index(what, h) == 1 : (what == h || ends(what, "/" h) || ends(what, "." h))
		if (hit && !in_list(here, home[h])) bad(what " belongs to " home[h])
	}
}
function of_system(what,    name) {
	name = what
	sub(/\.h$/, "", name)
	if ((in_list(here, pure) || (here == "include/kith" && !(self in outer))) &&
	    !in_list(name, pure_system) && !(here == "proto" && what ~ /^protobuf-c\//))
		bad("pure code may not see <" what ">")
}

FNR == 1 {
	n = split(FILENAME, p, "/")
	here = p[1] == "daemon" || p[1] == "include" ? p[1] "/" p[2] : p[1]
	self = p[n]
	sub(/\.(h|def)$/, "", self)
	if (!(here in folder)) bad("there is no folder " here " in the house: see daemon/README.md")
}
here == "tests" { next }
match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]+/) {
	what = substr($0, RSTART, RLENGTH)
	quoted = what ~ /"/
	sub(/.*["<]/, "", what)
	name = what
	if (sub(/^kith\//, "", name)) {
		sub(/\.(h|def)$/, "", name)
		contract(name)
		next
	}
	library(what)
	if (quoted) own_header(what)
	else of_system(what)
}
END { exit failed }
