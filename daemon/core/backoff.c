/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/backoff.h"

bool backoff_allows(const Backoff *b, usec_t now) {
        return b->n < BACKOFF_BURST || now - b->recent[b->next] >= BACKOFF_WINDOW;
}

bool backoff_allows_two(const Backoff *b, usec_t now) {
        unsigned n = 0;

        for (unsigned i = 0; i < b->n; i++)
                n += now - b->recent[i] < BACKOFF_WINDOW;
        return n + 2 <= BACKOFF_BURST;
}

void backoff_note(Backoff *b, usec_t now) {
        b->recent[b->next] = now;
        b->next = (b->next + 1) % BACKOFF_BURST;
        if (b->n < BACKOFF_BURST)
                b->n++;
}

static usec_t next_delay(Backoff *b, usec_t now, usec_t first) {
        usec_t next = b->delay * 2 < BACKOFF_DELAY_MAX ? b->delay * 2 : BACKOFF_DELAY_MAX;

        if (b->delay == 0 || now - b->delayed_at > b->delay + next || next < first)
                next = first;

        b->delay = next;
        b->delayed_at = now;
        return next;
}

usec_t backoff_delay(Backoff *b, usec_t now) {
        return next_delay(b, now, BACKOFF_DELAY_FIRST);
}

usec_t backoff_delay_soon(Backoff *b, usec_t now) {
        return next_delay(b, now, BACKOFF_DELAY_SOON);
}
