/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/model.h"

/* The one place that decides. It does no I/O: facts come in, what to do comes out, and the same facts always
 * give the same answer. */

/* What is known of one port. */
typedef struct PortFact {
        uint16_t port;
        Holder holder;   /* without binding: a listener in the kernel, or a greeting that was read */
        BindAnswer bind; /* what the bind helper said since the facts were last forgotten */
        bool seen_free;  /* who had it was seen to be gone, without binding */
        bool half; /* sshd has it on IPv6 only, and all of IPv4 is its own, too: that is what .bind is about */
        char detail[80]; /* a name for people, printable: "nginx (pid 4711)", "OpenSSH_for_Windows_9.5" */
} PortFact;

/* What sshd says of its own configuration as it stands on disk. */
typedef enum SshdVerdict {
        SSHD_VERDICT_UNKNOWN,
        SSHD_VERDICT_VALID,
        SSHD_VERDICT_REFUSED,          /* sshd would not start with it */
        SSHD_VERDICT_REFUSED_FOR_OURS, /* it would not, and the error names our file */
} SshdVerdict;

/* What somebody asked for. */
typedef enum Request {
        REQUEST_NONE,
        REQUEST_RELOCATE,
        REQUEST_RESTORE,
        REQUEST_PROBE, /* to look anew; changes nothing about what is decided */
} Request;

typedef struct Snapshot {
        NetworkingMode mode;
        ServicePhase service;
        bool by_socket; /* .service is the phase of a socket unit that listens in its place: all of its ports, or none */
        bool booting;   /* the first start of this boot still waits for us */
        bool settled; /* the service has had time to come to listen since it was last started or reloaded */
        bool settled_half; /* the same, where it does listen, on half of a port */
        bool unseen;  /* it could not be seen who listens on some of the ports */

        SshdVerdict verdict;
        const char *verdict_detail; /* sshd's own words, for people; NULL where there are none */
        SshdHome home;              /* n_ports is 0 where it isn't known */
        const char *fixed_by;       /* what makes .home.fixed, for people; NULL where it isn't known */

        uint16_t displaced_to; /* what our files say; 0 where there are none */
        bool out_of_place;     /* they say it, and systemd has not read it: /run was emptied, a boot among others */
        uint16_t last_port;    /* the last port sshd was moved to; 0 where there was none */

        const PortFact *facts;
        size_t n_facts;

        bool not_enabled;      /* the service is installed, and nothing ever starts it */
        bool socket_disabled;  /* by SocketActivation=disable */
        bool unfinished;       /* that, or the way back, was cut off, and it may be that neither unit listens */
        const char *unit_name; /* of the service, for people */

        bool stay; /* somebody asked for it to be where it is: Restore=auto has no say before the next boot
                    */
        Request request;
        uint16_t request_port; /* of REQUEST_RELOCATE; 0: by the policy's own order */

        const char *hold; /* why no move may be made for now (the last one failed); NULL: none */
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
        uint16_t keep[SSHD_PORTS_MAX]; /* with ACTION_RELOCATE: of several home ports, those that stay */
        size_t n_keep;
        bool start; /* with ACTION_RESTORE: and start the service, which failed on the port it was given, or, as
                       SERVICE_FAILED, for our file; nothing else would */
        bool lost;  /* sshd runs, and not where it should be, or not on each of its own ports */
        bool waits; /* with ACTION_NONE: for an answer, or for a port to be left, of which nothing tells */
        char reason[REASON_SIZE]; /* one line for people */
} Decision;

const char *action_to_string(Action action);

/* At most one action at a time; the next is decided on the facts that this one brings. */
void policy_decide(const Config *config, const Snapshot *snapshot, Decision *ret);

/* Whether the policy lets sshd be moved to @port. */
bool policy_allows(const Config *config, uint16_t port);

/* "Windows (OpenSSH_for_Windows_9.5) holds 22"; @fact may be NULL. */
void port_fact_describe(const PortFact *fact, char *ret, size_t size);
