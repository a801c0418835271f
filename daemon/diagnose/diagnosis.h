/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/log.h"
#include "process/child.h"

/* An option of wslportd-diagnose: it gives up root's rights first, and connects to no port. */
#define DIAGNOSE_FOR_EVERYONE "--for-everyone"

#define DIAGNOSIS_WAITING_MAX 32
#define DIAGNOSIS_WAITING_OF_USER_MAX 4

/* Answers the calls of Diagnose() and FindHolder(): root's, or those of all other users, who are told only what any
 * user can find out. One wslportd-diagnose runs at a time, beside the loop, and may itself ask this daemon for its
 * state. The next run answers all callers who came during this one, up to the first with another question. A user
 * can't take the places of the others. */
typedef struct Diagnosis {
        /* Set by its owner; they outlive it. */
        sd_event *event;
        const Log *log;
        bool of_root;

        Child *child;
        struct {
                sd_bus_message *call;
                uint32_t uid;
                uint16_t port; /* FindHolder()'s; 0: Diagnose() */
        } waiting[DIAGNOSIS_WAITING_MAX];
        size_t n_waiting;
        size_t n_asked; /* the run under way answers so many of them; the others may ask about something newer */
} Diagnosis;

/* Answers the @call of the user @uid when the program has ended, or refuses it at once. With a @port the answer is
 * who has it, (ss), else all checks, a(ssss). */
void diagnosis_answer(Diagnosis *diagnosis, sd_bus_message *call, uint32_t uid, uint16_t port);

/* Leaves all callers unanswered. To be called before their bus is closed. */
void diagnosis_forget(Diagnosis *diagnosis);
