/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "systemd/units.h"

/* Over which bus systemd is asked: PID 1's private socket until the system bus is there, and again while that is
 * gone. Both outlive neither systemd's nor the bus daemon's new start; the link does. */

typedef struct SystemdLink SystemdLink;

/* Opens the private socket, and gives it to @units; all of it as often as it takes. Returns 0 or a negative errno.
 * @log and @units have to outlive the link. */
int systemd_link_new(sd_event *event, const Log *log, Units *units, SystemdLink **ret);
SystemdLink *systemd_link_free(SystemdLink *link);
DEFINE_TRIVIAL_CLEANUP(SystemdLink *, systemd_link_free);

/* The bus to be used now, NULL while there is none. No reference. */
sd_bus *systemd_link_bus(const SystemdLink *link);

/* The system bus has come, or with NULL has gone. While @busy, a job that was begun over the private socket still waits
 * there for its end: it is kept until systemd_link_settle(). */
void systemd_link_set_system_bus(SystemdLink *link, sd_bus *bus, bool busy);
void systemd_link_settle(SystemdLink *link);
