/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

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

/* Part of the reason where no candidate is left. */
#define REASON_ALL_TAKEN "every port of CandidatePorts is taken too"

typedef struct Decision {
        State state;
        Action action;
        uint16_t port;                   /* of .action; 0 where that has none */
        uint16_t beside[SSHD_PORTS_MAX]; /* with ACTION_RELOCATE: the home ports that stay beside .port */
        size_t n_beside;
        bool then_start; /* with ACTION_RESTORE: start the service too. It failed on our port or for our file,
                            and systemd does not try again */
        bool port_missing; /* sshd runs, and does not listen on each port that it should have */
        bool ask_again; /* with ACTION_NONE: no event will tell when the facts change, so look again later */
        char reason[REASON_SIZE]; /* one line for people */
} Decision;

/* Each of these decides; what an earlier call has decided is gone, but for .beside and the flags. */
void decide(Decision *d, State state, Action action, uint16_t port, const char *format, ...) _printf_(5, 6);

/* The reason is what is known of a port. */
void decide_by_fact(Decision *d, State state, Action action, uint16_t port, const PortFact *fact);

void decide_probe(Decision *d, State state, uint16_t port);

/* Nothing is to be done: the state is what the facts show, and the reason says why (@format) besides. */
void decide_nothing(const Snapshot *s, Decision *d, const char *format, ...) _printf_(3, 4);

/* sshd can have @port: a service that is to be started is started there. Else @d stays as it is. */
void decide_start_if_down(const Snapshot *s, uint16_t port, Decision *d);

/* An sshd that was moved is to go back, where its home ports are free; whether they are is asked first.
 * False, and nothing is decided, where a home port can't be had, for what *@ret_obstacle says. */
bool decide_way_home(const Snapshot *s, State restored, Decision *d, PortFact *ret_obstacle);

/* Finds the first home port that isn't known to be free and that no running sshd has. */
bool find_obstacle(const Snapshot *s, PortFact *ret);
