/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client.h"

#include "systemd/bus.h"

static int read_member(sd_bus_message *m, const StatusMember *member, char *of) {
        char *value = of + member->offset;
        const char *text;
        int r;

        if (member->type[0] != 's')
                return sd_bus_message_read_basic(m, member->type[0], value);
        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (!member->words) {
                (void) printable(text, value, member->size);
                return 0;
        }
        r = string_index(text, member->words->words, member->words->n);
        *(unsigned *) value = r < 0 ? 0 : (unsigned) r;
        return 0;
}

/* Leaves out items that don't fit. */
static int read_list(sd_bus_message *m, const StatusMember *list, char *status) {
        char *item = status + list->offset, *end = item + list->size;
        size_t *n = (size_t *) (status + list->n_offset);
        int r;

        *n = 0;
        memset(item, 0, list->size);
        r = sd_bus_message_enter_container(m, 'a', list->type + 1);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', list->item_type)) > 0) {
                for (const StatusMember *member = list->items; item < end && member->name && r >= 0;
                     member++)
                        r = read_member(m, member, item);
                if (item == end)
                        r = sd_bus_message_skip(m, list->item_type);
                else if (r >= 0) {
                        item += list->item_size;
                        (*n)++;
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, Status *status) {
        const StatusMember *member;
        const char *name, *type;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;

        member = status_find_member(name);
        if (!member || !streq(type, member->type))
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0)
                r = (member->items ? read_list : read_member)(m, member, (char *) status);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int client_read_properties(sd_bus_message *m, Status *status) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, status);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 0;
}

int client_get_status(sd_bus *bus, sd_bus_error *error, Status *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Status status;
        int r;

        memset(&status, 0, sizeof(status));
        r = sd_bus_call_method(bus, BUS_NAME, BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll", error,
                               &reply, "s", BUS_INTERFACE);
        if (r >= 0)
                r = client_read_properties(reply, &status);
        if (r < 0)
                return r;

        *ret = status;
        return 0;
}
