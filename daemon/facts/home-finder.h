/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "kernel/routes.h"
#include "sshd/sshd.h"
#include "store/store.h"

/* Finds where sshd would listen without us: it asks sshd, with the options of its service, and reads the
 * addresses of a socket unit that listens in sshd's place. */

typedef struct HomeFinder HomeFinder;

/* @log must outlive it. Calls @handler after each of sshd's answers. Returns 0 or -ENOMEM. */
int home_finder_new(sd_event *event, const Log *log, ChangeHandler handler, void *userdata,
                    HomeFinder **ret);
void home_finder_free(HomeFinder *finder);
DEFINE_TRIVIAL_CLEANUP(HomeFinder *, home_finder_free);

/* sshd's configuration may have changed: the next home_finder_refresh() asks sshd again. */
void home_finder_forget(HomeFinder *finder);

/* The same, if a change of what sshd reads could have gone unseen. */
void home_finder_doubt(HomeFinder *finder);

/* Asks sshd if nobody has since home_finder_forget(). Returns true while its answer is to come. From then on a
 * change of a file in sshd's folders below /etc and /usr/etc counts as home_finder_forget(), and calls the handler. */
bool home_finder_refresh(HomeFinder *finder, const UnitState *service, const Placement *placement);
bool home_finder_is_pending(const HomeFinder *finder);

/* What is known; valid until the next answer. */
typedef struct HomeFacts {
        SshdVerdict verdict;
        const char *detail;        /* sshd's own words, or why it did not answer; NULL if there are none */
        const char *port_fixed_by; /* as Snapshot's */
        const char *options; /* SSHD_COMMAND_SIZE of words: the service's options that sshd was asked with */
        bool ask_again;      /* sshd or the socket's drop-in could not be read; a later try may succeed */
        bool has_twice;      /* the socket unit has an endpoint twice, and systemd can't bind that */
        Home home;           /* without ports: sshd did not tell */
} HomeFacts;

/* Finds the endpoints of @home whose address this machine lacks, as that of a mesh which comes up later. Returns 0,
 * or a negative errno and an empty set. */
int home_find_absent(const Home *home, Routes *routes, Endpoints *ret);

HomeFacts home_finder_facts(const HomeFinder *finder, ManagedUnits managed, const Placement *placement);
