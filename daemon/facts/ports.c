/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/ports.h"

void ports_done(Ports *ports) {
        free(ports->facts);
        *ports = (Ports){ 0 };
}

const PortFact *ports_find(const Ports *ports, uint16_t port) {
        return port_facts_find(ports->facts, ports->n, port);
}

PortFact *ports_get(Ports *ports, uint16_t port) {
        PortFact *facts = (PortFact *) ports_find(ports, port);

        if (facts)
                return facts;

        facts = reallocarray(ports->facts, ports->n + 1, sizeof(*facts));
        if (!facts)
                return NULL;
        ports->facts = facts;
        facts[ports->n] = (PortFact){ .port = port };
        return &facts[ports->n++];
}

/* Nothing in this network namespace listens on the port. */
static void see_no_listener(PortFact *fact, NetworkingMode mode) {
        bool greeted = fact->bind == BIND_NOT_ASKED && mode_shares_ports(mode);

        if (fact->bind == BIND_FAILED ||
            ((fact->bind == BIND_REFUSED_BY_WINDOWS || greeted) && holder_is_windows(fact->holder)))
                return;

        fact->detail[0] = '\0';
        if (fact->bind == BIND_REFUSED_BY_WINDOWS)
                fact->holder = HOLDER_WINDOWS;
        else if (fact->bind == BIND_REFUSED_BY_LINUX) {
                fact->holder = HOLDER_LINUX;
                snprintf(fact->detail, sizeof(fact->detail), "a socket here that does not listen");
        } else
                fact->holder = fact->bind != BIND_FREE && (mode == MODE_UNKNOWN || mode_shares_ports(mode))
                                               ? HOLDER_UNKNOWN
                                               : HOLDER_NONE;
}

int ports_see(Ports *ports, uint16_t port, const PortView *view, const Endpoints *expected,
              NetworkingMode mode) {
        PortFact *fact = ports_get(ports, port);
        bool lacked_ipv4;

        if (!fact)
                return -ENOMEM;

        lacked_ipv4 = fact->lacks_ipv4;
        fact->lacks_ipv4 = port_view_lacks_ipv4(view, expected);
        if (view->holder == HOLDER_NONE) {
                if (fact->bind == BIND_NOT_ASKED && holder_is_stranger(fact->holder)) {
                        fact->holder_left = true;
                        fact->told = CAUSE_NONE;
                }
                see_no_listener(fact, mode);
                return 0;
        }

        /* While sshd lacks IPv4, bind()'s answer is about IPv4, and stays. */
        if (fact->lacks_ipv4 ? !lacked_ipv4 : fact->bind == BIND_FREE && view->holder != HOLDER_UNKNOWN)
                fact->bind = BIND_NOT_ASKED;
        if (view->holder == HOLDER_SSHD && !fact->lacks_ipv4)
                fact->told = CAUSE_NONE;
        fact->holder_left = false;
        if (view->holder == HOLDER_SSHD && fact->holder != HOLDER_SSHD && ports->last_bind == BIND_NO_ANSWER)
                ports->last_bind = BIND_NOT_ASKED; /* sshd has bound since: Windows answers */
        fact->holder = view->holder;
        fact->detail[0] = '\0';
        if (view->holder == HOLDER_LINUX && view->stranger.pid > 0)
                snprintf(fact->detail, sizeof(fact->detail), "%s (pid %d)",
                         isempty(view->stranger.comm) ? "a process" : view->stranger.comm,
                         view->stranger.pid);
        return 0;
}

int ports_answer(Ports *ports, uint16_t port, BindAnswer answer, const char *detail) {
        PortFact *fact = ports_get(ports, port);

        ports->last_bind = answer;
        if (!fact)
                return -ENOMEM;

        *fact = (PortFact){
                .port = port,
                .bind = answer,
                .lacks_ipv4 = fact->lacks_ipv4,
                .told = answer == BIND_FREE ? CAUSE_NONE : fact->told,
        };
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
        return 0;
}

/* Forgets the answers, but not .told, as others still know what they were told; and Windows would see another
 * connection without .greeted. */
static void forget(PortFact *fact) {
        *fact = (PortFact){ .port = fact->port, .told = fact->told, .greeted = fact->greeted };
}

void ports_forget_all(Ports *ports) {
        for (size_t i = 0; i < ports->n; i++)
                forget(&ports->facts[i]);
        ports_forget_greetings(ports);
}

void ports_forget_grants(Ports *ports) {
        for (size_t i = 0; i < ports->n; i++)
                if (ports->facts[i].bind != BIND_REFUSED_BY_WINDOWS &&
                    ports->facts[i].bind != BIND_REFUSED_BY_LINUX)
                        forget(&ports->facts[i]);
}

void ports_forget_greetings(Ports *ports) {
        for (size_t i = 0; i < ports->n; i++)
                ports->facts[i].greeted = false;
}
