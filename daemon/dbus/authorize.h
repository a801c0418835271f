/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

/* The sender may: carries @call out and answers it. @uid is the sender's. A call that is refused has been
 * answered by the authorizer. */
typedef void (*AuthorizedCall)(sd_bus_message *call, uint32_t uid, void *userdata);

/* Finds out who the sender of a call is, and whether he may have it carried out: root may, about others polkit
 * decides, and without polkit only root may. Asks the bus daemon and polkit asynchronously. The number of
 * undecided calls is bounded for each sender, for each user at polkit, and in all by more than one user's
 * connections can have under way. Further calls are refused as busy. Valid when zeroed; must not move while a
 * call is undecided. */
typedef struct Authorizer {
        struct Authorization *first;
} Authorizer;

/* Decides about @call, then has it carried out or refuses it. @action is polkit's name for it, and isn't
 * copied; NULL: everyone may. Returns what the method's handler has to return: a positive number, or a negative
 * errno. */
int authorizer_ask(Authorizer *authorizer, sd_bus_message *call, const char *action,
                   AuthorizedCall carry_out, void *userdata);

/* Drops all undecided calls without an answer. To be called before their bus is closed: they refer to it. */
void authorizer_forget(Authorizer *authorizer);
