/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "windows/banner.h"

/* How 127.0.0.1 answers on a port. */

typedef enum Greet {
        GREET_HEARD,   /* something listens; what it said may be nothing */
        GREET_REFUSED, /* nothing listens */
        GREET_UNKNOWN, /* no connection within the time */
} Greet;

/* What greeting has done in a process of its own: connects, and reads until there is a greeting, or none can be, or the
 * time is over (@timeout, in µs), or the server hangs up. Waits so long. *@ret_size bytes are in @ret. */
Greet greet(uint16_t port, usec_t timeout, char ret[static BANNER_SIZE_MAX], size_t *ret_size);
