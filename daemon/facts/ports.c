/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/ports.h"

bool port_set_has(const PortSet *set, uint16_t port) {
        return port_is_one_of(port, set->ports, set->n);
}

void port_set_add(PortSet *set, uint16_t port) {
        if (set->n == ELEMENTSOF(set->ports))
                port_set_remove(set, set->ports[0]);
        set->ports[set->n++] = port;
}

void port_set_remove(PortSet *set, uint16_t port) {
        size_t n = 0;

        for (size_t i = 0; i < set->n; i++)
                if (set->ports[i] != port)
                        set->ports[n++] = set->ports[i];
        set->n = n;
}

void ports_done(Ports *ports) {
        free(ports->facts);
        *ports = (Ports){ 0 };
}

const PortFact *ports_find(const Ports *ports, uint16_t port) {
        for (size_t i = 0; i < ports->n; i++)
                if (ports->facts[i].port == port)
                        return &ports->facts[i];

        return NULL;
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

/* Nothing here listens: then it is as bind() said. */
static void nobody_listens(PortFact *fact, NetworkingMode mode) {
        switch (fact->bind) {
        case BIND_REFUSED_BY_WINDOWS:
                if (fact->holder == HOLDER_WINDOWS || fact->holder == HOLDER_WINDOWS_OPENSSH)
                        return;
                fact->holder = HOLDER_WINDOWS;
                break;
        case BIND_REFUSED_BY_LINUX:
                fact->holder = HOLDER_LINUX;
                snprintf(fact->detail, sizeof(fact->detail), "a socket here that does not listen");
                return;
        case BIND_FREE:
                fact->holder = HOLDER_NONE;
                break;
        case BIND_FAILED:
                return;
        case BIND_NOT_ASKED:
                if (mode_shares_ports(mode) &&
                    (fact->holder == HOLDER_WINDOWS || fact->holder == HOLDER_WINDOWS_OPENSSH))
                        return; /* by its greeting */
                fact->holder = mode != MODE_UNKNOWN && !mode_shares_ports(mode) ? HOLDER_NONE
                                                                                : HOLDER_UNKNOWN;
                break;
        case BIND_TRACKER_DEAD:
        case BIND_NO_ANSWER:
        default:
                fact->holder = mode != MODE_UNKNOWN && !mode_shares_ports(mode) ? HOLDER_NONE
                                                                                : HOLDER_UNKNOWN;
        }
        fact->detail[0] = '\0';
}

int ports_see(Ports *ports, uint16_t port, const PortView *view, bool lacks_ipv4, NetworkingMode mode) {
        PortFact *fact = ports_get(ports, port);
        bool lacked_ipv4;

        if (!fact)
                return -ENOMEM;

        lacked_ipv4 = fact->lacks_ipv4;
        fact->lacks_ipv4 = lacks_ipv4;
        if (view->holder != HOLDER_NONE) {
                fact->holder_left = false;
                if (lacks_ipv4 ? !lacked_ipv4 : fact->bind == BIND_FREE) /* it was, until then */
                        fact->bind = BIND_NOT_ASKED;
                fact->holder = view->holder;
                memcpy(fact->detail, view->detail, sizeof(fact->detail));
                return 0;
        }

        if (fact->bind == BIND_NOT_ASKED &&
            (fact->holder == HOLDER_LINUX || fact->holder == HOLDER_OTHER_DISTRO))
                fact->holder_left = true;
        nobody_listens(fact, mode);
        return 0;
}

int ports_answer(Ports *ports, uint16_t port, BindAnswer answer, const char *detail) {
        PortFact *fact = ports_get(ports, port);

        if (!fact)
                return -ENOMEM;

        *fact = (PortFact){ .port = port, .bind = answer, .lacks_ipv4 = fact->lacks_ipv4 };
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
        return 0;
}

void ports_forget_all(Ports *ports) {
        ports->n = 0;
}

void ports_forget_grants(Ports *ports) {
        size_t n = 0;

        for (size_t i = 0; i < ports->n; i++)
                if (ports->facts[i].bind == BIND_REFUSED_BY_WINDOWS ||
                    ports->facts[i].bind == BIND_REFUSED_BY_LINUX)
                        ports->facts[n++] = ports->facts[i];
        ports->n = n;
}
