/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/log.h"

/* Answers Diagnose() calls. One wslportd-diagnose runs at a time, beside the loop, and may itself ask this
 * daemon for its state. The next run answers all callers who came during this one. */
typedef struct Diagnosis Diagnosis;

#define DIAGNOSIS_WAITING_MAX 32

/* @event and @log must outlive it. Returns 0 or -ENOMEM. */
int diagnosis_new(sd_event *event, const Log *log, Diagnosis **ret);
Diagnosis *diagnosis_free(Diagnosis *diagnosis);
DEFINE_TRIVIAL_CLEANUP(Diagnosis *, diagnosis_free);

/* Answers @call with a(ssss), at once or when the program has ended. The method's handler returns this. */
int diagnosis_answer(Diagnosis *diagnosis, sd_bus_message *call);

/* Leaves all callers unanswered. To be called before their bus is closed. */
void diagnosis_forget(Diagnosis *diagnosis);
