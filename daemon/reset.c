/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reset.h"

#include "bus.h"
#include "kept.h"
#include "systemd-call.h"

/* A socket whose service runs on what it was handed isn't restarted: the service's stop goes first, as systemd orders
 * jobs. Sessions live on. */
static void restart_socket(sd_bus *bus, const UnitPair *pair) {
        if (!systemd_is_active(bus, pair->socket))
                return;

        (void) systemd_call(bus, "StopUnit", "ss", pair->service);
        (void) systemd_call(bus, "RestartUnit", "ss", pair->socket);
}

static int tell_systemd(const DisabledSocket *disabled) {
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        int r;

        r = bus_open_private(NULL, &bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return 0; /* no systemd, as in an image that is being built */
        if (r >= 0 && disabled->socket[0]) {
                r = systemd_call(bus, "EnableUnitFiles", "asbb", disabled->socket);
                if (r >= 0 && !disabled->service_was_enabled)
                        r = systemd_call(bus, "DisableUnitFiles", "asb", disabled->service);
        }
        if (r >= 0)
                r = systemd_call(bus, "Reload", "", NULL);
        if (r < 0)
                return r;

        for (size_t i = 0; i < UNIT_PAIRS; i++)
                restart_socket(bus, &unit_pairs[i]);
        return 0;
}

int reset_all(void) {
        DisabledSocket disabled = { 0 };
        Kept kept = { 0 };
        int r, q;

        /* One that can't be read is taken away all the same. */
        (void) kept_read(&kept);
        (void) kept_read_disabled_socket(&disabled);

        r = kept_reset();
        q = kept.port != 0 || r > 0 || disabled.socket[0] ? tell_systemd(&disabled) : 0;
        return r < 0 ? r : q < 0 ? q : kept.port != 0;
}
