/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/kept.h"
#include "base/log.h"
#include "sshd/sshd.h"
#include "systemd/units.h"

/* Where sshd would be without us: what its configuration and the options of its service say, or the addresses of the
 * socket unit that listens in its place. */

typedef struct Home Home;

/* Called after each answer of sshd's. */
typedef void (*HomeHandler)(void *userdata);

/* @log has to outlive it. Returns 0 or -ENOMEM. */
int home_new(sd_event *event, const Log *log, HomeHandler handler, void *userdata, Home **ret);
Home *home_free(Home *home);
DEFINE_TRIVIAL_CLEANUP(Home *, home_free);

/* The next home_refresh() asks again. */
void home_forget(Home *home);

/* Asks sshd, where it hasn't been asked since the last home_forget(). Returns true while an answer is to come. */
bool home_refresh(Home *home, const UnitState *service, const Kept *kept);
bool home_is_pending(const Home *home);

/* What is known; valid until the next answer. */
typedef struct HomeView {
        SshdVerdict verdict;
        const char *detail;   /* sshd's own words; NULL where there are none */
        const char *fixed_by; /* what makes .home.fixed, for people */
        const char *options;  /* words: those that sshd is asked with */
        bool has_port_option;
        bool later; /* it could not be found out, and may be in a moment */
        SshdHome home;
} HomeView;

HomeView home_view(const Home *home, ManagedUnits managed, const Kept *kept);

/* A move has seen whether sshd takes our file in. */
void home_set_ours(Home *home, bool reads_our_file);

/* What our files are made of, with none of them in it. Returns 0, or a negative errno where that can't be known
 * for the moment. */
int home_fill_units(ManagedUnits managed, KeptUnits *ret);
