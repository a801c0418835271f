/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "facts/ports.h"
#include "windows/greeting.h"

/* Which of Windows' programs has a port. Its greeting tells, and Windows tells the program's name where
 * Interop=yes. The answers go into the port's fact. One port is asked about at a time. */
typedef struct Naming Naming;

/* @log, @config and @ports must outlive it; it reads @log and @config anew for each question, and calls @handler
 * when the question is over. Returns 0 or -ENOMEM. */
int naming_new(sd_event *event, const Log *log, const Config *config, Ports *ports, ChangeHandler handler,
               void *userdata, Naming **ret);
void naming_free(Naming *naming);

bool naming_is_asking(const Naming *naming);

/* Asks who has @port, unless its fact is .greeted: each connection can itself keep Windows from binding the port. */
void naming_ask(Naming *naming, uint16_t port);

/* Asks whether anybody still has @port; if nobody greets, .holder_left of its fact is set. */
void naming_look(Naming *naming, uint16_t port);
