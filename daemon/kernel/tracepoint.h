/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The kernel's tracepoint sock:inet_sock_set_state. The helper opens it too, and does without libsystemd, which
 * would more than double the helper's memory. */

/* Opens the tracepoint as perf events, one for each CPU that is online, each disabled and without a filter.
 * The caller owns them. Needs CAP_PERFMON, which the helper has, and a mounted tracefs. Returns their
 * number, or a negative errno: -ENOENT where there is no tracefs or no such tracepoint; -EACCES or -EPERM
 * without the right; -E2BIG with more CPUs than @n_fds; -ENOSYS and the like of perf_event_open(2). */
int tracepoint_open(int ret_fds[], size_t n_fds);
