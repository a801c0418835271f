/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/status.h"

#define MEMBER(name, member) \
        { name, offsetof(Status, member), sizeof(((Status *) NULL)->member) }

static const struct {
        const char *name;
        size_t offset, size;
} members[] = {
        MEMBER("NetworkingMode", mode),
        MEMBER("State", state),
        MEMBER("Cause", cause),
        MEMBER("Reason", reason),
        MEMBER("HomePort", home_port),
        MEMBER("HomePortHolder", home_holder),
        MEMBER("HomePortHolderDetail", home_detail),
        MEMBER("Port", port),
        MEMBER("Unit", unit),
        MEMBER("Mechanism", mechanism),
        MEMBER("Listeners", listeners),
        MEMBER("PinnedSessions", pinned_sessions),
        MEMBER("Reachable", reachable),
        MEMBER("ListenerWatch", listener_watch),
        MEMBER("LastBind", last_bind),
        MEMBER("LastChangeUSec", last_change),
};

_Static_assert(ELEMENTSOF(members) < STATUS_CHANGES_MAX, "room for all and the NULL behind them");

size_t status_changes(const Status *old, const Status *new, const char *ret[static STATUS_CHANGES_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (memcmp((const char *) old + members[i].offset, (const char *) new + members[i].offset,
                           members[i].size) != 0)
                        ret[n++] = members[i].name;
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
