/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/call.h"

#include "systemd/units.h"

int systemd_call(sd_bus *bus, const char *method, const char *types, const char *unit) {
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
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, NULL, NULL);
        return r < 0 ? r : 0;
}

bool systemd_is(sd_bus *bus, const char *unit, const char *state) {
        _cleanup_free_ char *path = NULL, *found = NULL;

        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", unit, &path) >= 0 &&
               sd_bus_get_property_string(bus, SYSTEMD1, path, SYSTEMD1 ".Unit", "ActiveState", NULL, &found) >= 0 &&
               streq(found, state);
}
