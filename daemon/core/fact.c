/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/fact.h"

const PortFact *port_facts_find(const PortFact facts[], size_t n, uint16_t port) {
        for (size_t i = 0; i < n; i++)
                if (facts[i].port == port)
                        return &facts[i];

        return NULL;
}

Availability port_fact_availability(const PortFact *fact) {
        static const Availability by_answer[_BIND_MAX] = {
                [BIND_NOT_ASKED] = PORT_NOT_ASKED,       [BIND_FREE] = PORT_FREE,
                [BIND_REFUSED_BY_WINDOWS] = PORT_TAKEN,  [BIND_REFUSED_BY_LINUX] = PORT_TAKEN,
                [BIND_TRACKER_DEAD] = PORT_TRACKER_DEAD, [BIND_NO_ANSWER] = PORT_NO_ANSWER,
                [BIND_FAILED] = PORT_UNDECIDED,
        };

        /* The kernel's list of listeners is certain, so it comes first. An answer of bind() is newer than a
         * greeting. */
        if (fact->holder == HOLDER_SSHD || holder_is_stranger(fact->holder) ||
            (fact->bind == BIND_NOT_ASKED && holder_is_windows(fact->holder)))
                return PORT_TAKEN;

        return by_answer[fact->bind];
}

Cause port_fact_cause(const PortFact *fact) {
        static const Cause by_holder[_HOLDER_MAX] = {
                [HOLDER_LINUX] = CAUSE_LINUX_HOLDS,
                [HOLDER_OTHER_DISTRO] = CAUSE_OTHER_DISTRO_HOLDS,
                [HOLDER_WINDOWS_OPENSSH] = CAUSE_WINDOWS_OPENSSH_HOLDS,
                [HOLDER_WINDOWS] = CAUSE_WINDOWS_REFUSES,
        }, by_answer[_BIND_MAX] = {
                [BIND_REFUSED_BY_WINDOWS] = CAUSE_WINDOWS_REFUSES,
                [BIND_REFUSED_BY_LINUX] = CAUSE_LINUX_HOLDS,
                [BIND_TRACKER_DEAD] = CAUSE_TRACKER_DEAD,
                [BIND_NO_ANSWER] = CAUSE_HOST_SILENT,
        };

        if (fact->holder == HOLDER_SSHD && !fact->lacks_ipv4)
                return CAUSE_NONE;
        return by_holder[fact->holder] != CAUSE_NONE ? by_holder[fact->holder] : by_answer[fact->bind];
}

static void describe_sshd(const PortFact *fact, char *ret, size_t size) {
        snprintf(ret, size, "sshd has %u%s%s", fact->port, fact->lacks_ipv4 ? " on IPv6 only" : "",
                 !fact->lacks_ipv4                       ? ""
                 : fact->bind == BIND_REFUSED_BY_WINDOWS ? ", and Windows refuses it on IPv4"
                 : fact->bind == BIND_REFUSED_BY_LINUX   ? ", and a Linux socket holds it on IPv4"
                                                         : "");
}

/* Describes bind()'s answer about a port without a known holder. */
static void describe_answer(const PortFact *fact, char *ret, size_t size) {
        static const struct {
                const char *before, *after; /* what stands around the port's number */
        } answers[_BIND_MAX] = {
                [BIND_NOT_ASKED] = { "nothing here listens on ", "" },
                [BIND_FREE] = { "", " is free" },
                [BIND_REFUSED_BY_WINDOWS] = { "Windows refuses ",
                                              " (a program has it, or an excluded port range)" },
                [BIND_REFUSED_BY_LINUX] = { "a Linux socket that doesn't listen holds ", "" },
                [BIND_NO_ANSWER] = { "Windows does not answer about ", "" },
                [BIND_FAILED] = { "", " could not be tried" },
        };
        bool named = fact->bind == BIND_FAILED && fact->detail[0];

        if (fact->bind == BIND_TRACKER_DEAD)
                snprintf(ret, size,
                         "WSL's port tracker is dead: nothing can bind a port until `wsl --shutdown`");
        else if (fact->bind == BIND_REFUSED_BY_LINUX && fact->holder == HOLDER_UNKNOWN)
                snprintf(ret, size, "a Linux socket holds %u", fact->port);
        else if (fact->bind == BIND_NOT_ASKED && fact->holder != HOLDER_NONE)
                snprintf(ret, size, "nothing is known yet");
        else
                snprintf(ret, size, "%s%u%s%s%s%s", answers[fact->bind].before, fact->port,
                         answers[fact->bind].after, named ? " (" : "", named ? fact->detail : "",
                         named ? ")" : "");
}

void port_fact_describe(const PortFact *fact, char *ret, size_t size) {
        bool named = fact->detail[0];

        if (fact->holder == HOLDER_SSHD)
                describe_sshd(fact, ret, size);
        else if (fact->holder == HOLDER_LINUX)
                snprintf(ret, size, "%s holds %u", named ? fact->detail : "a Linux process", fact->port);
        else if (fact->holder == HOLDER_OTHER_DISTRO)
                snprintf(ret, size, "another WSL distro holds %u", fact->port);
        else if (holder_is_windows(fact->holder) && named)
                snprintf(ret, size, "Windows (%s) holds %u", fact->detail, fact->port);
        else if (fact->holder == HOLDER_WINDOWS_OPENSSH)
                snprintf(ret, size, "Windows holds %u", fact->port);
        else if (fact->holder == HOLDER_WINDOWS)
                describe_answer(&(PortFact){ .port = fact->port, .bind = BIND_REFUSED_BY_WINDOWS }, ret,
                                size);
        else
                describe_answer(fact, ret, size);
}
