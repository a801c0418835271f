/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/status.h"

#define PLACE(Type, member) .offset = offsetof(Type, member), .size = sizeof(((Type *) NULL)->member)
#define LIST(name, type_of_items, members_of_items, member)                            \
        {                                                                              \
                name, "a(" type_of_items ")", PLACE(Status, member),                   \
                                .items = members_of_items, .item_type = type_of_items, \
                                .item_size = sizeof(((Status *) NULL)->member[0]),     \
                                .n_offset = offsetof(Status, n_##member)               \
        }

static const StatusMember listener_members[] = {
        { "Address", "s", PLACE(StatusListener, address) },
        { "Port", "q", PLACE(StatusListener, port) },
        { "Holder", "s", PLACE(StatusListener, holder), .words = &holder_list },
        { "Unit", "s", PLACE(StatusListener, unit) },
        { .name = NULL },
};

static const StatusMember address_members[] = {
        { "Address", "s", PLACE(StatusAddress, address) },
        { "Kind", "s", PLACE(StatusAddress, kind), .words = &address_kind_list },
        { .name = NULL },
};

const StatusMember status_members[] = {
        { "Version", "s", PLACE(Status, version) },
        { "NetworkingMode", "s", PLACE(Status, mode), .words = &networking_mode_list },
        { "State", "s", PLACE(Status, state), .words = &state_list },
        { "Cause", "s", PLACE(Status, cause), .words = &cause_list },
        { "Reason", "s", PLACE(Status, reason) },
        { "HomePort", "q", PLACE(Status, home_port) },
        { "HomePortHolder", "s", PLACE(Status, home_holder), .words = &holder_list },
        { "HomePortHolderDetail", "s", PLACE(Status, home_detail) },
        { "Port", "q", PLACE(Status, port) },
        { "Unit", "s", PLACE(Status, unit) },
        { "Mechanism", "s", PLACE(Status, mechanism), .words = &mechanism_list },
        LIST("Listeners", "sqss", listener_members, listeners),
        { "PinnedSessions", "u", PLACE(Status, pinned_sessions) },
        LIST("Reachable", "ss", address_members, reachable),
        { "ListenerWatch", "s", PLACE(Status, listener_watch) },
        { "LastBind", "s", PLACE(Status, last_bind), .words = &bind_answer_list },
        { "LastChangeUSec", "t", PLACE(Status, last_change) },
        { .name = NULL },
};

_Static_assert(ELEMENTSOF(status_members) <= STATUS_CHANGES_MAX, "room for all and the NULL behind them");

const StatusMember *status_find_member(const char *name) {
        for (const StatusMember *member = status_members; member->name; member++)
                if (streq(member->name, name))
                        return member;
        return NULL;
}

size_t status_changes(const Status *old, const Status *new, const char *ret[static STATUS_CHANGES_MAX]) {
        size_t n = 0;

        for (const StatusMember *member = status_members; member->name; member++)
                if (memcmp((const char *) old + member->offset, (const char *) new + member->offset,
                           member->size) != 0)
                        ret[n++] = member->name;
        ret[n] = NULL;
        return n;
}

/* Returns the port of an sshd socket on the address @first or @second, .port if it can be; 0: there is none. */
static uint16_t port_on(const Status *status, const char *first, const char *second) {
        uint16_t found = 0;

        for (size_t i = 0; i < status->n_listeners; i++) {
                const StatusListener *l = &status->listeners[i];

                if (l->holder == HOLDER_SSHD && (streq(l->address, first) || streq(l->address, second)) &&
                    (found == 0 || l->port == status->port))
                        found = l->port;
        }
        return found;
}

uint16_t status_port_at(const Status *status, const char *address) {
        uint16_t port = port_on(status, address, strchr(address, ':') ? "::" : "0.0.0.0");

        if (port == 0)
                port = port_on(status, "::", "::"); /* which may take IPv4 as well */
        return port != 0 ? port : status->port;
}

void status_line(const Status *status, char ret[static STATUS_LINE_SIZE]) {
        char ssh[32] = "ssh not up";

        if (status->port != 0)
                snprintf(ssh, sizeof(ssh), "ssh on %u", status->port);

        if (status->state == STATE_CLEAR && status->port == 0)
                snprintf(ret, STATUS_LINE_SIZE, "%s yet; %s", ssh, status->reason);
        else if (status->state == STATE_CLEAR && status->port == status->home_port)
                snprintf(ret, STATUS_LINE_SIZE, "%s; nothing in its way", ssh);
        else if (status->state == STATE_CLEAR || status->state == STATE_RELOCATED)
                snprintf(ret, STATUS_LINE_SIZE, "%s; %s", ssh, status->reason);
        else
                snprintf(ret, STATUS_LINE_SIZE, "%s; %s: %s", ssh, state_to_string(status->state),
                         status->reason);
}
