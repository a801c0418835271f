/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/delay.h"
#include "manager/context.h"

/* Turns what is known of sshd's units, configuration and ports into a Snapshot, and sees to it that the next
 * look comes in time. */

/* Why wslportd has to start the service, although by systemd's word it is down and stays so. */
typedef enum OwedStart {
        OWED_NOTHING,
        OWED_BY_SWITCH,  /* it takes its socket unit's place, or was just enabled */
        OWED_BY_REFUSAL, /* it failed for a file of ours, which is gone now */
        OWED_NO_MORE, /* a switch had enabled it, and its owner has disabled, masked or stopped it since */
} OwedStart;

/* Sessions that still hold the home port after a move, so that Windows can't have it yet. */
typedef struct Pinned {
        uint32_t sessions;
        uint16_t unpinned; /* a port without sessions, on which nobody has listened since; 0: none */
        usec_t recount_in; /* when there may be fewer, without an event; USEC_INFINITY: never */
        sd_event_source *timer;
} Pinned;

typedef struct Observer {
        Context *c;
        ServicePhase phase; /* of the managed unit */
        OwedStart owed;
        uint32_t main_pid;     /* of the sshd about which .sshd was asked; 0: any */
        HomeFacts sshd;        /* where sshd would be without us */
        Endpoints absent;      /* of these, those whose address this machine lacks */
        char cannot_bind[240]; /* as Snapshot's; "" for NULL */
        Ports ports;

        /* As of the last look: */
        bool unseen;                                    /* the kernel could not list all of it */
        bool listens;                                   /* sshd has all of the port that it should have */
        Endpoints actual;                               /* sshd's, in the kernel */
        StatusListener listeners[STATUS_LISTENERS_MAX]; /* on sshd's ports */
        size_t n_listeners;
        StatusAddress reachable[STATUS_REACHABLE_MAX]; /* as in Status */
        size_t n_reachable;
        Pinned pinned;
        usec_t helper_time; /* CPU time of the helper in this evaluation */

        Settled lacking; /* what a running sshd lacks; SETTLED_NOT_YET: nothing */
        Delay settling;  /* between looks at such an sshd */
        sd_event_source *settle_timer;
} Observer;

void observer_init(Observer *o, Context *c);
void observer_done(Observer *o);

/* Takes over what systemd says of the units. False while that, or another answer that matters, is still to come. */
bool observer_read_units(Observer *o);

/* Takes over what sshd says of its configuration. False if sshd has to be asked first: then its answer leads
 * to an evaluation. */
bool observer_ask_sshd(Observer *o);

/* Has the kernel list the listeners on sshd's ports, the sessions on its home port, and this machine's addresses. */
void observer_look(Observer *o);

/* Sets all of @ret but what operator_fill() does. Its pointers are valid until the next observation. */
void observer_fill(Observer *o, Snapshot *ret);

/* Nothing is to be done for now: sees to it that an evaluation follows when something may have changed. */
void observer_wait(Observer *o, const Snapshot *snapshot, const Decision *decision);

/* Notes the answer of a bind() on @port. @detail: as PortFact's. */
void observer_note_answer(Observer *o, uint16_t port, BindAnswer answer, const char *detail);

/* Looks at @port. Returns its fact if a stranger listens there, else NULL: whether that port is taken needs
 * no bind(). */
const PortFact *observer_find_stranger(Observer *o, uint16_t port);

/* True if sshd has all of @port, by the last look. */
bool observer_sshd_has(const Observer *o, uint16_t port);

/* As MoveListens. */
int observer_listens(Observer *observer, const Placement *placement, uint16_t port);

/* Everything about ports may have changed. */
void observer_forget(Observer *o);

/* The first of sshd's own ports; 0: unknown. */
static inline uint16_t observer_home_port(const Observer *o) {
        return home_first_port(&o->sshd.home);
}

/* The port that sshd was moved to, else its own. */
static inline uint16_t observer_expected_port(const Observer *o) {
        uint16_t moved_to = o->c->files.placement.port;

        return moved_to != 0 ? moved_to : observer_home_port(o);
}
