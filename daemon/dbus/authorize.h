/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

/* Whether the sender of a call may have it carried out: root may, for others polkit decides, and where there
 * is no polkit nobody else may. The bus daemon and polkit are asked without waiting. Only so many calls are
 * in question at a time, of one user fewer still: more are refused as busy. */
typedef struct Authorizer Authorizer;

#define AUTHORIZER_CALLS_MAX 64
#define AUTHORIZER_CALLS_PER_USER_MAX 4 /* that polkit is asked about */

/* It may; @call is to be carried out and answered. Every other end is answered already. */
typedef void (*AuthorizedCall)(sd_bus_message *call, void *userdata);

/* Returns 0 or -ENOMEM. */
int authorizer_new(Authorizer **ret);
Authorizer *authorizer_free(Authorizer *authorizer);
DEFINE_TRIVIAL_CLEANUP(Authorizer *, authorizer_free);

/* Asks about @call, for an @action of polkit's, which is not copied; NULL: for root alone. To be returned
 * from the method's handler: positive, or a negative errno that the bus answers with. */
int authorizer_ask(Authorizer *authorizer, sd_bus_message *call, const char *action,
                   AuthorizedCall carry_out, void *userdata);

/* Drops all that are in question, without an answer: to be called before their bus is closed. */
void authorizer_forget(Authorizer *authorizer);
