# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for bash, which works without bash-completion, too.

# The ports that sshd may be moved to: the first of each range of CandidatePorts=. The defaults, where that can't be read.
_wslportctl_ports() {
        local line ports='2222 22022'

        while IFS= read -r line; do
                [[ $line =~ ^CandidatePorts=([^#]*) ]] && ports=${BASH_REMATCH[1]}
        done < <(PATH=$PATH:/usr/sbin:/usr/local/sbin wslportd --print-config 2>/dev/null)
        while [[ $ports =~ ([0-9]+)(-[0-9]+)?(.*) ]]; do
                printf '%s\n' "${BASH_REMATCH[1]}"
                ports=${BASH_REMATCH[3]}
        done
}

_wslportctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' word words='' at=0
        local verbs='status listeners monitor probe relocate restore reload diagnose who report firewall ssh-config help'
        local common='--json --help'

        # bash splits --option=value into three words.
        [[ $current == = ]] && current='' && previous=${COMP_WORDS[COMP_CWORD - 1]}
        [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}

        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                ((++at))
                [[ $word == -* ]] && continue
                verb=$word
                break
        done

        case $verb:$previous in
        : | :*)
                words="$verbs $common --version"
                ;;
        firewall:--scope | ssh-config:--scope)
                words='lan tailscale any'
                ;;
        firewall:--port)
                words=$(_wslportctl_ports)
                ;;
        firewall:--timeout | ssh-config:--host) ;;
        ssh-config:--user)
                words=$(compgen -u)
                ;;
        firewall:*)
                words='--scope --hyperv --mosh --remove --port --apply --check --yes --timeout --help'
                ;;
        ssh-config:*)
                words='--scope --windows --host --user --known-hosts --help'
                ;;
        relocate:*)
                ((at == COMP_CWORD - 1)) && words=$(_wslportctl_ports)
                words+=" $common"
                ;;
        help:*)
                ((at == COMP_CWORD - 1)) && words=$verbs
                ;;
        status:*)
                words="--quiet $common"
                ;;
        listeners:* | monitor:* | probe:* | restore:* | reload:* | who:* | report:*)
                words=$common
                ;;
        diagnose:*)
                words="--all $common"
                ;;
        esac

        # Not by compgen -W, which would expand $(…) in a word and run it.
        COMPREPLY=()
        while read -r word; do
                [[ -n $word && $word == "$current"* ]] && COMPREPLY+=("$word")
        done <<<"${words// /$'\n'}"
}

complete -F _wslportctl wslportctl
