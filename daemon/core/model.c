/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/model.h"

#define DEFINE_TO_STRING(name, Type)                                                                      \
        const char *name##_to_string(Type value) {                                                        \
                return (size_t) value < ELEMENTSOF(name##_words) ? name##_words[value] : name##_words[0]; \
        }                                                                                                 \
        struct swallow_the_semicolon

#define DEFINE_FROM_STRING(name, Type)                                \
        int name##_from_string(const char *s, Type *ret) {            \
                for (size_t i = 0; i < ELEMENTSOF(name##_words); i++) \
                        if (streq(s, name##_words[i])) {              \
                                *ret = (Type) i;                      \
                                return 0;                             \
                        }                                             \
                return -EINVAL;                                       \
        }                                                             \
        struct swallow_the_semicolon

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
DEFINE_TO_STRING(networking_mode, NetworkingMode);
DEFINE_FROM_STRING(networking_mode, NetworkingMode);

static const char *const holder_words[_HOLDER_MAX] = {
        [HOLDER_UNKNOWN] = "unknown",
        [HOLDER_NONE] = "none",
        [HOLDER_SSHD] = "sshd",
        [HOLDER_LINUX] = "linux",
        [HOLDER_OTHER_DISTRO] = "other-distro",
        [HOLDER_WINDOWS_OPENSSH] = "windows-openssh",
        [HOLDER_WINDOWS] = "windows",
};
DEFINE_TO_STRING(holder, Holder);
DEFINE_FROM_STRING(holder, Holder);

static const char *const state_words[_STATE_MAX] = {
        [STATE_UNKNOWN] = "unknown",     [STATE_CLEAR] = "clear",     [STATE_CONFLICT] = "conflict",
        [STATE_RELOCATED] = "relocated", [STATE_BLOCKED] = "blocked", [STATE_UNMANAGED] = "unmanaged",
};
DEFINE_TO_STRING(state, State);
DEFINE_FROM_STRING(state, State);

static const char *const bind_answer_words[_BIND_MAX] = {
        [BIND_NOT_ASKED] = "not-asked",
        [BIND_FREE] = "free",
        [BIND_REFUSED_BY_WINDOWS] = "refused-by-windows",
        [BIND_REFUSED_BY_LINUX] = "refused-by-linux",
        [BIND_TRACKER_DEAD] = "tracker-dead",
        [BIND_NO_ANSWER] = "no-answer",
        [BIND_FAILED] = "failed",
};
DEFINE_TO_STRING(bind_answer, BindAnswer);
DEFINE_FROM_STRING(bind_answer, BindAnswer);

static const char *const service_phase_words[_SERVICE_MAX] = {
        [SERVICE_UNKNOWN] = "unknown",   [SERVICE_ABSENT] = "absent",     [SERVICE_INACTIVE] = "inactive",
        [SERVICE_QUEUED] = "queued",     [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
        [SERVICE_STOPPING] = "stopping", [SERVICE_TO_START] = "to-start", [SERVICE_FAILED] = "failed",
};
DEFINE_TO_STRING(service_phase, ServicePhase);

static const char *const mechanism_words[_MECHANISM_MAX] = {
        [MECHANISM_NONE] = "",
        [MECHANISM_CONFIG] = "sshd-config",
        [MECHANISM_SOCKET] = "socket",
        [MECHANISM_COMMAND_LINE] = "command-line",
};
DEFINE_TO_STRING(mechanism, Mechanism);
DEFINE_FROM_STRING(mechanism, Mechanism);

static const char *const address_kind_words[_ADDRESS_KIND_MAX] = {
        [ADDRESS_LAN] = "lan",
        [ADDRESS_TAILSCALE] = "tailscale",
        [ADDRESS_LOOPBACK] = "loopback",
        [ADDRESS_LINK_LOCAL] = "link-local",
};
DEFINE_TO_STRING(address_kind, AddressKind);
DEFINE_FROM_STRING(address_kind, AddressKind);

static const char *const relocate_policy_words[_RELOCATE_MAX] = {
        [RELOCATE_CONFLICT] = "conflict",
        [RELOCATE_MIRRORED] = "mirrored",
        [RELOCATE_NEVER] = "never",
};
DEFINE_TO_STRING(relocate_policy, RelocatePolicy);
DEFINE_FROM_STRING(relocate_policy, RelocatePolicy);

static const char *const restore_policy_words[_RESTORE_MAX] = {
        [RESTORE_MANUAL] = "manual",
        [RESTORE_BOOT] = "boot",
        [RESTORE_AUTO] = "auto",
};
DEFINE_TO_STRING(restore_policy, RestorePolicy);
DEFINE_FROM_STRING(restore_policy, RestorePolicy);

static const char *const socket_activation_words[_SOCKET_ACTIVATION_MAX] = {
        [SOCKET_ACTIVATION_KEEP] = "keep",
        [SOCKET_ACTIVATION_DISABLE] = "disable",
};
DEFINE_TO_STRING(socket_activation, SocketActivation);
DEFINE_FROM_STRING(socket_activation, SocketActivation);

int parse_port(const char *s, uint16_t *ret) {
        uint32_t value = 0;

        if (s[0] == '\0' || s[strspn(s, "0123456789")] != '\0')
                return -EINVAL;

        for (; *s; s++) {
                value = value * 10 + (uint32_t) (*s - '0');
                if (value > UINT16_MAX)
                        return -ERANGE;
        }
        if (value == 0)
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
