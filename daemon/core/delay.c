/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delay.h"

usec_t delay_next(Delay *d) {
        d->last = d->last < d->max / 2 ? d->last * 2 : d->max;
        if (d->last < d->first)
                d->last = d->first;
        return d->last;
}

usec_t delay_next_at(Delay *d, usec_t now) {
        if (now - d->given_at > 3 * d->last)
                delay_reset(d);
        d->given_at = now;
        return delay_next(d);
}

void delay_reset(Delay *d) {
        d->last = 0;
}
