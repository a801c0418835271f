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

size_t sshd_dump_count_port(const SshdDump *dump, uint16_t port) {
        size_t n = 0;

        for (size_t i = 0; i < dump->n_ports; i++)
                n += dump->ports[i] == port;
        return n;
}

/* How often sshd has the address of @endpoint with @port. */
static size_t count_endpoint(const SshdDump *dump, const Endpoint *endpoint, uint16_t port) {
        Endpoint wanted = *endpoint;
        size_t n = 0;

        wanted.port = port;
        for (size_t i = 0; i < dump->n_endpoints; i++)
                n += endpoint_equal(&dump->endpoints[i], &wanted);
        return n;
}

/* Adds each address that follows Port lines (the sentinel's among them), with @port. */
static int add_movable(const SshdDump *dump, uint16_t port, Home *home) {
        int r = 0;

        for (size_t i = 0; i < dump->n_endpoints && r >= 0; i++) {
                Endpoint endpoint = dump->endpoints[i];

                if (endpoint.port != SSHD_SENTINEL_PORT)
                        continue;
                endpoint.port = port;
                r = home_add(home, &endpoint, false);
        }
        return r;
}

/* sshd combines each address without a port with each Port line. An endpoint that there are more of has its
 * port from its own line. With a -p, sshd ignores all Port lines, the sentinel's too. */
static bool is_fixed(const SshdDump *dump, const Endpoint *endpoint) {
        size_t n_sentinels = sshd_dump_count_port(dump, SSHD_SENTINEL_PORT),
               n_movable = count_endpoint(dump, endpoint, SSHD_SENTINEL_PORT);

        return n_sentinels == 0 || count_endpoint(dump, endpoint, endpoint->port) * n_sentinels >
                                                   n_movable * sshd_dump_count_port(dump, endpoint->port);
}

int sshd_dump_home(const SshdDump *dump, uint16_t moved_to, bool owner_has_it, Home *ret) {
        size_t ours = moved_to != 0 ? sshd_dump_count_port(dump, moved_to) : 0;
        Home home = { .reads_our_file = ours > 0 };
        bool has_own = false, sentinel_seen = false;
        int r = 0;

        for (size_t i = 0; i < dump->n_ports && r >= 0; i++) {
                uint16_t port = dump->ports[i];

                if (port == SSHD_SENTINEL_PORT && !sentinel_seen) {
                        sentinel_seen = true;
                        continue;
                }
                if (port == moved_to && !(ours > 1 && owner_has_it))
                        continue;
                has_own = true;
                r = add_movable(dump, port, &home);
        }
        if (!has_own)
                r = add_movable(dump, SSHD_DEFAULT_PORT, &home);

        for (size_t i = 0; i < dump->n_endpoints && r >= 0; i++)
                if (is_fixed(dump, &dump->endpoints[i]))
                        r = home_add(&home, &dump->endpoints[i], true);
        if (r < 0)
                return r;

        *ret = home;
        return 0;
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

/* "FILE line 3: Deprecated option Foo" (servconf.c), which comes before the error; what -d adds; and the box
 * above "Permissions 0644 for 'KEY' are too open." (authfile.c) */
static bool is_remark(const char *line, size_t length) {
        static const char deprecated[] = "Deprecated option ", unsupported[] = "Unsupported option ";

        return startswith(line, "debug") || line[0] == '@' ||
               memmem(line, length, deprecated, strlen(deprecated)) ||
               memmem(line, length, unsupported, strlen(unsupported));
}

void sshd_errors_choose(const char *errors, char *ret, size_t size) {
        enum { NOTHING, REMARK, ERROR, ERROR_OF_LINE } best = NOTHING, kind;
        const char *chosen = "";
        size_t n = 0;

        LINES_FOREACH (line, errors) {
                size_t length = strcspn(line, "\n");

                kind = !has_text(line, length)                                              ? NOTHING
                       : is_remark(line, length)                                            ? REMARK
                       : line[0] == '/' && memmem(line, length, " line ", strlen(" line ")) ? ERROR_OF_LINE
                                                                                            : ERROR;
                if (kind > best) {
                        best = kind;
                        chosen = line;
                }
        }

        for (; *chosen && *chosen != '\n' && n < size - 1; chosen++)
                if (is_shown(*chosen))
                        ret[n++] = *chosen;
        ret[n] = '\0';
}

bool sshd_errors_name_ours(const char *errors) {
        static const char folder[] = STATEDIR "/sshd.d/";

        /* With a LogLevel= among its options, sshd tells what it reads. */
        LINES_FOREACH (line, errors)
                if (!startswith(line, "debug") && memmem(line, strcspn(line, "\n"), folder, strlen(folder)))
                        return true;
        return false;
}
