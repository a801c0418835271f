/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "process/child.h"
#include "windows/greeting.h"

/* A helper process connects and reads. @timeout in µs, for all of it. @handler makes a Greeting of its
 * result with greeter_read(). Returns 0 or a negative errno. */
int greeter_start(sd_event *event, uint16_t port, usec_t timeout, ChildHandler handler, void *userdata,
                  Child **ret);

/* @ret_software names the server's program and its version, in printable ASCII without blanks; "" where the
 * server isn't an SSH server. */
Greeting greeter_read(const ChildResult *result, char ret_software[static GREETING_SOFTWARE_SIZE]);
