/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/dump.h"

#include <strings.h>

/* In lower case up to OpenSSH 10.0, as `ListenAddress` in 10.6. */
static const char *value_of(const char *line, const char *keyword) {
        size_t length = strlen(keyword);

        return strncasecmp(line, keyword, length) == 0 ? line + length : NULL;
}

static int parse_line(const char *line, SshdDump *dump) {
        const char *value;

        if ((value = value_of(line, "port "))) {
                if (dump->n_ports == ELEMENTSOF(dump->ports))
                        return -E2BIG;
                return parse_port(value, &dump->ports[dump->n_ports++]) < 0 ? -EBADMSG : 0;
        }

        if ((value = value_of(line, "listenaddress "))) {
                if (dump->n_endpoints == ELEMENTSOF(dump->endpoints))
                        return -E2BIG;
                return endpoint_parse(value, &dump->endpoints[dump->n_endpoints++]);
        }

        return 0;
}

int sshd_dump_parse(const char *text, SshdDump *ret) {
        SshdDump dump = { 0 };
        char line[256];
        int r;

        while (*text) {
                size_t length = strcspn(text, "\n");

                /* Longer lines (lists of algorithms) are none of ours. */
                if (length < sizeof(line)) {
                        memcpy(line, text, length);
                        line[length] = '\0';
                        r = parse_line(line, &dump);
                        if (r < 0)
                                return r;
                }
                text += length;
                if (*text)
                        text++;
        }

        if (dump.n_ports == 0 || dump.n_endpoints == 0)
                return -EBADMSG;

        *ret = dump;
        return 0;
}

static bool add_port(uint16_t *ports, size_t *n, uint16_t port) {
        if (port_is_one_of(port, ports, *n))
                return false;
        ports[(*n)++] = port;
        return true;
}

void sshd_dump_home(const SshdDump *dump, uint16_t moved_to, SshdHome *ret) {
        SshdHome home = { 0 };
        bool sentinel_taken = false, ours_taken = moved_to == 0;

        /* Once each: what is there a second time was put there by the user. */
        for (size_t i = 0; i < dump->n_ports; i++) {
                if (dump->ports[i] == SSHD_SENTINEL_PORT && !sentinel_taken)
                        sentinel_taken = true;
                else if (dump->ports[i] == moved_to && !ours_taken)
                        ours_taken = true;
                else
                        add_port(home.ports, &home.n_ports, dump->ports[i]);
        }
        home.reads_our_file = moved_to != 0 && ours_taken;

        /* Addresses without a port have been multiplied with all of `Port`, the sentinel among them. */
        for (size_t i = 0; i < dump->n_endpoints; i++) {
                const Endpoint *endpoint = &dump->endpoints[i];

                home.ipv6 = home.ipv6 || endpoint->ipv6;
                home.ipv4 = home.ipv4 || !endpoint->ipv6;
                home.any_ipv4 = home.any_ipv4 || streq(endpoint->address, "0.0.0.0");
                home.n_addresses += endpoint->port == SSHD_SENTINEL_PORT;
        }
        if (home.n_addresses == 0)
                home.n_ports = 0;
        for (size_t i = 0; i < dump->n_endpoints; i++) {
                uint16_t port = dump->endpoints[i].port;
                bool is_port = port == SSHD_SENTINEL_PORT;

                for (size_t k = 0; k < dump->n_ports; k++)
                        is_port = is_port || (home.n_addresses > 0 && port == dump->ports[k]);
                if (is_port)
                        continue;
                home.port_fixed = true;
                if (home.n_ports < SSHD_PORTS_MAX)
                        add_port(home.ports, &home.n_ports, port);
        }

        if (home.n_ports == 0)
                home.ports[home.n_ports++] = SSHD_DEFAULT_PORT;

        *ret = home;
}

/* The value of a ListenAddress line, and its length; NULL for another line. */
static const char *listen_address(const char *line, size_t *ret_length) {
        static const char keyword[] = "listenaddress", blanks[] = " \t=\"";
        const char *value;
        size_t length;

        line += strspn(line, " \t");
        if (strncasecmp(line, keyword, strlen(keyword)) != 0)
                return NULL;

        value = line + strlen(keyword);
        length = strspn(value, blanks);
        if (length == 0)
                return NULL;
        value += length;
        *ret_length = strcspn(value, " \t\"\r\n");
        return value;
}

bool sshd_line_fixes_port(const char *line) {
        const char *value, *colon;
        size_t length;

        value = listen_address(line, &length);
        if (!value)
                return false;

        /* An IPv6 address has colons of its own; with a port it stands in brackets. */
        colon = memchr(value, ':', length);
        if (value[0] == '[') {
                const char *bracket = memchr(value, ']', length);

                return bracket && bracket + 1 < value + length && bracket[1] == ':';
        }
        return colon && !memchr(colon + 1, ':', length - (size_t) (colon + 1 - value));
}

bool sshd_line_is_loopback(const char *line) {
        static const char *const names[] = { "127.", "localhost", "[127.", "[localhost", "[::1]" };
        const char *value;
        size_t length;

        value = listen_address(line, &length);
        for (size_t i = 0; value && i < ELEMENTSOF(names); i++)
                if (strncasecmp(value, names[i], strlen(names[i])) == 0)
                        return true;
        return value && length == 3 && memcmp(value, "::1", 3) == 0;
}

static bool is_shown(char c) {
        return c >= ' ' && c < 0x7f;
}

/* "FILE line 3: Deprecated option Foo" (servconf.c), which stands in front of the error; with -d, more. */
static bool is_remark(const char *line, size_t length) {
        static const char *const remarks[] = { "Deprecated option ", "Unsupported option " };

        if (startswith(line, "debug"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(remarks); i++) {
                const char *found = memmem(line, length, remarks[i], strlen(remarks[i]));

                if (found && (found == line || found[-1] == ' '))
                        return true;
        }
        return false;
}

void sshd_errors_choose(const char *errors, char *ret, size_t size) {
        const char *chosen = NULL;
        size_t chosen_length = 0, n = 0;

        for (const char *line = errors; *line;) {
                size_t length = strcspn(line, "\n"), blank = 0;

                while (blank < length && (!is_shown(line[blank]) || line[blank] == ' '))
                        blank++;
                if (blank < length && (!chosen || !is_remark(line, length))) {
                        chosen = line;
                        chosen_length = length;
                        if (!is_remark(line, length))
                                break;
                }
                line += length + (line[length] == '\n');
        }

        for (size_t i = 0; i < chosen_length && n < size - 1; i++)
                if (is_shown(chosen[i]))
                        ret[n++] = chosen[i];
        ret[n] = '\0';
}

bool sshd_errors_name_ours(const char *errors) {
        return strstr(errors, STATEDIR "/sshd.d/");
}
