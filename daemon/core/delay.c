/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delay.h"

usec_t delay_next(Delay *d) {
        d->last = d->last < d->max / 2 ? d->last * 2 : d->max;
        if (d->last < d->first)
                d->last = d->first;
        return d->last;
}

void delay_reset(Delay *d) {
        d->last = 0;
}
