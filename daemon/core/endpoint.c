/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/endpoint.h"

#include <arpa/inet.h>

#include "core/model.h"

/* The name of an interface. */
static bool is_scope(const char *s) {
        size_t length = strlen(s);

        for (; *s; s++)
                if (*s <= ' ' || *s > '~' || strchr("\"'/[]\\", *s))
                        return false;
        return length > 0 && length < sizeof(((Endpoint *) NULL)->scope);
}

int endpoint_parse(const char *s, Endpoint *ret) {
        Endpoint endpoint = { .ipv6 = s[0] == '[' };
        char text[ENDPOINT_SIZE], *rest = text + endpoint.ipv6, *inner, *scope;
        const char *address, *port;

        if ((size_t) snprintf(text, sizeof(text), "%.*s", (int) strcspn(s, " "), s) >= sizeof(text))
                return -EBADMSG;

        inner = strsep(&rest, endpoint.ipv6 ? "]" : ":");
        if (!rest || (endpoint.ipv6 && *rest++ != ':'))
                return -EBADMSG;
        address = strsep(&inner, "%");
        port = strsep(&rest, "%");
        scope = inner ?: rest;
        if ((inner && rest) || (scope && (!endpoint.ipv6 || !is_scope(scope))) ||
            inet_pton(endpoint.ipv6 ? AF_INET6 : AF_INET, address, &endpoint.address) != 1 ||
            strlen(port) >= sizeof("65535") || parse_port(port, &endpoint.port) < 0)
                return -EBADMSG;

        strcpy(endpoint.scope, strempty(scope));
        *ret = endpoint;
        return 0;
}

Endpoint endpoint_make(int family, const void *address, uint16_t port) {
        Endpoint endpoint = { .ipv6 = family == AF_INET6, .port = port };

        memcpy(&endpoint.address, address,
               endpoint.ipv6 ? sizeof(endpoint.address.in6) : sizeof(endpoint.address.in));
        return endpoint;
}

const char *endpoint_print_address(const Endpoint *endpoint, char ret[static INET6_ADDRSTRLEN]) {
        return inet_ntop(endpoint->ipv6 ? AF_INET6 : AF_INET, &endpoint->address, ret, INET6_ADDRSTRLEN);
}

const char *endpoint_print(const Endpoint *endpoint, char ret[static ENDPOINT_SIZE]) {
        char address[INET6_ADDRSTRLEN];

        (void) endpoint_print_address(endpoint, address);
        snprintf(ret, ENDPOINT_SIZE, "%s%s%s:%u%s%s", endpoint->ipv6 ? "[" : "", address,
                 endpoint->ipv6 ? "]" : "", endpoint->port, endpoint->scope[0] ? "%" : "", endpoint->scope);
        return ret;
}

bool endpoint_has_address_of(const Endpoint *a, const Endpoint *b) {
        return a->ipv6 == b->ipv6 && (a->ipv6 ? IN6_ARE_ADDR_EQUAL(&a->address.in6, &b->address.in6)
                                              : a->address.in.s_addr == b->address.in.s_addr);
}

bool endpoint_equal(const Endpoint *a, const Endpoint *b) {
        return a->port == b->port && endpoint_has_address_of(a, b);
}

bool endpoint_is_loopback(const Endpoint *endpoint) {
        return endpoint->ipv6 ? IN6_IS_ADDR_LOOPBACK(&endpoint->address.in6)
                              : ntohl(endpoint->address.in.s_addr) >> 24 == 127;
}

bool endpoint_is_any(const Endpoint *endpoint) {
        return endpoint->ipv6 ? IN6_IS_ADDR_UNSPECIFIED(&endpoint->address.in6)
                              : endpoint->address.in.s_addr == INADDR_ANY;
}

/* ── sets ── */

bool endpoints_have(const Endpoints *set, const Endpoint *endpoint) {
        for (size_t i = 0; i < set->n; i++)
                if (endpoint_equal(&set->items[i], endpoint))
                        return true;
        return false;
}

int endpoints_add(Endpoints *set, const Endpoint *endpoint) {
        if (endpoints_have(set, endpoint))
                return 0;
        if (set->n == ELEMENTSOF(set->items))
                return -E2BIG;

        set->items[set->n++] = *endpoint;
        return 0;
}

bool endpoints_meet(const Endpoints *set, const Endpoint *endpoint) {
        for (size_t i = 0; i < set->n; i++) {
                const Endpoint *e = &set->items[i];

                if (e->port == endpoint->port && e->ipv6 == endpoint->ipv6 &&
                    (endpoint_is_any(e) || endpoint_is_any(endpoint) ||
                     endpoint_has_address_of(e, endpoint)))
                        return true;
        }
        return false;
}

bool endpoints_have_all(const Endpoints *set, const Endpoints *subset) {
        for (size_t i = 0; i < subset->n; i++)
                if (!endpoints_have(set, &subset->items[i]))
                        return false;
        return true;
}

bool endpoints_have_port(const Endpoints *set, uint16_t port) {
        for (size_t i = 0; i < set->n; i++)
                if (set->items[i].port == port)
                        return true;
        return false;
}

bool endpoints_have_address_of(const Endpoints *set, const Endpoint *endpoint) {
        for (size_t i = 0; i < set->n; i++)
                if (endpoint_has_address_of(&set->items[i], endpoint))
                        return true;
        return false;
}

bool endpoints_have_family(const Endpoints *set, bool ipv6) {
        for (size_t i = 0; i < set->n; i++)
                if (set->items[i].ipv6 == ipv6)
                        return true;
        return false;
}

bool streams_have_port(const char *streams, uint16_t port) {
        Endpoint endpoint;

        WORDS_FOREACH (stream, streams)
                if (endpoint_parse(stream, &endpoint) >= 0 && endpoint.port == port)
                        return true;
        return false;
}
