/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The log that tests read (Machine.log() in machine.py). */

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "tracker.h"

const char *const protocol_names[PROTOCOLS] = { "tcp", "udp" };

void log_event(Tracker *t, const char *event, const char *format, ...) {
        char line[2048];
        struct timespec now;
        va_list arguments;

        clock_gettime(CLOCK_MONOTONIC, &now);
        int n = snprintf(line, sizeof(line), "{\"time\": %lld.%06ld, \"event\": \"%s\", ",
                         (long long) now.tv_sec, now.tv_nsec / 1000, event);
        va_start(arguments, format);
        n += vsnprintf(line + n, sizeof(line) - (size_t) n - 3, format, arguments);
        va_end(arguments);
        n += snprintf(line + n, sizeof(line) - (size_t) n, "}\n");
        if (write(t->log_fd, line, (size_t) n) < 0)
                err(EXIT_FAILURE, "log");
}

void sanitize(char *text) {
        for (; *text; text++)
                if (*text == '"' || *text == '\\' || (unsigned char) *text < ' ' ||
                    (unsigned char) *text > '~')
                        *text = '?';
}

const char *format_key(const Key *key, char buffer[static 256]) {
        char address[INET6_ADDRSTRLEN];

        inet_ntop(key->family, &key->address, address, sizeof(address));
        snprintf(buffer, 256, "\"family\": \"%s\", \"address\": \"%s\", \"port\": %u, \"protocol\": \"%s\"",
                 key->family == AF_INET ? "inet" : "inet6", address, key->port,
                 protocol_names[key->protocol]);
        return buffer;
}
