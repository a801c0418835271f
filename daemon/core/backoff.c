/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/backoff.h"

bool backoff_allows(const Backoff *b, unsigned times, usec_t now) {
        for (unsigned i = 0; i < b->n; i++)
                times += now - b->recent[i] < BACKOFF_WINDOW;
        return times <= BACKOFF_BURST;
}

void backoff_note(Backoff *b, usec_t now) {
        b->recent[b->next] = now;
        b->next = (b->next + 1) % BACKOFF_BURST;
        if (b->n < BACKOFF_BURST)
                b->n++;
}
