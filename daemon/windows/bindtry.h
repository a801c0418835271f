/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* The process of windows/bindprobe calls this, without libsystemd, which takes longer to load than bind() to
 * answer. Binds @port once or a few times, and closes it again. Blocks for as long as Windows takes to answer.
 * *@ret_errno is the errno behind BIND_FAILED, else 0. */
BindAnswer bindtry(uint16_t port, bool ipv6, int *ret_errno);
