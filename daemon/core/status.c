/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/status.h"

#define PLACE(Type, member) .offset = offsetof(Type, member), .size = sizeof(((Type *) NULL)->member)
#define TEXT(name, Type, member) \
        { name, "s", PLACE(Type, member) }
#define WORD(name, enumeration, Type, member) \
        { name, "s", PLACE(Type, member), .words = &enumeration##_list }
#define NUMBER(name, type, Type, member) \
        { name, type, PLACE(Type, member) }
#define LIST(name, type_of_items, members_of_items, member)                            \
        {                                                                              \
                name, "a(" type_of_items ")", PLACE(Status, member),                   \
                                .items = members_of_items, .item_type = type_of_items, \
                                .item_size = sizeof(((Status *) NULL)->member[0]),     \
                                .n_offset = offsetof(Status, n_##member)               \
        }

static const StatusMember listener_members[] = {
        TEXT("Address", StatusListener, address),
        NUMBER("Port", "q", StatusListener, port),
        WORD("Holder", holder, StatusListener, holder),
        TEXT("Unit", StatusListener, unit),
        { NULL },
};

static const StatusMember address_members[] = {
        TEXT("Address", StatusAddress, address),
        WORD("Kind", address_kind, StatusAddress, kind),
        { NULL },
};

const StatusMember status_members[] = {
        TEXT("Version", Status, version),
        WORD("NetworkingMode", networking_mode, Status, mode),
        WORD("State", state, Status, state),
        WORD("Cause", cause, Status, cause),
        TEXT("Reason", Status, reason),
        NUMBER("HomePort", "q", Status, home_port),
        WORD("HomePortHolder", holder, Status, home_holder),
        TEXT("HomePortHolderDetail", Status, home_detail),
        NUMBER("Port", "q", Status, port),
        TEXT("Unit", Status, unit),
        WORD("Mechanism", mechanism, Status, mechanism),
        LIST("Listeners", "sqss", listener_members, listeners),
        NUMBER("PinnedSessions", "u", Status, pinned_sessions),
        LIST("Reachable", "ss", address_members, reachable),
        TEXT("ListenerWatch", Status, listener_watch),
        WORD("LastBind", bind_answer, Status, last_bind),
        NUMBER("LastChangeUSec", "t", Status, last_change),
        { NULL },
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
