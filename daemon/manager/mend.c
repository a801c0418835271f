/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/reset.h"

#include "kernel/sockets.h"
#include "sshd/dump.h"
#include "store/store.h"
#include "systemd/sequence.h"

/* True if nobody listens on that address and port. Other listeners on the port don't count. */
static bool is_deaf_at(Sockets *sockets, const Endpoint *endpoint) {
        Listener listeners[ENDPOINTS_MAX]; /* systemd's are root's */
        int n = sockets_list_listeners_of_root(sockets, endpoint->port, listeners, ELEMENTSOF(listeners));

        for (int i = 0; i < n && i < ENDPOINTS_MAX; i++)
                if (endpoint_equal(&listeners[i].endpoint, endpoint))
                        return false;
        return n >= 0 && n <= ENDPOINTS_MAX;
}

/* True for a unit whose listeners can't be seen from here, and where that can't be known. */
static bool has_own_network(sd_bus *bus, const char *path) {
        _cleanup_free_ char *named = NULL;
        int own;

        return sd_bus_get_property_trivial(bus, SYSTEMD1, path, SYSTEMD1 ".Socket", "PrivateNetwork", NULL,
                                           'b', &own) < 0 ||
               own ||
               (sd_bus_get_property_string(bus, SYSTEMD1, path, SYSTEMD1 ".Socket", "NetworkNamespacePath",
                                           NULL, &named) >= 0 &&
                !isempty(named));
}

/* Reads where the unit listens. Returns false if its listeners can't be seen from here, or if systemd doesn't tell. */
static bool read_streams(sd_bus *bus, const char *socket, char ret[static UNIT_STREAMS_SIZE]) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;

        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", socket, &path) >= 0 &&
               !has_own_network(bus, path) &&
               sd_bus_call_method(bus, SYSTEMD1, path, "org.freedesktop.DBus.Properties", "Get", NULL,
                                  &reply, "ss", SYSTEMD1 ".Socket", "Listen") >= 0 &&
               unit_read_streams(reply, ret, UNIT_STREAMS_SIZE) >= 0;
}

/* True if one of a unit's addresses has no listener. */
static bool is_deaf(Sockets *sockets, const char *streams) {
        WORDS_FOREACH (stream, streams) {
                Endpoint endpoint;

                if (endpoint_parse(stream, &endpoint) >= 0 && is_deaf_at(sockets, &endpoint))
                        return true;
        }
        return false;
}

/* Where the socket is to listen again, the service will do until the daemon goes on. */
static int mend_switch(sd_bus *bus) {
        DisabledSocket disabled;

        if (store_read_disabled_socket(&disabled) <= 0 || !disabled.unfinished ||
            systemd_is(bus, disabled.socket, "active") || systemd_is(bus, disabled.service, "active"))
                return 0;
        return systemd_call(bus, JOB_START, disabled.service);
}

int mend_units(const char *unit) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        UnitPair pairs[UNIT_PAIRS];
        size_t n = unit_pairs(unit, pairs);
        char streams[UNIT_STREAMS_SIZE];
        Placement placement = { 0 };
        int r;

        (void) store_read_placement(&placement);
        r = bus_open_private(&bus);
        if (r >= 0)
                r = sockets_new(&sockets);
        if (r < 0)
                return r;

        /* A service that runs, or comes up, has listeners of its own, and its socket unit would not start. */
        for (size_t i = 0; i < n && r >= 0; i++) {
                if (!systemd_is(bus, pairs[i].socket, "active") ||
                    !read_streams(bus, pairs[i].socket, streams))
                        continue;
                (void) store_take_back_unread(pairs[i].socket, streams, &placement);
                if (systemd_is(bus, pairs[i].service, "active") ||
                    systemd_is(bus, pairs[i].service, "activating") || !is_deaf(sockets, streams))
                        continue;
                /* systemd may still have what a file of ours said that is gone. */
                r = systemd_call(bus, JOB_DAEMON_RELOAD, NULL);
                if (r >= 0)
                        r = systemd_call(bus, JOB_RESTART, pairs[i].socket);
        }
        return r < 0 ? r : mend_switch(bus);
}
