/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/log.h"

/* Diagnose(): runs wslportd-diagnose beside the loop, one at a time, and answers all who have asked
 * meanwhile. The program may ask this daemon for its state. */
typedef struct Diagnosis Diagnosis;

#define DIAGNOSIS_WAITING_MAX 32

/* @event and @log outlive it. Returns 0 or -ENOMEM. */
int diagnosis_new(sd_event *event, const Log *log, Diagnosis **ret);
Diagnosis *diagnosis_free(Diagnosis *diagnosis);
DEFINE_TRIVIAL_CLEANUP(Diagnosis *, diagnosis_free);

/* Answers @call with a(ssss), now or when the program has ended. To be returned from the method's handler.
 */
int diagnosis_answer(Diagnosis *diagnosis, sd_bus_message *call);

/* Whoever waits is not answered any more: to be called before their bus is closed. */
void diagnosis_forget(Diagnosis *diagnosis);
