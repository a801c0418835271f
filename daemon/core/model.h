/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/words.h"

/* The words of this program. "Unknown" is a value of its own and the first one, so that a zeroed structure
 * claims nothing. The strings are those that D-Bus has. */

/* WSL's modes as `wslinfo --networking-mode` prints them, and two more: unknown, and not WSL. */
typedef enum NetworkingMode {
        MODE_UNKNOWN,
        MODE_MIRRORED,
        MODE_NAT,
        MODE_CONSOMME,
        MODE_VIRTIOPROXY,
        MODE_BRIDGED,
        MODE_NONE,
        MODE_WSL1,
        MODE_NOT_WSL,
        _MODE_MAX,
} NetworkingMode;

/* Who has a TCP port. */
typedef enum Holder {
        HOLDER_UNKNOWN,
        HOLDER_NONE,
        HOLDER_SSHD,            /* the managed unit */
        HOLDER_LINUX,           /* another process of this distro */
        HOLDER_OTHER_DISTRO,    /* a process of another WSL distro, in this network namespace */
        HOLDER_WINDOWS_OPENSSH, /* Windows, and its greeting says OpenSSH_for_Windows */
        HOLDER_WINDOWS,         /* Windows: a program without that greeting, or a reserved range */
        _HOLDER_MAX,
} Holder;

typedef enum State {
        STATE_UNKNOWN,
        STATE_CLEAR,
        STATE_CONFLICT,
        STATE_RELOCATED,
        STATE_BLOCKED,
        STATE_UNMANAGED,
        _STATE_MAX,
} State;

/* Why the state is what it is, for programs. */
typedef enum Cause {
        CAUSE_NONE,
        CAUSE_WINDOWS_OPENSSH_HOLDS,
        CAUSE_WINDOWS_REFUSES, /* a program of Windows', or an excluded port range */
        CAUSE_LINUX_HOLDS,
        CAUSE_OTHER_DISTRO_HOLDS,
        CAUSE_REQUESTED, /* somebody has asked for it */
        CAUSE_POLICY,    /* a setting of wslportd.conf says so */
        CAUSE_HOST_SILENT,
        CAUSE_TRACKER_DEAD,
        CAUSE_FIXED_BY_CONFIGURATION, /* sshd's own configuration fixes the port */
        CAUSE_CONFIGURATION_REFUSED,  /* sshd refuses it */
        CAUSE_NO_CANDIDATE,
        CAUSE_NO_ADDRESS,    /* sshd's own address can't be bound, whoever has the port */
        CAUSE_OWNER_STOPPED, /* or has disabled or masked it, or a condition is not met */
        CAUSE_TOO_OFTEN,
        _CAUSE_MAX,
} Cause;

/* How bind() answered about a port. */
typedef enum BindAnswer {
        BIND_NOT_ASKED,
        BIND_FREE,
        BIND_REFUSED_BY_WINDOWS, /* twice, and an address that Windows isn't asked about was free */
        BIND_REFUSED_BY_LINUX,   /* on that address too: a socket here has the port, listening or not */
        BIND_TRACKER_DEAD, /* ENOSYS: the port tracker is gone, nothing can bind until the VM restarts */
        BIND_NO_ANSWER,    /* Windows did not answer within the deadline */
        BIND_FAILED,       /* another error, which tells nothing about the port */
        _BIND_MAX,
} BindAnswer;

/* What the managed ssh service is doing. */
typedef enum ServicePhase {
        SERVICE_UNKNOWN,
        SERVICE_ABSENT,   /* no such unit */
        SERVICE_INACTIVE, /* its owner has disabled, masked or stopped it: wslportd leaves it so */
        SERVICE_QUEUED,   /* its start waits for wslportd to be ready: it is about to bind */
        SERVICE_STARTING,
        SERVICE_RUNNING,
        SERVICE_STOPPING,
        SERVICE_TO_START, /* down, and wslportd starts it where it can bind: it could not bind its port, was just
                             enabled, or failed for a file of wslportd's that is gone now */
        SERVICE_FAILED, /* for a reason that isn't wslportd's to mend */
        _SERVICE_MAX,
} ServicePhase;

typedef enum RelocatePolicy {
        RELOCATE_CONFLICT,
        RELOCATE_MIRRORED,
        RELOCATE_NEVER,
        _RELOCATE_MAX,
        RELOCATE_UNREADABLE = _RELOCATE_MAX, /* no word of the file's: only an sshd that doesn't listen is moved */
} RelocatePolicy;

