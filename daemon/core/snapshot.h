/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/fact.h"
#include "core/home.h"

/* The facts that a decision depends on, apart from the configuration. */

/* sshd's opinion of its configuration on disk. */
typedef enum SshdVerdict {
        SSHD_VERDICT_UNKNOWN,
        SSHD_VERDICT_VALID,
        SSHD_VERDICT_REFUSED,          /* sshd would not start with it */
        SSHD_VERDICT_OUR_FILE_REFUSED, /* the same, and sshd's error names our file */
        SSHD_VERDICT_KEYLESS,          /* the same, only for want of a host key; never in a Snapshot */
} SshdVerdict;

/* The ports that a running sshd has lacked for so long that it won't get them without help. */
typedef enum Settled {
        SETTLED_NOT_YET, /* it may have been started or reloaded a moment ago */
        SETTLED_WITHOUT_PORT,
        SETTLED_WITHOUT_IPV4, /* it listens on the port, on IPv6 only */
        SETTLED_UNSEEN,       /* not known: the kernel did not list the listeners of each port */
} Settled;

/* A request by a person or a program, over D-Bus. */
typedef enum Request {
        REQUEST_NONE,
        REQUEST_RELOCATE,
        REQUEST_RESTORE,
        REQUEST_PROBE, /* fresh facts; the decision is the same as without a request */
} Request;

typedef struct Snapshot {
        NetworkingMode mode;
        ServicePhase service;
        bool by_socket; /* .service is a socket unit's phase: it listens on all of its ports or none */
        bool booting;   /* the first start of this boot still waits for wslportd */
        Settled settled;

        SshdVerdict verdict;
        const char *verdict_detail; /* sshd's own words, for people; NULL: none */
        Home home;                  /* .n_ports is 0 if sshd's own ports are unknown */
        const char *port_fixed_by;  /* what fixes the ports of .home.fixed, for people; NULL if unknown */

        const char *cannot_bind; /* why sshd can't bind at home, whoever holds its port; NULL: nothing is known */

        uint16_t moved_to;  /* the port in our files; 0: there are none */
        bool unapplied;     /* systemd doesn't know of our files: /run was emptied, by a boot among others */
        uint16_t last_port; /* the last port that sshd was moved to; 0: none */

        const PortFact *facts;
        size_t n_facts;

        bool not_enabled;       /* the service is installed, and nothing ever starts it */
        bool socket_disabled;   /* by SocketActivation=disable */
        bool switch_unfinished; /* a switch of units was cut off: perhaps neither unit listens */
        bool switch_failed;     /* the service did not come up in the socket unit's place */
        const char *unit_name;  /* of the service, for people */
        const char *unmet;      /* the condition for which systemd would not start the unit; NULL: none */
        bool own_network;       /* the unit listens in a network namespace of its own */

        bool requested;       /* somebody asked for sshd's port: Restore=auto waits */
        bool no_auto_restore; /* the limit leaves too few moves for Restore=auto */
        Request request;
        uint16_t request_port; /* of REQUEST_RELOCATE; 0: the policy chooses */

        const char *postponed; /* why sshd may not be moved or started for now; NULL: it may */
        bool too_often;        /* that is because it was, too often */
} Snapshot;

/* The fact about @port; one that claims nothing if there is none. */
static inline PortFact snapshot_fact(const Snapshot *s, uint16_t port) {
        const PortFact *fact = port_facts_find(s->facts, s->n_facts, port);

        return fact ? *fact : (PortFact){ .port = port };
}

static inline bool snapshot_sshd_has(const Snapshot *s, uint16_t port) {
        return snapshot_fact(s, port).holder == HOLDER_SSHD;
}

static inline bool snapshot_is_home(const Snapshot *s, uint16_t port) {
        return port_is_one_of(port, s->home.ports, s->home.n_ports);
}

/* True if sshd has any of its home ports. */
static inline bool snapshot_sshd_has_home(const Snapshot *s) {
        for (size_t i = 0; i < s->home.n_ports; i++)
                if (snapshot_sshd_has(s, s->home.ports[i]))
                        return true;

        return false;
}

/* True if sshd has a port that it should have. */
static inline bool snapshot_sshd_listens(const Snapshot *s) {
        return snapshot_sshd_has_home(s) || (s->moved_to != 0 && snapshot_sshd_has(s, s->moved_to));
}

static inline bool snapshot_is_about_to_bind(const Snapshot *s) {
        return s->service == SERVICE_QUEUED || s->service == SERVICE_TO_START;
}
