# SPDX-License-Identifier: Apache-2.0
#
# kith-codes(7) from include/kith/*.def: every code that kith shows, with the rule, the cause and
# what to do. Every row of a list is one line there.
#
#	awk -f conf/man/codes.awk include/kith/*.def

# The fields of a row, in field[1..]: numbers and words bare, texts without their quotes.
function cut(line,   n, c, quoted, at)
{
	sub(/^[A-Z]+\(/, "", line)
	sub(/\)[ \t]*$/, "", line)
	split("", field)
	n = 1
	field[1] = ""
	for (at = 1; at <= length(line); at++) {
		c = substr(line, at, 1)
		if (c == "\"")
			quoted = !quoted
		else if (c == "," && !quoted)
			field[++n] = ""
		else if (quoted || c !~ /[ \t]/)
			field[n] = field[n] c
	}
	return n
}

function safe(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	return text
}

# One sentence a line, and its full stop.
function words(text)
{
	text = safe(text)
	sub(/^[.']/, "\\\\\&&", text)
	return toupper(substr(text, 1, 1)) substr(text, 2) "."
}

function add(list, name, number, rule, cause, next_step,   s)
{
	s = ".It Cm " safe(name) (number != "" ? " Pq " number : "") "\n" words(cause) "\n"
	if (rule != "")
		s = s ".Pq " rule "\n"
	if (next_step != "")
		s = s ".br\n" "Next: " safe(next_step) ".\n"
	rows[list] = rows[list] s
}

/^PROBLEM\(/ { cut($0); add("problem", field[3], field[2], field[4], field[5], field[6]) }
/^VERDICT\(/ { cut($0); add("verdict", field[2], "", field[3], field[4], field[5]) }
/^REASON\(/ { cut($0); add("reason", field[2], field[1], "", field[3], "") }
/^REFUSAL\(/ { cut($0); add("refusal", field[2], field[1], field[3], field[4], field[5]) }
/^EMERGENCY\(/ { cut($0); add("emergency", field[2], field[1], "", field[3], "") }
/^DECLINE\(/ { cut($0); add("decline", field[2], field[1], field[3], field[4], field[5]) }

function section(title, intro, list)
{
	printf ".Ss %s\n%s\n.Bl -tag -width Ds\n%s.El\n", title, intro, rows[list]
}

END {
	print ".\\\" SPDX-License-Identifier: Apache-2.0"
	print ".\\\" Made by conf/man/codes.awk from include/kith/*.def."
	print ".Dd November 21, 2026\n.Dt KITH-CODES 7\n.Os\n.Sh NAME\n.Nm kith-codes"
	print ".Nd what kith refuses, why, and what to do\n.Sh DESCRIPTION"
	print "Every refusal has a code of its own: its name, what is the cause, the rule of\nthe protocol that is in the way in parentheses, and what a person does next."
	print "There is no code for what has no name.\nNumbers never change their meaning."
	print ".Pp\n.Ql kithctl explain CODE\nsays the same, and knows the rules of returns too."
	section("Refusals of moves", "A region refuses an offer with\n.Ic kithctl move decline ;\nwhat to do is said to the region that made the offer.", "decline")
	section("Refusals of requests", "A region refuses a request for a record with\n.Ic kithctl move refuse ;\nwhat to do is said to the region that asked.", "refusal")
	section("Reasons of offers", "Why a record moves:\n.Ic kithctl move offer .", "reason")
	section("Reasons of guardians", "Why guardians act:\n.Ic kithctl custody assume , resolve .", "emergency")
	section("Problems of requests", "What\n.Xr kithctl 1\nis answered when something cannot be done.", "problem")
	section("Verdicts about other regions", "What the journal and\n.Ic kithctl peers\nsay of what another region sent.", "verdict")
	print ".Sh SEE ALSO\n.Xr kithctl 1 ,\n.Xr kith 7 ,\n.Xr kithd 8"
}
