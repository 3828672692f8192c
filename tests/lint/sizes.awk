# SPDX-License-Identifier: Apache-2.0
#
# Functions over 60 lines and files over 600 want a reason: a comment with "long:" right above the
# function or in it, and in the file's first 20 lines. Over 100 and over 1,000 nothing helps.
# Counts on clang-formatted code: a body is from "{" to "}" in the first column.
function bad(line, why) { printf "%s:%d: %s\n", file, line, why; failed = 1 }
function end_of_file() {
	if (lines > 1000) bad(1, lines " lines; a file has at most 1000")
	else if (lines > 600 && !file_reason) bad(1, lines " lines without a reason (\"long: ...\" in its first comment)")
}
FNR == 1 {
	if (file != "") end_of_file()
	file = FILENAME
	file_reason = reason = body = 0
	c = file ~ /\.[ch]$/
}
{ lines = FNR }
/long:/ { reason = 1; if (FNR <= 20) file_reason = 1 }
!c { next }
/^$/ && !body { reason = 0 }
/^{/ { body = FNR }
/^}/ && body {
	n = FNR - body + 1
	if (n > 100) bad(body, "a function of " n " lines; at most 100")
	else if (n > 60 && !reason) bad(body, "a function of " n " lines without a reason (\"long: ...\")")
	body = reason = 0
}
END { if (file != "") end_of_file(); exit failed }
