/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/endpoint.h"

#include "core/model.h"

/* %, and the name of an interface. */
static bool is_scope(const char *s, size_t length) {
        if (length < 2 || s[0] != '%')
                return false;
        for (size_t n = 1; n < length; n++)
                if (s[n] <= ' ' || s[n] > '~' || strchr("\"'/[]\\", s[n]))
                        return false;
        return true;
}

/* Numeric; behind an IPv6 one a scope may follow, as in fe80::1%eth0. */
static bool is_address(const char *s, size_t length, bool ipv6) {
        size_t n = strspn(s, ipv6 ? "0123456789abcdefABCDEF:." : "0123456789.");

        if (n >= length)
                return n > 0;
        return ipv6 && n > 0 && is_scope(s + n, length - n);
}

int endpoint_parse(const char *s, Endpoint *ret) {
        Endpoint endpoint = { .ipv6 = s[0] == '[' };
        const char *address = endpoint.ipv6 ? s + 1 : s;
        size_t address_length = strcspn(address, endpoint.ipv6 ? "]" : ":");
        const char *rest = address + address_length;
        char port[sizeof("65535")];
        size_t port_length, scope_length;

        if (endpoint.ipv6) {
                if (*rest != ']')
                        return -EBADMSG;
                rest++;
        }
        if (*rest != ':' || address_length >= sizeof(endpoint.address) ||
            !is_address(address, address_length, endpoint.ipv6))
                return -EBADMSG;
        rest++;

        port_length = strcspn(rest, " %");
        if (port_length >= sizeof(port))
                return -EBADMSG;
        memcpy(port, rest, port_length);
        port[port_length] = '\0';
        if (parse_port(port, &endpoint.port) < 0)
                return -EBADMSG;

        rest += port_length;
        scope_length = strcspn(rest, " ");
        if (scope_length > 0) {
                if (!endpoint.ipv6 || memchr(address, '%', address_length) ||
                    scope_length > sizeof(endpoint.scope) || !is_scope(rest, scope_length))
                        return -EBADMSG;
                memcpy(endpoint.scope, rest + 1, scope_length - 1);
        }

        memcpy(endpoint.address, address, address_length);
        *ret = endpoint;
        return 0;
}

const char *endpoint_print(const Endpoint *endpoint, char ret[static ENDPOINT_SIZE]) {
        snprintf(ret, ENDPOINT_SIZE, "%s%s%s:%u%s%s", endpoint->ipv6 ? "[" : "", endpoint->address,
                 endpoint->ipv6 ? "]" : "", endpoint->port, endpoint->scope[0] ? "%" : "", endpoint->scope);
        return ret;
}

bool endpoints_have_port(const char *streams, uint16_t port) {
        Endpoint endpoint;

        WORDS_FOREACH (stream, streams)
                if (endpoint_parse(stream, &endpoint) >= 0 && endpoint.port == port)
                        return true;
        return false;
}
