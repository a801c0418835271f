/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/watch.h"

#include "base/timer.h"
#include "core/pace.h"
#include "kernel/listenwatch.h"

/* The slack lets the kernel wake us together with others. */
#define TIMER_INTERVAL (60 * USEC_PER_SEC)
#define TIMER_SLACK (15 * USEC_PER_SEC)

struct Watch {
        sd_event *event;
        Sockets *sockets;
        ListenWatch *listeners; /* NULL: the tracepoint can't be had, or no port is watched */
        sd_event_source *timer;
        uint16_t ports[LISTENWATCH_PORTS_MAX];
        size_t n_ports;
        bool closes;
        uint64_t fingerprint; /* of the listeners at the last watch_note(); 0: not known */
        Pace pace;
        sd_event_source *pace_timer;
        int fallback_reason;
        Netlink *cpus; /* tells of CPUs that come or go */
        sd_event_source *cpus_source;
        bool outdated; /* .listeners has to be made anew */
        ChangeHandler handler;
        void *userdata;
};

void watch_free(Watch *w) {
        if (!w)
                return;

        listenwatch_free(w->listeners);
        sd_event_source_disable_unref(w->cpus_source);
        netlink_free(w->cpus);
        if (w->closes)
                sockets_unwatch(w->sockets);
        sd_event_source_disable_unref(w->timer);
        sd_event_source_disable_unref(w->pace_timer);
        sd_event_unref(w->event);
        free(w);
}

/* Boils down who listens on the ports; 0 if that can't be known. */
static uint64_t watch_fingerprint(Watch *w) {
        uint64_t hash = HASH_FIRST;

        for (size_t i = 0; i < w->n_ports; i++) {
                Listener listeners[16];
                int n = sockets_list_listeners(w->sockets, w->ports[i], listeners, ELEMENTSOF(listeners));

                if (n < 0 || n > (int) ELEMENTSOF(listeners))
                        return 0;
                for (int k = 0; k < n; k++)
                        hash = hash_add(hash, &listeners[k].inode, sizeof(listeners[k].inode));
                hash = hash_add(hash, &n, sizeof(n));
        }
        return hash;
}

void watch_note(Watch *w) {
        w->fingerprint = w->listeners ? watch_fingerprint(w) : 0;
}

void watch_charge(Watch *w, usec_t cpu_time) {
        pace_note(&w->pace, clock_usec(CLOCK_MONOTONIC), cpu_time);
}

static void watch_look(Watch *w) {
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
        bool changed = w->outdated || w->fingerprint == 0 || w->fingerprint != watch_fingerprint(w);

        watch_charge(w, clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before);
        if (changed)
                w->handler(w->userdata);
}

static int watch_on_pace(sd_event_source *, uint64_t, void *userdata) {
        Watch *w = userdata;

        if (w->listeners)
                listenwatch_pause(w->listeners, false);
        watch_look(w);
        return 0;
}

/* A look that is put off sees the last of many changes. Those in between don't matter. */
static void watch_on_event(void *userdata) {
        Watch *w = userdata;
        usec_t delay = pace_delay(&w->pace, clock_usec(CLOCK_MONOTONIC));

        w->outdated = w->outdated || (w->listeners && listenwatch_is_broken(w->listeners));
        if (timer_is_armed(w->pace_timer))
                return;
        if (delay == 0 ||
            timer_arm(w->event, &w->pace_timer, delay, USEC_PER_MSEC, "pace", watch_on_pace, w) < 0)
                watch_look(w);
        else if (w->listeners)
                listenwatch_pause(w->listeners, true);
}

static void watch_on_socket(void *userdata) {
        Watch *w = userdata;

        w->fingerprint = 0; /* the fingerprint is of listeners only */
        watch_on_event(w);
}

static int watch_on_cpus(sd_event_source *, int, uint32_t, void *userdata) {
        Watch *w = userdata;

        if (netlink_receive(w->cpus) != 0 && w->listeners) {
                w->outdated = true;
                watch_on_event(w);
        }
        return 0;
}

int watch_new(sd_event *event, Sockets *sockets, ChangeHandler handler, void *userdata, Watch **ret) {
        Watch *w = malloc(sizeof(*w));

        if (!w)
                return -ENOMEM;

        *w = (Watch){
                .event = sd_event_ref(event),
                .sockets = sockets,
                .handler = handler,
                .userdata = userdata,
        };
        if (listenwatch_open_cpus(&w->cpus) >= 0) /* without it, a CPU that comes later isn't watched */
                (void) sd_event_add_io(event, &w->cpus_source, netlink_get_fd(w->cpus), EPOLLIN,
                                       watch_on_cpus, w);
        *ret = w;
        return 0;
}

static int watch_on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void watch_arm_timer(Watch *w) {
        timer_arm_or_end(w->event, &w->timer, TIMER_INTERVAL, TIMER_SLACK, "watch-timer", watch_on_timer, w);
}

static int watch_on_timer(sd_event_source *, uint64_t, void *userdata) {
        Watch *w = userdata;

        watch_arm_timer(w);
        w->handler(w->userdata);
        return 0;
}

static void watch_set_listeners(Watch *w, const uint16_t *ports, size_t n_ports) {
        ListenWatch *old = w->listeners;
        int r = 0;

        w->listeners = NULL;
        if (n_ports > 0)
                r = listenwatch_new(&w->listeners, w->event, ports, n_ports, watch_on_event, w);
        listenwatch_free(old);
        w->fallback_reason = r;
        w->outdated = false;

        if (r >= 0)
                w->timer = sd_event_source_disable_unref(w->timer);
        else if (!timer_is_armed(w->timer))
                watch_arm_timer(w);
}

int watch_set(Watch *w, const uint16_t *ports, size_t n_ports, bool closes) {
        bool same, anew, begins;
        int r;

        if (n_ports > ELEMENTSOF(w->ports))
                n_ports = ELEMENTSOF(w->ports);
        same = n_ports == w->n_ports &&
               (n_ports == 0 || memcmp(ports, w->ports, n_ports * sizeof(*ports)) == 0);
        anew = !same || w->outdated ||
               (n_ports > 0 && !w->listeners && errno_is_passing(w->fallback_reason));

        if (anew) {
                watch_set_listeners(w, ports, n_ports);
                if (n_ports > 0)
                        memcpy(w->ports, ports, n_ports * sizeof(*ports));
                w->n_ports = n_ports;
                w->fingerprint = 0;
        }

        begins = !same || (anew && w->listeners);
        if (closes && n_ports > 0 && (!w->closes || !same)) {
                r = sockets_watch(w->sockets, w->event, ports, n_ports, watch_on_socket, w);
                if (r < 0)
                        return r;
                begins = begins || !w->closes;
                w->closes = true;
        } else if (w->closes && (!closes || n_ports == 0)) {
                sockets_unwatch(w->sockets);
                w->closes = false;
        }

        return begins;
}

const char *watch_kind(const Watch *w) {
        return w->listeners ? "tracepoint" : w->timer ? "timer" : "none";
}

int watch_fallback_reason(const Watch *w) {
        return w->fallback_reason;
}
