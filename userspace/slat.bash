# SPDX-License-Identifier: GPL-2.0-only
# bash completion for slat(1)

_slat()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words=

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words="info run stat help --version"
	elif [[ $prev =~ ^--(device|kernel|initrd|disk|debugfs)$ ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	elif [[ ${COMP_WORDS[1]} == info ]]; then
		words="--json --device"
	elif [[ ${COMP_WORDS[1]} == stat ]]; then
		words="--once --json --interval --debugfs"
	elif [[ ${COMP_WORDS[1]} == run && $prev == --console ]]; then
		words="serial virtio"
	elif [[ ${COMP_WORDS[1]} == run && $prev == --boot ]]; then
		words="64 real"
	elif [[ ${COMP_WORDS[1]} == run ]]; then
		words="--kernel --initrd --disk --cpus --memory --append --net --console
			--boot --no-reboot --stats --device"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _slat slat
