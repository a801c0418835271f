/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "process/child.h"

/* Finds out whether a port can be bound, by binding it in a helper process: under WSL a bind() waits until
 * Windows has answered, which may be never, and only a kill ends the wait.
 *
 * Only for a port that sshd is about to bind: an allowed bind takes the port from Windows until sshd has it,
 * or for 60 s. (microsoft/WSL, GnsPortTracker.cpp) */

/* @address: as of home_probe_addresses(), or another IPv4 one, of which Windows is asked too while a unit here listens
 * on the port. @timeout is in µs. @handler reads its result by bindprobe_read(). Returns 0 or a negative errno. */
int bindprobe_start(sd_event *event, const char *address, uint16_t port, usec_t timeout,
                    ChildHandler handler, void *userdata, Child **ret);

#define BINDPROBE_DETAIL_SIZE 64

/* Returns the answer, never BIND_NOT_ASKED. @ret_detail, for people, says why it is BIND_FAILED; else "". */
BindAnswer bindprobe_read(const ChildResult *result, char ret_detail[static BINDPROBE_DETAIL_SIZE]);

/* The helper's process calls this, without libsystemd, which takes longer to load than bind() to answer. Binds @port of
 * @address ("::", "0.0.0.0" or another IPv4 one) once or a few times, and closes it again. Blocks for as long as Windows
 * takes to answer. *@ret_errno is the errno behind BIND_FAILED, else 0. */
BindAnswer bindtry(const char *address, uint16_t port, int *ret_errno);
