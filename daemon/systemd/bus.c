/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/bus.h"

#include <sys/socket.h>
#include <sys/un.h>

static int bus_open(const char *path, bool is_bus, sd_bus **ret) {
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        TAKE_FD(fd);

        r = sd_bus_set_bus_client(bus, is_bus);
        if (r >= 0)
                r = sd_bus_set_connected_signal(bus, is_bus);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}

int bus_open_private(sd_bus **ret) {
        return bus_open("/run/systemd/private", false, ret);
}

int bus_open_system(sd_bus **ret) {
        return bus_open("/run/dbus/system_bus_socket", true, ret);
}

int bus_ask_unit(sd_bus *bus, sd_bus_slot **slot, const char *unit, const char *interface,
                 const char *property, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_free_ char *path = NULL;
        int r;

        *slot = sd_bus_slot_unref(*slot);
        r = sd_bus_path_encode(SYSTEMD1_PATH "/unit", unit, &path);
        return r < 0 ? r
                     : sd_bus_call_method_async(bus, slot, SYSTEMD1, path, "org.freedesktop.DBus.Properties",
                                                "Get", handler, userdata, "ss", interface, property);
}

sd_bus *bus_close(sd_bus *bus) {
        if (!bus)
                return NULL;

        sd_bus_detach_event(bus);
        return sd_bus_close_unref(bus);
}
