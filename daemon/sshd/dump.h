/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/home.h"

/* What `sshd -T` or `sshd -G` prints: where sshd listens, or why it refuses its configuration. Pure. */

typedef struct SshdDump {
        /* As sshd prints them, doubles too. Room for twice what a Home has, as ours come on top. */
        uint16_t ports[2 * SSHD_PORTS_MAX];
        size_t n_ports;
        Endpoint endpoints[2 * ENDPOINTS_MAX];
        size_t n_endpoints;
} SshdDump;

/* Returns 0, -EBADMSG if @text isn't such an output (no port, no address, or one that can't be read), or
 * -E2BIG if sshd has more of them than fit. */
int sshd_dump_parse(const char *text, SshdDump *ret);

/* How many Port lines have @port. */
size_t sshd_dump_count_port(const SshdDump *dump, uint16_t port);

/* A port that is added to the configuration's own, and the option that adds it. */
#define SSHD_SENTINEL_PORT 1
#define SSHD_SENTINEL_OPTION "-oPort=1"

/* Reads the home out of a dump taken with SSHD_SENTINEL_OPTION, while our file moves sshd to
 * @moved_to (0: no such file). Port accumulates, and a ListenAddress with a port stands beside it: without
 * the sentinel and our port, the user's own are left. If none is left, sshd uses its default, 22. (OpenSSH
 * servconf.c) sshd reads our file as often as the configuration includes it: the port is the user's own, too,
 * only if it is there more than once and @owner_has_it. Returns 0, or -E2BIG if a Home can't hold it. */
int sshd_dump_home(const SshdDump *dump, uint16_t moved_to, bool owner_has_it, Home *ret);

/* Chooses the line of sshd's errors that tells the most about why it failed; best is one with a file and a
 * line. @ret has that line's printable ASCII, cut to @size; "" if there is none. */
void sshd_errors_choose(const char *errors, char *ret, size_t size);

/* Whether sshd's errors name our file. */
bool sshd_errors_name_ours(const char *errors);
