/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "systemd/bus.h"

/* lab-impostor TEXT: takes the daemon's name on the bus, and answers TEXT wherever the answer is a text. It
 * refuses Relocate() with TEXT; at Restore() it changes its port and sends all signals. It runs until it is
 * killed. */

static const char *text;
static uint16_t port = 2222;

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "s", text);
}

static int get_port(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "q", port);
}

static int get_listeners(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "a(sqss)", 2, text, 2222, text, text, "::", 22, "linux", text);
}

static int get_reachable(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "a(ss)", 2, text, "lan", text, text);
}

static int refuse(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata, (void) error;
        return sd_bus_reply_method_errorf(m, BUS_ERROR("NotPossible"), "%s", text);
}

static int signal_all(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus *bus = sd_bus_message_get_bus(m);

        (void) userdata, (void) error;
        port++;
        (void) sd_bus_emit_properties_changed(bus, BUS_PATH, BUS_INTERFACE, "Reason", "Port", NULL);
        (void) sd_bus_emit_signal(bus, BUS_PATH, BUS_INTERFACE, "Conflict", "qss", 22, "windows", text);
        (void) sd_bus_emit_signal(bus, BUS_PATH, BUS_INTERFACE, "Relocated", "qq", 22, 2222);
        (void) sd_bus_emit_signal(bus, BUS_PATH, BUS_INTERFACE, "Restored", "q", 22);
        return sd_bus_reply_method_return(m, NULL);
}

#define PROPERTY(name, type, getter) \
        SD_BUS_PROPERTY(name, type, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        PROPERTY("NetworkingMode", "s", get_text),
        PROPERTY("State", "s", get_text),
        PROPERTY("Reason", "s", get_text),
        PROPERTY("HomePort", "s", get_text), /* the daemon's is a number */
        PROPERTY("HomePortHolder", "s", get_text),
        PROPERTY("HomePortHolderDetail", "s", get_text),
        PROPERTY("Port", "q", get_port),
        PROPERTY("Unit", "s", get_text),
        PROPERTY("Mechanism", "s", get_text),
        PROPERTY("Listeners", "a(sqss)", get_listeners),
        PROPERTY("Reachable", "a(ss)", get_reachable),
        PROPERTY("OfTomorrow", "a(ss)", get_reachable),
        SD_BUS_METHOD("Relocate", "q", NULL, refuse, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Restore", NULL, NULL, signal_all, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* NOLINTNEXTLINE(constParameter): as main() is */
int main(int argc, char *argv[]) {
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        int r;

        if (argc != 2)
                return EXIT_FAILURE;
        text = argv[1];

        r = bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, NULL);
        if (r >= 0)
                r = sd_bus_request_name(bus, BUS_NAME, 0);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        fprintf(stderr, "lab-impostor: %s\n", strerrordesc_np(-r));
        return EXIT_FAILURE;
}
