/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/model.h"

/* The one place that decides. It does no I/O: facts come in, what to do comes out, and the same facts always
 * give the same answer. */

/* What is known of one port. */
typedef struct PortFact {
        uint16_t port;
        Holder holder;    /* by a listener in the kernel, or by a greeting: nobody had to bind */
        BindAnswer bind;  /* the bind helper's answer since the facts were last forgotten */
        bool holder_left; /* its holder was seen to go away, without a bind */
        bool lacks_ipv4; /* sshd should have all of IPv4 there, and has IPv6 only: .bind is about IPv4 then */
        char detail[80]; /* a name for people, printable: "nginx (pid 4711)", "OpenSSH_for_Windows_9.5" */
} PortFact;

/* What sshd says of its own configuration as it stands on disk. */
typedef enum SshdVerdict {
        SSHD_VERDICT_UNKNOWN,
        SSHD_VERDICT_VALID,
        SSHD_VERDICT_REFUSED,          /* sshd would not start with it */
        SSHD_VERDICT_OUR_FILE_REFUSED, /* the same, and sshd's error names our file */
} SshdVerdict;

/* What a running sshd has lacked for so long that it won't come to listen there by itself. */
typedef enum Settled {
        SETTLED_NOT_YET, /* it was started or reloaded a moment ago */
        SETTLED_WITHOUT_PORT,
        SETTLED_WITHOUT_IPV4, /* it listens on the port, on IPv6 only */
        SETTLED_UNSEEN,       /* not known: the kernel did not list the listeners of each port */
} Settled;

/* What somebody asked for. */
typedef enum Request {
        REQUEST_NONE,
        REQUEST_RELOCATE,
        REQUEST_RESTORE,
        REQUEST_PROBE, /* fresh facts; the decision is the same as without a request */
} Request;

typedef struct Snapshot {
        NetworkingMode mode;
        ServicePhase service;
        bool by_socket; /* .service is the phase of a socket unit, which listens on all of its ports or none */
        bool booting;   /* the first start of this boot still waits for wslportd */
        Settled settled;

        SshdVerdict verdict;
        const char *verdict_detail; /* sshd's own words, for people; NULL where there are none */
        SshdHome home;              /* .n_ports is 0 where sshd's own ports aren't known */
        const char *port_fixed_by;  /* what sets .home.port_fixed, for people; NULL if unknown */

        uint16_t moved_to;  /* the port in our files; 0: there are none */
        bool unapplied;     /* systemd doesn't know of our files: /run was emptied, by a boot among others */
        uint16_t last_port; /* the last port that sshd was moved to; 0: none */

        const PortFact *facts;
        size_t n_facts;

        bool not_enabled;     /* the service is installed, and nothing ever starts it */
        bool socket_disabled; /* by SocketActivation=disable */
        bool switch_unfinished; /* the switch between service and socket was cut off: perhaps neither listens */
        const char *unit_name; /* of the service, for people */

        bool no_auto_restore; /* Restore=auto moves nothing for now: somebody asked for the port that sshd has, or
                                 the limit leaves too few moves */
        Request request;
        uint16_t request_port; /* of REQUEST_RELOCATE; 0: the policy chooses */

        const char *postponed; /* why sshd may not be moved or started for now; NULL: it may */
} Snapshot;

typedef enum Action {
        ACTION_NONE,
        ACTION_PROBE,    /* ask the bind helper about .port: sshd is about to bind it */
        ACTION_RELOCATE, /* move sshd to .port, if it turns out that it can be had */
        ACTION_RESTORE,  /* take our file away; sshd's own configuration applies, .port is its port */
        ACTION_START,    /* start the service again, as it is configured; .port is where it will be */
        ACTION_ENABLE,         /* the service that is installed, but not enabled, and start it */
        ACTION_DISABLE_SOCKET, /* the service takes the socket unit's place */
        ACTION_ENABLE_SOCKET,  /* and back */
        _ACTION_MAX,
} Action;

#define REASON_SIZE 512

/* In the reason, where nothing is left to move to. */
#define REASON_ALL_TAKEN "every port of CandidatePorts is taken too"

typedef struct Decision {
        State state;
        Action action;
        uint16_t port;
        uint16_t beside[SSHD_PORTS_MAX]; /* with ACTION_RELOCATE: the home ports that sshd keeps beside .port */
        size_t n_beside;
        bool then_start; /* with ACTION_RESTORE: start the service too; it failed on our port or for our file, and
                              systemd does not try again */
        bool port_missing; /* sshd runs, and does not listen on each port that it should have */
        bool ask_again; /* with ACTION_NONE: no event will tell when the facts change, so look again later */
        char reason[REASON_SIZE]; /* one line for people */
} Decision;

DECLARE_WORDS(action, Action);

/* At most one action at a time; the next is decided on the facts that this one brings. */
void policy_decide(const Config *config, const Snapshot *snapshot, Decision *ret);

/* Whether the policy lets sshd be moved to @port. */
bool policy_allows(const Config *config, uint16_t port);

/* "Windows (OpenSSH_for_Windows_9.5) holds 22"; @fact may be NULL. */
void port_fact_describe(const PortFact *fact, char *ret, size_t size);
