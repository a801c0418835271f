/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* The process of windows/bindprobe calls this, without libsystemd, which takes longer to load than bind() to
 * answer. Binds @port of @address ("::", "0.0.0.0" or another IPv4 one) once or a few times, and closes it again. Blocks for as long as Windows takes to answer.
 * *@ret_errno is the errno behind BIND_FAILED, else 0. */
BindAnswer bindtry(const char *address, uint16_t port, int *ret_errno);
