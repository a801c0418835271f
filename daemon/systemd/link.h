/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "systemd/units.h"

/* The bus over which wslportd asks systemd: PID 1's private socket until the system bus is there, and again
 * while the system bus is gone. The private socket doesn't outlive a new start of systemd, nor the system
 * bus one of the bus daemon; the link does. */

typedef struct SystemdLink SystemdLink;

/* Opens the private socket and gives it to @units, as often as it takes. Returns 0 or a negative errno. @log
 * and @units have to outlive the link. */
int systemd_link_new(sd_event *event, const Log *log, Units *units, SystemdLink **ret);
void systemd_link_free(SystemdLink *link);

/* The bus to use now, NULL while there is none. The link keeps the reference. */
sd_bus *systemd_link_bus(const SystemdLink *link);

/* Changes to the system bus, or with NULL away from it. While @busy, a job that began over the private
 * socket still waits there for its end, so that the socket stays open until systemd_link_settle(). */
void systemd_link_set_system_bus(SystemdLink *link, sd_bus *bus, bool busy);
void systemd_link_settle(SystemdLink *link);
