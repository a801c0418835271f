/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/link.h"

#include "systemd/bus.h"

#define RECONNECT_DELAY (100 * USEC_PER_MSEC)

struct SystemdLink {
        sd_event *event;
        const Log *log;
        Units *units;
        sd_bus *private_bus, *bus; /* .bus: the one in use; no reference */
        sd_bus_slot *disconnected_slot;
        sd_event_source *reconnect_source;
};

static void close_private(SystemdLink *link) {
        link->disconnected_slot = sd_bus_slot_unref(link->disconnected_slot);
        link->private_bus = bus_close(link->private_bus);
}

SystemdLink *systemd_link_free(SystemdLink *link) {
        if (!link)
                return NULL;

        close_private(link);
        sd_event_source_disable_unref(link->reconnect_source);
        sd_event_unref(link->event);
        free(link);
        return NULL;
}

static int attach(SystemdLink *link, sd_bus *bus) {
        int r;

        link->bus = bus;
        r = units_attach(link->units, bus);
        if (r < 0) {
                log_error_errno(link->log, r, "systemd could not be asked about the ssh service");
                link->bus = NULL;
        }
        return r;
}

static void open_private(SystemdLink *link);

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SystemdLink *link = userdata;

        (void) message, (void) error;
        /* systemd has re-executed itself. */
        (void) attach(link, NULL);
        open_private(link);
        return 0;
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemdLink *link = userdata;

        (void) source, (void) usec;
        link->reconnect_source = sd_event_source_disable_unref(link->reconnect_source);
        if (!link->bus)
                open_private(link);
        return 0;
}

static void open_private(SystemdLink *link) {
        int r;

        close_private(link);
        r = bus_open_private(link->event, &link->private_bus);
        if (r >= 0)
                r = sd_bus_match_signal_async(link->private_bus, &link->disconnected_slot,
                                              "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                              NULL, link);
        if (r >= 0)
                r = attach(link, link->private_bus);
        if (r >= 0)
                return;

        log_message(link->log, LOG_DEBUG, "systemd's private socket is not to be had: %s",
                    strerrordesc_np(-r));
        link->reconnect_source = sd_event_source_disable_unref(link->reconnect_source);
        r = sd_event_add_time_relative(link->event, &link->reconnect_source, CLOCK_MONOTONIC, RECONNECT_DELAY, 0,
                                       on_reconnect, link);
        if (r < 0) {
                /* Begun anew as a whole it can be. */
                log_error_errno(link->log, r, "No further attempt to reach systemd is possible");
                (void) sd_event_exit(link->event, r);
        }
}

int systemd_link_new(sd_event *event, const Log *log, Units *units, SystemdLink **ret) {
        SystemdLink *link = malloc(sizeof(*link));

        if (!link)
                return -ENOMEM;

        *link = (SystemdLink){ .event = sd_event_ref(event), .log = log, .units = units };
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
