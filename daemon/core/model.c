/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/model.h"

static const char *const networking_mode_words[_MODE_MAX] = {
        [MODE_UNKNOWN] = "unknown",
        [MODE_MIRRORED] = "mirrored",
        [MODE_NAT] = "nat",
        [MODE_CONSOMME] = "consomme",
        [MODE_VIRTIOPROXY] = "virtioproxy",
        [MODE_BRIDGED] = "bridged",
        [MODE_NONE] = "none",
        [MODE_WSL1] = "wsl1",
        [MODE_NOT_WSL] = "not-wsl",
};
DEFINE_WORDS(networking_mode, NetworkingMode);

static const char *const holder_words[_HOLDER_MAX] = {
        [HOLDER_UNKNOWN] = "unknown",
        [HOLDER_NONE] = "none",
        [HOLDER_SSHD] = "sshd",
        [HOLDER_LINUX] = "linux",
        [HOLDER_OTHER_DISTRO] = "other-distro",
        [HOLDER_WINDOWS_OPENSSH] = "windows-openssh",
        [HOLDER_WINDOWS] = "windows",
};
DEFINE_WORDS(holder, Holder);

static const char *const state_words[_STATE_MAX] = {
        [STATE_UNKNOWN] = "unknown",     [STATE_CLEAR] = "clear",     [STATE_CONFLICT] = "conflict",
        [STATE_RELOCATED] = "relocated", [STATE_BLOCKED] = "blocked", [STATE_UNMANAGED] = "unmanaged",
};
DEFINE_WORDS(state, State);

static const char *const cause_words[_CAUSE_MAX] = {
        [CAUSE_NONE] = "none",
        [CAUSE_WINDOWS_OPENSSH_HOLDS] = "windows-openssh-holds",
        [CAUSE_WINDOWS_REFUSES] = "windows-refuses",
        [CAUSE_LINUX_HOLDS] = "linux-holds",
        [CAUSE_OTHER_DISTRO_HOLDS] = "other-distro-holds",
        [CAUSE_REQUESTED] = "requested",
        [CAUSE_POLICY] = "policy",
        [CAUSE_HOST_SILENT] = "host-silent",
        [CAUSE_TRACKER_DEAD] = "tracker-dead",
        [CAUSE_FIXED_BY_CONFIGURATION] = "fixed-by-configuration",
        [CAUSE_CONFIGURATION_REFUSED] = "configuration-refused",
        [CAUSE_NO_CANDIDATE] = "no-candidate",
        [CAUSE_NO_ADDRESS] = "no-address",
        [CAUSE_OWNER_STOPPED] = "owner-stopped",
        [CAUSE_TOO_OFTEN] = "too-often",
};
DEFINE_WORDS(cause, Cause);

static const char *const bind_answer_words[_BIND_MAX] = {
        [BIND_NOT_ASKED] = "not-asked",
        [BIND_FREE] = "free",
        [BIND_REFUSED_BY_WINDOWS] = "refused-by-windows",
        [BIND_REFUSED_BY_LINUX] = "refused-by-linux",
        [BIND_TRACKER_DEAD] = "tracker-dead",
        [BIND_NO_ANSWER] = "no-answer",
        [BIND_FAILED] = "failed",
};
DEFINE_WORDS(bind_answer, BindAnswer);

static const char *const service_phase_words[_SERVICE_MAX] = {
        [SERVICE_UNKNOWN] = "unknown",   [SERVICE_ABSENT] = "absent",     [SERVICE_INACTIVE] = "inactive",
        [SERVICE_QUEUED] = "queued",     [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
        [SERVICE_STOPPING] = "stopping", [SERVICE_TO_START] = "to-start", [SERVICE_FAILED] = "failed",
};
DEFINE_WORDS(service_phase, ServicePhase);

static const char *const mechanism_words[_MECHANISM_MAX] = {
        [MECHANISM_NONE] = "",
        [MECHANISM_CONFIG] = "sshd-config",
        [MECHANISM_SOCKET] = "socket",
        [MECHANISM_COMMAND_LINE] = "command-line",
};
DEFINE_WORDS(mechanism, Mechanism);

static const char *const address_kind_words[_ADDRESS_KIND_MAX] = {
        [ADDRESS_LAN] = "lan",           [ADDRESS_TAILSCALE] = "tailscale",   [ADDRESS_MESH] = "mesh",
        [ADDRESS_LOOPBACK] = "loopback", [ADDRESS_LINK_LOCAL] = "link-local",
};
DEFINE_WORDS(address_kind, AddressKind);

static const char *const relocate_policy_words[_RELOCATE_MAX] = {
        [RELOCATE_CONFLICT] = "conflict",
        [RELOCATE_MIRRORED] = "mirrored",
        [RELOCATE_NEVER] = "never",
};
DEFINE_WORDS(relocate_policy, RelocatePolicy);

static const char *const restore_policy_words[_RESTORE_MAX] = {
        [RESTORE_MANUAL] = "manual",
        [RESTORE_BOOT] = "boot",
        [RESTORE_AUTO] = "auto",
};
DEFINE_WORDS(restore_policy, RestorePolicy);

static const char *const socket_activation_words[_SOCKET_ACTIVATION_MAX] = {
        [SOCKET_ACTIVATION_KEEP] = "keep",
        [SOCKET_ACTIVATION_DISABLE] = "disable",
};
DEFINE_WORDS(socket_activation, SocketActivation);

int parse_port(const char *s, uint16_t *ret) {
        unsigned long value = strtoul(s, NULL, 10);

        if (s[0] == '\0' || s[strspn(s, "0123456789")] != '\0')
                return -EINVAL;
        if (value == 0 || value > UINT16_MAX)
                return -ERANGE;

        *ret = (uint16_t) value;
        return 0;
}

bool port_is_one_of(uint16_t port, const uint16_t ports[], size_t n) {
        for (size_t i = 0; i < n; i++)
                if (ports[i] == port)
                        return true;

        return false;
}

bool port_ranges_format(const PortRange *ranges, size_t n, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < n && used < size; i++)
                used += (size_t) snprintf(ret + used, size - used,
                                          ranges[i].first == ranges[i].last ? "%s%u" : "%s%u-%u",
                                          i > 0 ? " " : "", ranges[i].first, ranges[i].last);
        return used < size;
}
