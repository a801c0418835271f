/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

#define AUTHORIZER_CALLS_MAX 64
#define AUTHORIZER_CALLS_PER_USER_MAX 4 /* that polkit is asked about at a time */

/* The sender may: carries @call out and answers it. A call that is refused has been answered by the
 * authorizer. */
typedef void (*AuthorizedCall)(sd_bus_message *call, void *userdata);

typedef struct Authorization {
        struct Authorizer *authorizer;
        sd_bus_message *call; /* NULL: this place is free */
        sd_bus_slot *slot;    /* the open question to the bus daemon or to polkit */
        const char *action;
        AuthorizedCall carry_out;
        void *userdata;
        uint32_t uid; /* the user about whom polkit is asked; 0: polkit isn't asked yet */
} Authorization;

/* Decides whether the sender of a call may have it carried out: root may, about others polkit decides, and
 * without polkit only root may. Asks the bus daemon and polkit asynchronously. The number of undecided calls
 * is bounded, in all and for each user, so that nobody can take all the places; further calls are refused as
 * busy. Valid when zeroed; must not move while a call is undecided. */
typedef struct Authorizer {
        Authorization places[AUTHORIZER_CALLS_MAX];
} Authorizer;

/* Decides about @call, then has it carried out or refuses it. @action is polkit's name for it, and isn't
 * copied. Returns what the method's handler has to return: a positive number, or a negative errno. */
int authorizer_ask(Authorizer *authorizer, sd_bus_message *call, const char *action,
                   AuthorizedCall carry_out, void *userdata);

/* Drops all undecided calls without an answer. To be called before their bus is closed: they refer to it. */
void authorizer_forget(Authorizer *authorizer);
