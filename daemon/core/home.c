/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/home.h"

int home_add(Home *home, const Endpoint *endpoint, bool fixed) {
        bool known = port_is_one_of(endpoint->port, home->ports, home->n_ports);
        int r;

        if ((!known && home->n_ports == ELEMENTSOF(home->ports)) || home_size(home) >= ENDPOINTS_MAX)
                return -E2BIG;
        home->port_fixed = home->port_fixed || fixed;
        r = endpoints_add(fixed ? &home->fixed : &home->movable, endpoint);
        if (r >= 0 && !known)
                home->ports[home->n_ports++] = endpoint->port;
        return r;
}

void home_fix(Home *home, bool fixed) {
        Endpoints *from = fixed ? &home->movable : &home->fixed, *to = fixed ? &home->fixed : &home->movable;

        for (size_t i = 0; i < from->n; i++)
                (void) endpoints_add(to, &from->items[i]); /* home_add() leaves room for both */
        from->n = 0;
}

bool home_can_leave(const Home *home, uint16_t port) {
        return endpoints_have_port(&home->movable, port);
}

bool home_is_ipv6_only(const Home *home) {
        return home->n_ports > 0 && (home->without_ipv4 || (!endpoints_have_family(&home->movable, false) &&
                                                            !endpoints_have_family(&home->fixed, false)));
}

/* Windows is asked about no other address of 127.0.0.0/8. (microsoft/WSL, GnsPortTracker.cpp) */
static bool is_asked_about(const Endpoint *e) {
        return !endpoint_is_loopback(e) || e->address.in.s_addr == htonl(INADDR_LOOPBACK);
}

void home_probe_addresses(const Home *home, const Endpoints *absent, uint16_t port, bool each,
                          char ret[2][INET6_ADDRSTRLEN]) {
        bool is_home = port_is_one_of(port, home->ports, home->n_ports), ipv6 = home_is_ipv6_only(home);
        Endpoint any = { .ipv6 = ipv6 };
        const Endpoint *chosen = NULL;

        for (size_t i = 0; i < home_size(home) && !ipv6; i++) {
                const Endpoint *e = home_endpoint(home, i);

                if (!e->ipv6 && (is_home ? e->port == port : i < home->movable.n) &&
                    !endpoints_have_address_of(absent, e) &&
                    (!chosen || endpoint_is_any(e) || (!is_asked_about(chosen) && is_asked_about(e))))
                        chosen = e;
        }
        (void) endpoint_print_address(chosen ?: &any, ret[0]);
        any.ipv6 = true;
        each = each && !home->without_ipv4 && !home->without_ipv6 &&
               endpoints_have_address_of(&home->movable, &any);
        strcpy(ret[1], !each ? "" : streq(ret[0], "::") ? "0.0.0.0" : "::");
}

/* The endpoint to which @placement takes a movable one. */
static Endpoint placed(const Placement *placement, const Endpoint *endpoint) {
        Endpoint to = *endpoint;

        if (placement->port != 0 && !port_is_one_of(to.port, placement->beside, placement->n_beside))
                to.port = placement->port;
        return to;
}

void home_on_port(const Home *home, const Placement *placement, uint16_t port, Endpoints *ret) {
        bool at_home = port_is_one_of(port, home->ports, home->n_ports);

        ret->n = 0;
        for (size_t i = 0; i < home_size(home); i++) {
                Endpoint endpoint = *home_endpoint(home, i);

                if (i < home->movable.n && !at_home)
                        endpoint = placed(placement, &endpoint);
                if (endpoint.port == port && !(endpoint.ipv6 ? home->without_ipv6 : home->without_ipv4))
                        (void) endpoints_add(ret, &endpoint);
        }
}

bool home_is_placed(const Home *home, const Placement *placement, const Endpoints *actual) {
        Endpoints wanted = home->fixed;

        for (size_t i = 0; i < home->movable.n; i++) {
                Endpoint to = placed(placement, &home->movable.items[i]);

                (void) endpoints_add(&wanted, &to);
        }
        return endpoints_have_all(&wanted, actual) && endpoints_have_all(actual, &wanted);
}
