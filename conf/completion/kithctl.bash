# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of kithctl for bash. Verbs and options come from kithctl's own help, so that nothing
# here can lag behind. Installed as bash-completion/completions/kithctl.

_kithctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs word said="" takes=()

	COMPREPLY=()
	case $prev in
	--color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur") && return ;;
	--reason) mapfile -t COMPREPLY < <(compgen -W "E3 reorganisation return" -- "$cur") && return ;;
	--code)
		mapfile -t COMPREPLY < <(compgen -W "$(kithctl explain --json 2>/dev/null |
			grep -oE '"kind": ?"code of a refusal"[^}]*' | grep -oE '"name": ?"[^"]*"' |
			cut -d'"' -f4)" -- "$cur")
		return
		;;
	--config | -c | --socket | -s | --out | -o | --notes-from | --root-key-out)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return
		;;
	--dir | -d) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--to | --peer)
		[[ " ${COMP_WORDS[*]} " == *" prove "* ]] && return
		mapfile -t COMPREPLY < <(compgen -W "$(kithctl peers 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")
		return
		;;
	esac

	verbs=$(kithctl --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z0-9 ]*[a-z0-9]\)   *.*/\1/p')
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == -* ]] && continue
		# What completes or begins a verb is part of it; what comes after is an argument.
		grep -qE "^${said:+$said }$word( |\$)" <<<"$verbs" && said="${said:+$said }$word"
	done

	if [[ $cur == -* ]]; then
		# The words of the verb are words of the command line.
		read -ra takes <<<"$said"
		mapfile -t COMPREPLY < <(compgen -W \
			"$(kithctl "${takes[@]}" --help 2>/dev/null | grep -oE -- '--[a-z-]+')" -- "$cur")
		return
	fi
	if [[ $said == "move refuse" || $said == "move cancel" ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(kithctl move requests --json 2>/dev/null |
			grep -oE '"request":"[^"]*"' | cut -d'"' -f4)" -- "$cur")
		return
	fi
	if [[ $said == "peer remove" || $said == "move request" ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(kithctl peers 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")
		return
	fi
	if [[ $said == explain ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(kithctl explain --json 2>/dev/null |
			grep -oE '"(code|name)":"[^"]*"' | cut -d'"' -f4 | sort -u)" -- "$cur")
		return
	fi
	if grep -qx -- "$said" <<<"$verbs"; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W \
		"$(sed -n "s/^${said:+$said }\([^ ]*\).*/\1/p" <<<"$verbs" | sort -u)" -- "$cur")
}
complete -o filenames -F _kithctl kithctl
