/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sshd/sshd.h"
#include "store/store.h"

/* Writes our files and has sshd check them, by one mechanism after the other, until sshd would listen on
 * what is wanted and on nothing else. */

/* @result is 0, or a negative errno where no mechanism does it, with one line for people in @text: -EBADMSG
 * where sshd refuses its configuration, -EEXIST where another port stands beside ours, -EAGAIN where sshd
 * gave no verdict. May free the trial. */
typedef void (*TrialHandler)(int result, const char *text, void *userdata);

typedef struct Trial {
        sd_event *event;
        Placement from; /* what the files said before */
        Placement to; /* what is wanted: .port 0 is sshd's own; .mechanism MECHANISM_NONE: whichever does it */
        Placement now;      /* what the files say */
        Placement accepted; /* what they are to say again after trial_set_aside() */
        bool aside;         /* until then .now is .from */
        bool reload_due;    /* systemd has not read what they say */
        bool unapplied;     /* nor had it read .from: a socket unit listens at home */
        BareUnits units;
        bool by_socket, keyless; /* sshd's host keys are still to be made, and it is not told anything now */
        Home home;               /* as of the start */
        char options[SSHD_COMMAND_SIZE]; /* words: those that sshd is checked with */
        SshdInquiry *sshd;               /* which checks them */
        usec_t asked_at;                 /* when it was asked about .now; 0: it wasn't */
        bool confirms;                   /* it is to say of .now once more what it has said */
        TrialHandler handler;
        void *userdata;
} Trial;

/* Begins with the first mechanism. Returns 0, or a negative errno and the files are as they were, as far as
 * they can be. */
int trial_begin(Trial *trial);

/* The mechanism that the handler was told of does not do it after all: goes on with the next one, or calls
 * the handler with @error and @text. */
void trial_go_on(Trial *trial, int error, const char *text);

/* True if sshd was asked so shortly ago that its answer is of what it would read now. */
bool trial_is_fresh(const Trial *trial);

/* Has sshd check once more what the files say now. The handler is called with what it says, and no other mechanism
 * is tried. Returns 0 or a negative errno. */
int trial_confirm(Trial *trial);

/* Has the files say @placement. Returns 0 or a negative errno. */
int trial_write(Trial *trial, const Placement *placement);

/* With @aside, has the files say what they said before, until it is called without. What sshd said of them stands.
 * Returns 0 or a negative errno. */
int trial_set_aside(Trial *trial, bool aside);

/* Nobody has been told of the trial: the files are as they were, as far as they can be. */
void trial_take_back(Trial *trial);

/* True if a socket unit on @streams (words) listens on what is wanted, on nothing else, and on nothing twice. */
bool trial_is_met_by(const Trial *trial, const char *streams);
