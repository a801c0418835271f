/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delay.h"

usec_t delay_next(Delay *d, usec_t now) {
        usec_t next = d->last < d->max / 2 ? d->last * 2 : d->max;

        if (now - d->given_at > d->last + next || next < d->first)
                next = d->first;

        d->last = next;
        d->given_at = now;
        return next;
}

void delay_reset(Delay *d) {
        d->last = 0;
}
