/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What bindprobe has done in a process of its own: binds @port once or twice and closes it again. Blocks as long as Windows
 * likes. *@ret_errno is the errno behind BIND_FAILED. */
BindAnswer bindtry(uint16_t port, bool ipv6, int *ret_errno);
