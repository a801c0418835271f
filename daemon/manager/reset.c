/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/reset.h"

#include "manager/manager.h"
#include "systemd/sequence.h"

#define DAEMON "wslportd.service"
#define AT_BOOT "wslportd-reset.service"

/* A socket unit that is to stay where it is does so by a drop-in, however it came to be there. */
static int reset_hold_socket(Restored *restored, Mechanism mechanism) {
        Placement held = { .port = restored->port, .mechanism = MECHANISM_SOCKET };
        uint16_t home = restored->home_port != 0 ? restored->home_port : SSHD_DEFAULT_PORT;
        char streams[UNIT_STREAMS_SIZE] = "";
        int r;

        if (mechanism != MECHANISM_CONFIG)
                return 0; /* it is there */

        /* A generator has put our port into the place of its own. */
        WORDS_FOREACH (stream, restored->units.streams) {
                char text[ENDPOINT_SIZE];
                const char *back = stream;
                Endpoint endpoint;

                r = endpoint_parse(stream, &endpoint);
                if (r >= 0 && endpoint.port == held.port) {
                        endpoint.port = home;
                        back = endpoint_print(&endpoint, text);
                } else if (r >= 0 && held.n_beside < SSHD_PORTS_MAX)
                        held.beside[held.n_beside++] = endpoint.port;
                if (!words_append(streams, sizeof(streams), back))
                        return -E2BIG;
        }
        memcpy(restored->units.streams, streams, sizeof(streams));
        r = store_write_placement(&held, home, &restored->units);
        return r < 0 ? r : 0;
}

static int reset_enable_socket(sd_bus *bus, const DisabledSocket *disabled) {
        int r;

        r = systemd_call(bus, JOB_ENABLE, disabled->socket);
        if (r >= 0 && !disabled->service_was_enabled)
                r = systemd_call(bus, JOB_DISABLE, disabled->service);
        return r;
}

/* Without waiting: the service's stop goes first, as systemd orders jobs. */
static void reset_restart_sockets(sd_bus *bus, const char *unit) {
        UnitPair pairs[UNIT_PAIRS];
        size_t n = unit_pairs(unit, pairs);

        for (size_t i = 0; i < n; i++)
                if (systemd_is(bus, pairs[i].socket, "active")) {
                        (void) systemd_call(bus, JOB_STOP, pairs[i].service);
                        (void) systemd_call(bus, JOB_RESTART, pairs[i].socket);
                }
}

static void reset_describe(const Restored *restored, char ret[static RESET_TEXT_SIZE]) {
        const BareUnits *names = &restored->units;

        /* Units have names of at most 255 characters (systemd's UNIT_NAME_MAX). */
        if (names->socket[0])
                snprintf(ret, RESET_TEXT_SIZE,
                         "%s stays on port %u until the next boot: %s. Once its own port is free and "
                         "sshd -t says nothing, this has it on its own configuration before: "
                         "rm " STORE_DROP_INS "/%s.d/" UNIT_DROP_IN
                         " && systemctl daemon-reload && systemctl stop %s && systemctl restart %s",
                         names->socket, restored->port, restored->why, names->socket, names->service,
                         names->socket);
        else
                snprintf(ret, RESET_TEXT_SIZE,
                         "%s stays on port %u until it is started again: %s. Once its own port is "
                         "free and sshd -t says nothing, this has it on its own configuration: systemctl "
                         "restart %s",
                         names->service, restored->port, restored->why, names->service);
}

int reset_all(const Log *log, const char *unit, char ret_text[static RESET_TEXT_SIZE]) {
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        Config config = config_default();
        DisabledSocket disabled = { 0 };
        Restored restored = { 0 };
        Placement placement = { 0 };
        bool unread, holds;
        int r, first = 0;

        /* A file that can't be read is taken away all the same. */
        (void) store_read_placement(&placement);
        (void) store_read_disabled_socket(&disabled);

        r = bus_open_private(&bus);
        if (r < 0) {
                note_error(&first, store_reset(NULL));
                /* No systemd, as in an image that is being built. */
                return r == -ENOENT || r == -ECONNREFUSED ? first : r;
        }
        if (!systemd_is(bus, DAEMON, "inactive") && !systemd_is(bus, DAEMON, "failed"))
                return -EBUSY;

        store_find_moved_service(config.unit);
        if (!config.unit[0])
                snprintf(config.unit, sizeof(config.unit), "%s", unit);
        if (placement.port != 0 && !systemd_is(bus, AT_BOOT, "activating")) {
                r = manager_restore(log, &config, &restored);
                if (r < 0) {
                        (void) mend_units(config.unit); /* before the files go that it reads */
                        if (r != -EINTR)
                                (void) store_reset(NULL);
                        return r;
                }
        }

        holds = restored.why[0] && restored.units.socket[0];
        r = holds ? reset_hold_socket(&restored, placement.mechanism)
                  : store_write_placement(&(const Placement){ 0 }, 0, &restored.units);
        note_error(&first, r);
        unread = r > 0;
        r = store_reset(holds ? restored.units.socket : NULL);
        note_error(&first, r);
        unread = unread || r > 0 || (placement.port != 0 && (!restored.runs || restored.why[0]));

        if (disabled.socket[0])
                note_error(&first, reset_enable_socket(bus, &disabled));
        if (unread || disabled.socket[0])
                note_error(&first, systemd_call(bus, JOB_DAEMON_RELOAD, NULL));
        if (disabled.unfinished && !systemd_is(bus, disabled.service, "active"))
                note_error(&first, systemd_call(bus, JOB_START, disabled.socket));
        if (unread && !restored.runs)
                reset_restart_sockets(bus, config.unit);

        note_error(&first, mend_units(config.unit));

        if (restored.why[0])
                reset_describe(&restored, ret_text);
        return first < 0 ? first : restored.why[0] != '\0';
}
