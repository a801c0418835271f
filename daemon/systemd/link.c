/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/link.h"

#include "base/timer.h"
#include "core/delay.h"

struct SystemdLink {
        sd_event *event;
        const Log *log;
        Units *units;
        sd_bus *private_bus;
        sd_bus *bus; /* the bus in use, without a reference; NULL: none */
        sd_bus_slot *disconnected_slot;
        sd_event_source *reconnect_source;
        Delay reconnect;
};

static void close_private(SystemdLink *link) {
        link->disconnected_slot = sd_bus_slot_unref(link->disconnected_slot);
        link->private_bus = bus_close(link->private_bus);
}

void systemd_link_free(SystemdLink *link) {
        if (!link)
                return;

        close_private(link);
        sd_event_source_disable_unref(link->reconnect_source);
        sd_event_unref(link->event);
        free(link);
}

static int attach(SystemdLink *link, sd_bus *bus) {
        int r;

        link->bus = bus;
        r = units_attach(link->units, bus);
        if (r < 0) {
                log_error_errno(link->log, r, "systemd can't be asked about the ssh service");
                link->bus = NULL;
        }
        return r;
}

static void reconnect_later(SystemdLink *link);

static int on_disconnected(sd_bus_message *, void *userdata, sd_bus_error *) {
        SystemdLink *link = userdata;

        /* systemd has executed itself anew. */
        (void) attach(link, NULL);
        close_private(link);
        reconnect_later(link);
        return 0;
}

static void open_private(SystemdLink *link) {
        int r;

        close_private(link);
        r = bus_open_private(&link->private_bus);
        if (r >= 0)
                r = sd_bus_attach_event(link->private_bus, link->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(link->private_bus, &link->disconnected_slot,
                                              "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                              NULL, link);
        if (r >= 0)
                r = attach(link, link->private_bus);
        if (r >= 0)
                return;

        log_message(link->log, LOG_DEBUG, "systemd's private socket can't be opened: %s",
                    strerrordesc_np(-r));
        reconnect_later(link);
}

static int on_reconnect(sd_event_source *, uint64_t, void *userdata) {
        SystemdLink *link = userdata;

        if (!link->bus)
                open_private(link);
        return 0;
}

static void reconnect_later(SystemdLink *link) {
        usec_t delay = delay_next_at(&link->reconnect, clock_usec(CLOCK_MONOTONIC));

        timer_arm_or_end(link->event, &link->reconnect_source, delay, 0, link->reconnect.name, on_reconnect,
                         link);
}

int systemd_link_new(sd_event *event, const Log *log, Units *units, SystemdLink **ret) {
        SystemdLink *link = malloc(sizeof(*link));

        if (!link)
                return -ENOMEM;

        *link = (SystemdLink){
                .event = sd_event_ref(event),
                .log = log,
                .units = units,
                .reconnect = { .name = "systemd-reconnect",
                               .first = 100 * USEC_PER_MSEC,
                               .max = 30 * USEC_PER_SEC },
        };
        open_private(link);
        *ret = link;
        return 0;
}

sd_bus *systemd_link_bus(const SystemdLink *link) {
        return link->bus;
}

void systemd_link_set_system_bus(SystemdLink *link, sd_bus *bus, bool busy) {
        if (bus && attach(link, bus) >= 0) {
                if (!busy)
                        close_private(link);
        } else if (link->private_bus) {
                if (link->bus != link->private_bus)
                        (void) attach(link, link->private_bus);
        } else {
                (void) attach(link, NULL);
                open_private(link);
        }
}

void systemd_link_settle(SystemdLink *link) {
        if (link->bus != link->private_bus)
                close_private(link);
}
