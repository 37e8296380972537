# SPDX-License-Identifier: GPL-2.0-only
# bash completion for slat(1)

_slat()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words=

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words="info help --version"
	elif [[ $prev == --device ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	elif [[ ${COMP_WORDS[1]} == info ]]; then
		words="--json --device"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _slat slat
