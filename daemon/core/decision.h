/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/snapshot.h"

typedef enum Action {
        ACTION_NONE,
        ACTION_PROBE,    /* ask the bind helper about .port, which sshd is about to bind */
        ACTION_RELOCATE, /* move sshd to .port, if that turns out to be free */
        ACTION_RESTORE,  /* take our file away: sshd's own configuration applies, .port is its port */
        ACTION_START,    /* start the service again as it is configured; .port is where it will listen */
        ACTION_ENABLE,   /* enable the service, and start it */
        ACTION_DISABLE_SOCKET, /* the service takes the socket unit's place */
        ACTION_ENABLE_SOCKET,  /* the socket unit takes its place again */
        _ACTION_MAX,
} Action;

DECLARE_WORDS(action, Action);

#define REASON_SIZE 512

/* Stands in the reason if no candidate is left. */
#define REASON_NO_CANDIDATE "no port of CandidatePorts"

typedef struct Decision {
        State state;
        Cause cause; /* of .state */
        Action action;
        uint16_t port;                   /* of .action; 0 for actions without a port */
        uint16_t beside[SSHD_PORTS_MAX]; /* with ACTION_RELOCATE: the home ports that stay beside .port */
        size_t n_beside;
        bool then_start; /* with ACTION_RESTORE: start the service too. It failed on our port or for our file, so
                            systemd won't */
        bool port_missing; /* sshd runs, and does not listen on each port that it should have */
        bool ask_again; /* with ACTION_NONE: no event will tell when the facts change, so look again later */
        char reason[REASON_SIZE]; /* one line for people */
} Decision;

/* Decides anew, but leaves .beside, .n_beside and the flags of @d as they are. So do the functions below. */
void decide(Decision *d, State state, Cause cause, Action action, uint16_t port, const char *format, ...)
                _printf_(6, 7);

/* Decides with the description of @fact as the reason, and its cause. */
void decide_by_fact(Decision *d, State state, Action action, uint16_t port, const PortFact *fact);

void decide_probe(Decision *d, State state, uint16_t port);

/* Decides that nothing is to be done. The facts give the state. The reason begins with @format. @cause stands, unless
 * somebody has a home port of an sshd that isn't moved. CAUSE_NONE: the facts' own. */
void decide_nothing(const Config *config, const Snapshot *s, Decision *d, Cause cause, const char *format,
                    ...) _printf_(5, 6);

/* Decides that sshd stays where it was moved to; the reason is why it is there. */
void decide_stay(const Config *config, const Snapshot *s, Decision *d);

/* sshd can have @port: decides that a service that is to be started starts there. Leaves @d alone for any
 * other. */
void decide_start_if_down(const Snapshot *s, uint16_t port, Decision *d);

/* Decides that an sshd that was moved goes home, or that its home ports are asked about first. False, and
 * nothing is decided, if a home port can't be had; *@ret_obstacle is that port's fact then. */
bool decide_way_home(const Config *config, const Snapshot *s, State restored, Decision *d,
                     PortFact *ret_obstacle);

/* True, and the fact, for the first home port that isn't known to be free and that no running sshd has. */
bool find_obstacle(const Snapshot *s, PortFact *ret);

/* Decides on facts alone, without I/O: the same facts always give the same decision. It decides one action
 * at a time; the result of that action is among the facts of the next decision. */
void policy_decide(const Config *config, const Snapshot *s, Decision *ret);
