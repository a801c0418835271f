/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/log.h"
#include "core/config.h"

/* Owns the endpoints, gathers their facts, asks the policy and carries out its decision: one evaluation for
 * all that happened, at most one operation under way at a time. */
typedef struct Manager Manager;

/* @log and @config are copied. @event outlives the manager. SIGCHLD must be blocked.
 * Returns 0 or a negative errno, logged. */
int manager_new(sd_event *event, const Log *log, const Config *config, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_TRIVIAL_CLEANUP(Manager *, manager_free);

/* Logs an error of the configuration file; a ConfigErrorHandler, with a Log as its userdata. */
void manager_log_config_error(const char *path, unsigned line, const char *message, void *userdata);
