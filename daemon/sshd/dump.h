/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/endpoint.h"
#include "core/model.h"

/* What `sshd -T` or `sshd -G` prints, read for the ports, and why it refuses. */

#define SSHD_ENDPOINTS_MAX 32

typedef struct SshdDump {
        uint16_t ports[SSHD_PORTS_MAX]; /* in order, doubles kept: `Port` accumulates */
        size_t n_ports;
        Endpoint endpoints[SSHD_ENDPOINTS_MAX];
        size_t n_endpoints;
} SshdDump;

/* Returns 0, -EBADMSG if it isn't such an output (no port, no address or an unreadable one), or -E2BIG where
 * sshd has more of them than fit. */
int sshd_dump_parse(const char *text, SshdDump *ret);

/* The port that is put in with `-o Port=` to see what stands beside it. */
#define SSHD_SENTINEL_PORT 1

/* Reads the home out of a dump taken with `-o Port=SSHD_SENTINEL_PORT`, with our file moving sshd to
 * @moved_to (0: no such file). `Port` accumulates, and an explicit one or a `ListenAddress` with a port
 * stay beside it; what is left when the sentinel and ours are taken out was named by the user. Where nothing
 * is left, it is sshd's own default, 22. (OpenSSH servconf.c) */
void sshd_dump_home(const SshdDump *dump, uint16_t moved_to, SshdHome *ret);

/* Whether a line of sshd_config is a ListenAddress with a port. */
bool sshd_line_fixes_port(const char *line);

/* Whether a line of sshd_config is a ListenAddress of the loopback interface. */
bool sshd_line_is_loopback(const char *line);

/* The line of what it prints to stderr that tells why it has failed: the first that isn't a mere remark, cut to @size,
 * without what a terminal would obey. "" where there is nothing to show. */
void sshd_errors_choose(const char *errors, char *ret, size_t size);

/* Whether they are about our file. */
bool sshd_errors_name_ours(const char *errors);
