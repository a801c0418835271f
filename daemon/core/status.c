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

void status_line(const Status *status, char ret[static STATUS_LINE_SIZE]) {
        char ssh[32], home[160] = "";
        PortFact fact = { .port = status->home_port, .holder = status->home_holder };

        if (status->port != 0)
                snprintf(ssh, sizeof(ssh), "ssh on %u", status->port);
        else
                snprintf(ssh, sizeof(ssh), "ssh not up");

        switch (status->state) {
        case STATE_RELOCATED:
                memcpy(fact.detail, status->home_detail, sizeof(fact.detail));
                if (status->home_holder != HOLDER_UNKNOWN && status->home_holder != HOLDER_NONE) {
                        port_fact_describe(&fact, home, sizeof(home));
                        snprintf(ret, STATUS_LINE_SIZE, "%s; %s", ssh, home);
                } else
                        snprintf(ret, STATUS_LINE_SIZE, "%s; moved from %u", ssh, status->home_port);
                return;
        case STATE_CLEAR:
                if (status->port != 0)
                        snprintf(ret, STATUS_LINE_SIZE, "%s; nothing in its way", ssh);
                else
                        snprintf(ret, STATUS_LINE_SIZE, "%s yet; %s", ssh, status->reason);
                return;
        case STATE_BLOCKED:
                snprintf(ret, STATUS_LINE_SIZE, "%s; blocked: %s", ssh, status->reason);
                return;
        case STATE_UNKNOWN:
        case STATE_CONFLICT:
        case STATE_UNMANAGED:
        default:
                snprintf(ret, STATUS_LINE_SIZE, "%s; %s: %s", ssh, state_to_string(status->state),
                         status->reason);
        }
}
