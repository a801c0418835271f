/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reset.h"

#include "bus.h"
#include "kept.h"
#include "units.h"

static int call(sd_bus *bus, const char *method, const char *types, const char *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER, method);
        if (r < 0)
                return r;

        if (streq(types, "ss"))
                r = sd_bus_message_append(m, "ss", unit, "replace");
        else if (streq(types, "asbb"))
                r = sd_bus_message_append(m, "asbb", 1, unit, 0, 0);
        else if (streq(types, "asb"))
                r = sd_bus_message_append(m, "asb", 1, unit, 0);
        return r < 0 ? r : sd_bus_call(bus, m, 0, NULL, NULL);
}

static bool is_active(sd_bus *bus, const char *unit) {
        _cleanup_free_ char *path = NULL, *state = NULL;

        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", unit, &path) >= 0 &&
               sd_bus_get_property_string(bus, SYSTEMD1, path, SYSTEMD1 ".Unit", "ActiveState", NULL, &state) >= 0 &&
               streq(state, "active");
}

/* A socket whose service runs on what it was handed isn't restarted: the service's stop goes first, as systemd orders
 * jobs. Sessions live on. */
static void restart_socket(sd_bus *bus, const char *socket, const char *service) {
        if (!is_active(bus, socket))
                return;

        (void) call(bus, "StopUnit", "ss", service);
        (void) call(bus, "RestartUnit", "ss", socket);
}

static int tell_systemd(const DisabledSocket *disabled) {
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        int r;

        r = bus_open_private(NULL, &bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return 0; /* no systemd, as in an image that is being built */
        if (r >= 0 && disabled->socket[0]) {
                r = call(bus, "EnableUnitFiles", "asbb", disabled->socket);
                if (r >= 0 && !disabled->service_was_enabled)
                        r = call(bus, "DisableUnitFiles", "asb", disabled->service);
        }
        if (r >= 0)
                r = call(bus, "Reload", "", NULL);
        if (r < 0)
                return r;

        restart_socket(bus, "ssh.socket", "ssh.service");
        restart_socket(bus, "sshd.socket", "sshd.service");
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
