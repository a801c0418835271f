/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "base/log.h"
#include "facts/ports.h"

/* Who on Windows has a port: by how it greets and, where Windows may be asked, by the name of its program. What is
 * found out is noted in the port's fact; one port at a time. */
typedef struct Naming Naming;

/* A fact may be another one now, or what was asked is over. */
typedef void (*NamingHandler)(void *userdata);

/* All that is pointed to outlives it; @config and @log are read as they are at each question. Returns 0 or -ENOMEM. */
int naming_new(sd_event *event, const Log *log, const Config *config, Ports *ports, NamingHandler handler,
               void *userdata, Naming **ret);
Naming *naming_free(Naming *naming);
DEFINE_TRIVIAL_CLEANUP(Naming *, naming_free);

bool naming_is_asking(const Naming *naming);

/* Asks who has @port, once until that is forgotten: each connection can itself keep Windows from binding it. */
void naming_ask(Naming *naming, uint16_t port);

/* Asks whether anybody still has @port; where nobody greets, its fact becomes that it was seen free. */
void naming_look(Naming *naming, uint16_t port);

/* Another may have @port now (0: any port): the next naming_ask() asks. */
void naming_forget(Naming *naming, uint16_t port);
