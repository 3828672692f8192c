# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of kithctl for bash. Verbs, options and what a verb takes come from kithctl's own
# help, so that nothing here can lag behind; regions and records from kithd. Installed as
# bash-completion/completions/kithctl.

# kithctl, asked in the same place as the command line that is completed.
_kithctl_ask() {
	local where=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config | -c | --socket | -s) where+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	kithctl "${where[@]}" "$@" 2>/dev/null
}

# Codes with which offers and requests are refused; "withdrawn" is kith's own.
_kithctl_codes() {
	kithctl explain --json 2>/dev/null |
		grep -oE '"kind":"(code of a refusal|refusal of a request)"[^}]*' |
		grep -oE '"name":"[^"]*"' | cut -d'"' -f4 | grep -vx withdrawn
}
_kithctl_peers() { _kithctl_ask peers | awk 'NR > 1 { print $1 }'; }
# By id, and by authority and child where that is known.
_kithctl_records() {
	_kithctl_ask record list --limit 200 | awk 'NR > 1 { print $1; if ($2 ~ /\//) print $2 }'
}

_kithctl_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"); }

# The value of an option; false: it is none that has one.
_kithctl_value() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	case $1 in
	--color) _kithctl_words "auto always never" ;;
	--reason) _kithctl_words "E3 reorganisation return" ;;
	--code) _kithctl_words "$(_kithctl_codes)" ;;
	--to | --peer) _kithctl_words "$(_kithctl_peers)" ;;
	--config | -c | --socket | -s | --out | -o | --notes-from | --root-key-out | \
	--from-file | --worker-from-file | --compare | --exec)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--dir | -d | --backups) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--worker-id) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	# What only the person who types can know.
	--role | --purpose | --endpoint | -e | --rec | --authority | -a | --child | --year | --note | \
		--title | --batch | --date | --after | --limit | --text | --worker | -w | --worker-role | \
		--team | --interval | --count | --name | --wait | --from) ;;
	*) return 1 ;;
	esac
}

# What a verb takes, by the words of its usage.
_kithctl_argument() {
	local cur=${COMP_WORDS[COMP_CWORD]} usage
	usage=$(kithctl "$@" --help 2>/dev/null | head -n 1)
	usage=${usage#"kithctl $*"}
	case $usage in
	*CARDFILE* | *" DIR "*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*" RECORD"* | *"[RECORD]"*) _kithctl_words "$(_kithctl_records)" ;;
	*" PEER"*) _kithctl_words "$(_kithctl_peers)" ;;
	*"CODE|NAME"*)
		_kithctl_words "$(kithctl explain --json 2>/dev/null |
			grep -oE '"(code|name)":"[^"]*"' | cut -d'"' -f4 | sort -u)"
		;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}

_kithctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs word said="" takes=() value=""

	COMPREPLY=()
	[[ $prev == -* ]] && _kithctl_value "$prev" && return

	verbs=$(kithctl --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z0-9 ]*[a-z0-9]\)   *.*/\1/p')
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		# The value of an option is no word of the verb.
		[[ -n $value ]] && value="" && continue
		case $word in
		--config | -c | --socket | -s | --color | --worker-id | --role | --purpose) value=1 ;;
		esac
		[[ $word == -* ]] && continue
		# What completes or begins a verb is part of it; what comes after is an argument.
		grep -qE "^${said:+$said }$word( |\$)" <<<"$verbs" && said="${said:+$said }$word"
	done

	# The words of the verb are words of the command line.
	read -ra takes <<<"$said"
	if [[ $cur == -* ]]; then
		_kithctl_words "$(kithctl "${takes[@]}" --help 2>/dev/null | grep -oE -- '--[a-z-]+')"
	elif grep -q "^${said:+$said }[a-z]" <<<"$verbs" && ! grep -qx -- "$said" <<<"$verbs"; then
		_kithctl_words "$(sed -n "s/^${said:+$said }\([^ ]*\).*/\1/p" <<<"$verbs" | sort -u)"
	elif grep -qx -- "$said" <<<"$verbs"; then
		_kithctl_argument "${takes[@]}"
		# "custody" is a verb, and "custody prove" another.
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W \
			"$(sed -n "s/^$said \([^ ]*\).*/\1/p" <<<"$verbs" | sort -u)" -- "$cur")
	fi
}
complete -o filenames -F _kithctl kithctl
