/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "process/child.h"

/* Connects to a port of 127.0.0.1 once and reads the server's greeting, which names the port's holder. The
 * process of windows/greeter does it, without libsystemd, which takes longer to load than a server to greet. A
 * missing greeting proves nothing: in mirrored mode a port without a listener may hang. Never repeat this in a
 * loop: a connection can keep Windows from binding the port, and sshd penalizes clients that don't log in. */

typedef enum Greeting {
        GREETING_UNKNOWN, /* no connection within the time */
        GREETING_REFUSED, /* nothing listens */
        GREETING_OTHER,   /* something listens, and didn't greet as SSH, or not in time */
        GREETING_SSH,
        GREETING_WINDOWS_OPENSSH, /* Windows' own SSH server */
} Greeting;

#define GREETING_SOFTWARE_SIZE 41

/* Copies printable ASCII without blanks, cut to the size. */
void greeting_copy(const char *from, size_t length, char to[static GREETING_SOFTWARE_SIZE]);

/* @ret_software names the server's program and its version, as greeting_copy() leaves it; "" where the server
 * isn't an SSH server. Waits for as long as @timeout (µs) at most. */
Greeting greeting_ask(uint16_t port, usec_t timeout, char ret_software[static GREETING_SOFTWARE_SIZE]);

/* No more bytes of a greeting are read. RFC 4253 section 4.2 allows other lines before the version line,
 * each of at most 255 bytes with CR LF. OpenSSH gives up after 1024 lines, we do much sooner. */
#define GREETING_SIZE_MAX 4096

/* Reads what a server has sent so far, which is untrusted. Returns 1 and the outputs once the version line is
 * there, 0 if more has to be read, -EBADMSG if this isn't SSH. Sources: RFC 4253 section 4.2;
 * PowerShell/openssh-portable version.h (`OpenSSH_for_Windows_…`, which no setting changes; before that
 * `OpenSSH_7.1p1 Microsoft_Win32_port…`). */
int greeting_parse(const char *data, size_t size, Greeting *ret,
                   char ret_software[static GREETING_SOFTWARE_SIZE]);

/* A helper process connects and reads. @timeout in µs, for all of it. @handler reads its result with greeter_read().
 * Returns 0 or a negative errno. */
int greeter_start(sd_event *event, uint16_t port, usec_t timeout, ChildHandler handler, void *userdata,
                  Child **ret);

/* HOLDER_WINDOWS_OPENSSH or HOLDER_WINDOWS, and what greets, in printable ASCII, in @ret_detail; HOLDER_NONE if
 * nothing listens; HOLDER_UNKNOWN without an answer. */
Holder greeter_read(const ChildResult *result, char ret_detail[static GREETING_SOFTWARE_SIZE]);
