/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/store.h"
#include "base/log.h"
#include "sshd/sshd.h"
#include "systemd/units.h"

/* Where sshd would be without us: what its configuration and the options of its service say, or the addresses of the
 * socket unit that listens in its place. */

typedef struct HomeFinder HomeFinder;

/* Called after each answer of sshd's. */
typedef void (*HomeFinderHandler)(void *userdata);

/* @log has to outlive it. Returns 0 or -ENOMEM. */
int home_finder_new(sd_event *event, const Log *log, HomeFinderHandler handler, void *userdata, HomeFinder **ret);
HomeFinder *home_finder_free(HomeFinder *home);
DEFINE_TRIVIAL_CLEANUP(HomeFinder *, home_finder_free);

/* The next home_finder_refresh() asks again. */
void home_finder_forget(HomeFinder *home);

/* Asks sshd, where it hasn't been asked since the last home_finder_forget(). Returns true while an answer is to come. */
bool home_finder_refresh(HomeFinder *home, const UnitState *service, const Placement *placement);
bool home_finder_is_pending(const HomeFinder *home);

/* What is known; valid until the next answer. */
typedef struct HomeFacts {
        SshdVerdict verdict;
        const char *detail;   /* sshd's own words; NULL where there are none */
        const char *port_fixed_by; /* what makes .home.port_fixed, for people */
        const char *options;  /* words: those that sshd is asked with */
        bool has_port_option;
        bool later; /* it could not be found out, and may be in a moment */
        SshdHome home;
} HomeFacts;

HomeFacts home_finder_facts(const HomeFinder *home, ManagedUnits managed, const Placement *placement);

/* A move has seen whether sshd takes our file in. */
void home_finder_set_reads_our_file(HomeFinder *home, bool reads_our_file);
