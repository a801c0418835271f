/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/fact.h"

const PortFact *port_facts_find(const PortFact facts[], size_t n, uint16_t port) {
        for (size_t i = 0; i < n; i++)
                if (facts[i].port == port)
                        return &facts[i];

        return NULL;
}

Availability port_fact_availability(const PortFact *fact) {
        /* The kernel lists listeners for certain, so they come first. bind() has answered later than any
         * greeting was read. */
        if (fact->holder == HOLDER_SSHD || fact->holder == HOLDER_LINUX ||
            fact->holder == HOLDER_OTHER_DISTRO)
                return PORT_TAKEN;

        switch (fact->bind) {
        case BIND_FREE:
                return PORT_FREE;
        case BIND_REFUSED_BY_WINDOWS:
        case BIND_REFUSED_BY_LINUX:
                return PORT_TAKEN;
        case BIND_TRACKER_DEAD:
                return PORT_TRACKER_DEAD;
        case BIND_NO_ANSWER:
                return PORT_NO_ANSWER;
        case BIND_FAILED:
                return PORT_UNDECIDED;
        case BIND_NOT_ASKED:
        default:
                return fact->holder == HOLDER_WINDOWS_OPENSSH || fact->holder == HOLDER_WINDOWS
                                       ? PORT_TAKEN
                                       : PORT_NOT_ASKED;
        }
}

static void describe_sshd(const PortFact *fact, char *ret, size_t size) {
        snprintf(ret, size, "sshd has %u%s%s", fact->port, fact->lacks_ipv4 ? " on IPv6 only" : "",
                 !fact->lacks_ipv4                       ? ""
                 : fact->bind == BIND_REFUSED_BY_WINDOWS ? ", and Windows refuses it on IPv4"
                 : fact->bind == BIND_REFUSED_BY_LINUX   ? ", and a Linux socket holds it on IPv4"
                                                         : "");
}

/* Where nobody is known to hold the port: what bind() said. */
static void describe_answer(const PortFact *fact, char *ret, size_t size) {
        bool named = fact->detail[0];

        switch (fact->bind) {
        case BIND_FREE:
                snprintf(ret, size, "%u is free", fact->port);
                return;
        case BIND_REFUSED_BY_WINDOWS:
                snprintf(ret, size, "Windows refuses %u (a program has it, or an excluded port range)",
                         fact->port);
                return;
        case BIND_REFUSED_BY_LINUX:
                snprintf(ret, size, "a Linux socket that doesn't listen holds %u", fact->port);
                return;
        case BIND_TRACKER_DEAD:
                snprintf(ret, size,
                         "WSL's port tracker is dead: nothing can bind a port until `wsl --shutdown`");
                return;
        case BIND_NO_ANSWER:
                snprintf(ret, size, "Windows does not answer about %u", fact->port);
                return;
        case BIND_FAILED:
                snprintf(ret, size, "%u could not be tried%s%s%s", fact->port, named ? " (" : "",
                         fact->detail, named ? ")" : "");
                return;
        case BIND_NOT_ASKED:
        default:
                if (fact->holder == HOLDER_NONE)
                        snprintf(ret, size, "nothing here listens on %u", fact->port);
                else
                        snprintf(ret, size, "nothing is known yet");
        }
}

void port_fact_describe(const PortFact *fact, char *ret, size_t size) {
        bool named = fact->detail[0];

        switch (fact->holder) {
        case HOLDER_SSHD:
                describe_sshd(fact, ret, size);
                return;
        case HOLDER_LINUX:
                snprintf(ret, size, "%s holds %u", named ? fact->detail : "a Linux process", fact->port);
                return;
        case HOLDER_OTHER_DISTRO:
                snprintf(ret, size, "another WSL distro holds %u", fact->port);
                return;
        case HOLDER_WINDOWS_OPENSSH:
        case HOLDER_WINDOWS:
                if (named)
                        snprintf(ret, size, "Windows (%s) holds %u", fact->detail, fact->port);
                else if (fact->holder == HOLDER_WINDOWS_OPENSSH)
                        snprintf(ret, size, "Windows holds %u", fact->port);
                else
                        describe_answer(&(PortFact){ .port = fact->port, .bind = BIND_REFUSED_BY_WINDOWS },
                                        ret, size);
                return;
        case HOLDER_NONE:
        case HOLDER_UNKNOWN:
        default:
                describe_answer(fact, ret, size);
        }
}
