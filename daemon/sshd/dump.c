/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/dump.h"

#include <strings.h>

/* OpenSSH up to 10.0 prints keywords in lower case, 10.6 prints `ListenAddress`. */
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
        char copy[256];
        int r;

        LINES_FOREACH (line, text) {
                size_t length = strcspn(line, "\n");

                if (length >= sizeof(copy))
                        continue; /* a list of algorithms */
                memcpy(copy, line, length);
                copy[length] = '\0';
                r = parse_line(copy, &dump);
                if (r < 0)
                        return r;
        }
        if (dump.n_ports == 0 || dump.n_endpoints == 0)
                return -EBADMSG;

        *ret = dump;
        return 0;
}

static void add_port(SshdHome *home, uint16_t port) {
        if (home->n_ports < SSHD_PORTS_MAX && !port_is_one_of(port, home->ports, home->n_ports))
                home->ports[home->n_ports++] = port;
}

void sshd_dump_home(const SshdDump *dump, uint16_t moved_to, SshdHome *ret) {
        bool sentinel_seen = false;
        SshdHome home = { 0 };

        /* Of two equal ports, the second is the user's own. */
        for (size_t i = 0; i < dump->n_ports; i++) {
                if (dump->ports[i] == SSHD_SENTINEL_PORT && !sentinel_seen)
                        sentinel_seen = true;
                else if (dump->ports[i] == moved_to && !home.reads_our_file)
                        home.reads_our_file = true;
                else
                        add_port(&home, dump->ports[i]);
        }

        for (size_t i = 0; i < dump->n_endpoints; i++) {
                const Endpoint *endpoint = &dump->endpoints[i];

                home.ipv6 = home.ipv6 || endpoint->ipv6;
                home.ipv4 = home.ipv4 || !endpoint->ipv6;
                home.any_ipv4 = home.any_ipv4 || streq(endpoint->address, "0.0.0.0");
                home.n_addresses += endpoint->port == SSHD_SENTINEL_PORT;
        }

        /* sshd combines each address without a port with each Port, the sentinel among them. */
        if (home.n_addresses == 0)
                home.n_ports = 0;
        for (size_t i = 0; i < dump->n_endpoints; i++) {
                uint16_t port = dump->endpoints[i].port;

                if (port == SSHD_SENTINEL_PORT ||
                    (home.n_addresses > 0 && port_is_one_of(port, dump->ports, dump->n_ports)))
                        continue;
                home.port_fixed = true;
                add_port(&home, port);
        }
        if (home.n_ports == 0)
                add_port(&home, SSHD_DEFAULT_PORT);

        *ret = home;
}

static bool is_shown(char c) {
        return c >= ' ' && c < 0x7f;
}

static bool has_text(const char *line, size_t length) {
        for (size_t i = 0; i < length; i++)
                if (is_shown(line[i]) && line[i] != ' ')
                        return true;
        return false;
}

/* "FILE line 3: Deprecated option Foo" (servconf.c), which comes before the error; and what -d adds. */
static bool is_remark(const char *line, size_t length) {
        static const char deprecated[] = "Deprecated option ", unsupported[] = "Unsupported option ";

        return startswith(line, "debug") || memmem(line, length, deprecated, strlen(deprecated)) ||
               memmem(line, length, unsupported, strlen(unsupported));
}

void sshd_errors_choose(const char *errors, char *ret, size_t size) {
        const char *chosen = "";
        size_t n = 0;

        LINES_FOREACH (line, errors) {
                size_t length = strcspn(line, "\n");
                bool remark = is_remark(line, length);

                if (!has_text(line, length) || (remark && *chosen))
                        continue;
                chosen = line;
                if (!remark)
                        break;
        }

        for (; *chosen && *chosen != '\n' && n < size - 1; chosen++)
                if (is_shown(*chosen))
                        ret[n++] = *chosen;
        ret[n] = '\0';
}

bool sshd_errors_name_ours(const char *errors) {
        return strstr(errors, STATEDIR "/sshd.d/");
}
