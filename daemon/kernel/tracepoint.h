/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The kernel's tracepoint sock:inet_sock_set_state as perf events, one for each CPU that is online, each disabled and
 * without a filter. They are the caller's. Returns how many; -ENOENT where no tracefs is mounted or no such tracepoint is
 * there; -E2BIG where there are more CPUs than @n_fds; and what perf_event_open(2) lists. Needs CAP_PERFMON; where there
 * is a helper, that one has it. */
int tracepoint_open(int ret_fds[], size_t n_fds);
