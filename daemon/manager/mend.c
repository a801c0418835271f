/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/mend.h"

#include "kernel/sockets.h"
#include "sshd/dump.h"
#include "store/store.h"
#include "systemd/bus.h"
#include "systemd/sequence.h"
#include "systemd/units.h"

/* Whether one of the unit's addresses has no listener at all on its port. */
static bool is_deaf(sd_bus *bus, Sockets *sockets, const char *socket) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char streams[UNIT_STREAMS_SIZE];
        _cleanup_free_ char *path = NULL;
        Listener listener;
        int own_network;

        if (sd_bus_path_encode(SYSTEMD1_PATH "/unit", socket, &path) < 0 ||
            sd_bus_get_property_trivial(bus, SYSTEMD1, path, SYSTEMD1 ".Socket", "PrivateNetwork", NULL, 'b',
                                        &own_network) < 0 ||
            own_network || /* its listeners can't be seen from here */
            sd_bus_call_method(bus, SYSTEMD1, path, "org.freedesktop.DBus.Properties", "Get", NULL, &reply,
                               "ss", SYSTEMD1 ".Socket", "Listen") < 0 ||
            unit_read_streams(reply, streams, sizeof(streams)) < 0)
                return false;

        WORDS_FOREACH (stream, streams) {
                Endpoint endpoint;

                if (endpoint_parse(stream, &endpoint) >= 0 &&
                    sockets_list_listeners(sockets, endpoint.port, &listener, 1) == 0)
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

int mend_units(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        int r;

        r = bus_open_private(&bus);
        if (r >= 0)
                r = sockets_new(&sockets);
        if (r < 0)
                return r;

        /* A service that runs still has what it was handed. */
        for (size_t i = 0; i < UNIT_PAIRS && r >= 0; i++)
                if (systemd_is(bus, unit_pairs[i].socket, "active") &&
                    !systemd_is(bus, unit_pairs[i].service, "active") &&
                    is_deaf(bus, sockets, unit_pairs[i].socket))
                        r = systemd_call(bus, JOB_RESTART, unit_pairs[i].socket);
        return r < 0 ? r : mend_switch(bus);
}