typedef enum RestorePolicy {
        RESTORE_MANUAL,
        RESTORE_BOOT,
        RESTORE_AUTO,
        _RESTORE_MAX,
} RestorePolicy;

typedef enum SocketActivation {
        SOCKET_ACTIVATION_KEEP,
        SOCKET_ACTIVATION_DISABLE,
        _SOCKET_ACTIVATION_MAX,
        SOCKET_ACTIVATION_UNREADABLE = _SOCKET_ACTIVATION_MAX, /* the units stay as they are */
} SocketActivation;

/* What moves sshd, in the order in which wslportd tries it. */
typedef enum Mechanism {
        MECHANISM_NONE,
        MECHANISM_CONFIG,       /* a file that sshd includes; a generator may hand it on to a socket */
        MECHANISM_SOCKET,       /* a drop-in of the socket unit */
        MECHANISM_COMMAND_LINE, /* a drop-in of the service, with `-p` behind its command */
        _MECHANISM_MAX,
} Mechanism;

/* How others reach an address. */
typedef enum AddressKind {
        ADDRESS_LAN, /* and any other that is none of the following */
        ADDRESS_TAILSCALE,
        ADDRESS_MESH, /* of another mesh, or a VPN, that ends in this machine */
        ADDRESS_LOOPBACK,
        ADDRESS_LINK_LOCAL,
        _ADDRESS_KIND_MAX,
} AddressKind;

#define UNIT_NAME_CHARACTERS \
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@"

#define SSHD_DEFAULT_PORT 22
#define SSHD_PORTS_MAX 16

DECLARE_WORDS(networking_mode, NetworkingMode);
DECLARE_WORDS(holder, Holder);
DECLARE_WORDS(state, State);
DECLARE_WORDS(cause, Cause);
DECLARE_WORDS(bind_answer, BindAnswer);
DECLARE_WORDS(service_phase, ServicePhase);

/* The unit is on its way to another phase, and only then can be told what becomes of a request. */
static inline bool service_phase_is_passing(ServicePhase phase) {
        return phase == SERVICE_QUEUED || phase == SERVICE_STARTING || phase == SERVICE_STOPPING;
}
DECLARE_WORDS(mechanism, Mechanism); /* "" for MECHANISM_NONE */
DECLARE_WORDS(address_kind, AddressKind);
DECLARE_WORDS(relocate_policy, RelocatePolicy);
DECLARE_WORDS(restore_policy, RestorePolicy);
DECLARE_WORDS(socket_activation, SocketActivation);

/* True for drop-ins of systemd, which are in /run and are written again at each boot. */
static inline bool mechanism_is_drop_in(Mechanism mechanism) {
        return mechanism == MECHANISM_SOCKET || mechanism == MECHANISM_COMMAND_LINE;
}

/* True if WSL asks Windows about each bind(), and Windows can refuse it. Under virtioproxy the hook is
 * there, but each bind succeeds. (microsoft/WSL, GnsPortTracker.cpp) */
static inline bool mode_shares_ports(NetworkingMode mode) {
        return mode == MODE_MIRRORED || mode == MODE_CONSOMME;
}

/* True if this machine's addresses, those of a mesh excepted, belong to a network inside Windows that a LAN
 * can't reach. */
static inline bool mode_hides_lan(NetworkingMode mode) {
        return mode == MODE_NAT || mode == MODE_NONE || mode == MODE_VIRTIOPROXY || mode == MODE_CONSOMME;
}

/* Windows has the port. */
static inline bool holder_is_windows(Holder holder) {
        return holder == HOLDER_WINDOWS || holder == HOLDER_WINDOWS_OPENSSH;
}

/* A process in this network namespace has the port, and it isn't sshd's. */
static inline bool holder_is_stranger(Holder holder) {
        return holder == HOLDER_LINUX || holder == HOLDER_OTHER_DISTRO;
}

/* Takes digits only. -EINVAL for another form, -ERANGE for a number that isn't from 1 to 65535. */
int parse_port(const char *s, uint16_t *ret);

bool port_is_one_of(uint16_t port, const uint16_t ports[], size_t n);

typedef struct PortRange {
        uint16_t first, last; /* both included; a single port has first == last */
} PortRange;

/* "2222 2200-2299". False if that doesn't fit into @size bytes. */
bool port_ranges_format(const PortRange *ranges, size_t n, char *ret, size_t size);
