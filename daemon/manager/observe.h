/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/delay.h"
#include "facts/holders.h"
#include "manager/context.h"

/* Turns what is known of sshd's units, of its configuration and of its ports into a Snapshot, and sees to it
 * that the next look comes in time. */

/* Why the service is to be started, though it is down and systemd will not start it. */
typedef enum OwedStart {
        OWED_NOTHING,
        OWED_BY_SWITCH,  /* it takes its socket unit's place, or was just enabled */
        OWED_BY_REFUSAL, /* it failed for a file of ours, which is gone now */
} OwedStart;

/* How much of what matters the kernel has listed at the last look. */
typedef enum Sight {
        SIGHT_WHOLE,
        SIGHT_OF_LISTENERS, /* sessions or addresses are as of an earlier look */
        SIGHT_NOT_EVEN,     /* nor are all listeners known */
} Sight;

/* Sessions that still hold the home port after a move, so that Windows can't have it yet. */
typedef struct Pinned {
        uint32_t sessions;
        uint16_t unpinned; /* the port that no session holds, and on which nobody has listened since; 0: none */
        usec_t recount_in; /* when fewer may hold it, without an event; USEC_INFINITY: never */
        sd_event_source *timer;
} Pinned;

typedef struct Observer {
        Context *c;
        ServicePhase phase; /* of the managed unit */
        OwedStart owed;
        HomeFacts sshd; /* where sshd would be without us */
        Ports ports;

        /* By the last look: */
        Sight sight;
        bool listens;                                   /* sshd has all of the port that it should have */
        StatusListener listeners[STATUS_LISTENERS_MAX]; /* on its ports */
        size_t n_listeners;
        StatusAddress reachable[STATUS_REACHABLE_MAX];
        size_t n_reachable;
        Pinned pinned;
        usec_t helper_time; /* the helper's CPU time for the looks of this evaluation */

        Settled lacking; /* what a running sshd lacks; SETTLED_NOT_YET: nothing */
        Delay settling;  /* since when, told by how long the next look is waited for */
        sd_event_source *settle_timer;
} Observer;

void observer_init(Observer *observer, Context *c);
void observer_done(Observer *observer);

/* Takes over what systemd says of the units. Returns false while it, or another answer that matters, is
 * still to come. */
bool observer_read_units(Observer *observer);

/* Whether it is known what sshd says of its configuration; else it is asked, and an evaluation follows its
 * answer. */
bool observer_ask_sshd(Observer *observer);

/* Has the kernel list who listens on sshd's ports, which sessions pin the home port, and this machine's
 * addresses. */
void observer_look(Observer *observer);

/* All of @ret that is known here: not what somebody asked for, nor what is postponed. What it points to is
 * valid until something else is known. */
void observer_fill(Observer *observer, Snapshot *ret);

/* Nothing is to be done for now: sees to it that an evaluation follows when something may be different. */
void observer_wait(Observer *observer, const Snapshot *snapshot, const Decision *decision);

/* bind() has said @answer of @port. */
void observer_note_answer(Observer *observer, uint16_t port, BindAnswer answer, const char *detail);

/* The fact of a @port that something else here listens on, by a look at it; else NULL. Such a port needs no
 * bind() to be known as taken. */
const PortFact *observer_find_taken(Observer *observer, uint16_t port);

/* Whether sshd has all of @port, as far as is known. */
bool observer_has(const Observer *observer, uint16_t port);

/* 1 if sshd has all of @port, 0 if it lacks it or a family of it, -EADDRINUSE if a stranger has it, else -EAGAIN. */
int observer_listens(Observer *observer, uint16_t port);

/* Whatever was found out of ports may be different now. */
void observer_forget(Observer *observer);

/* The first of sshd's own ports; 0 where it isn't known. */
static inline uint16_t observer_home_port(const Observer *observer) {
        return observer->sshd.home.n_ports > 0 ? observer->sshd.home.ports[0] : 0;
}

/* Where sshd should be: the port that it was moved to, or its own. */
static inline uint16_t observer_expected_port(const Observer *observer) {
        uint16_t moved_to = observer->c->files.placement.port;

        return moved_to != 0 ? moved_to : observer_home_port(observer);
}
