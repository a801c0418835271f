/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "process/child.h"
#include "windows/greeting.h"

/* A helper process connects and reads. @timeout in µs, for all of it. @handler reads its result with greeter_read().
 * Returns 0 or a negative errno. */
int greeter_start(sd_event *event, uint16_t port, usec_t timeout, ChildHandler handler, void *userdata,
                  Child **ret);

/* HOLDER_WINDOWS_OPENSSH or HOLDER_WINDOWS, and what greets, in printable ASCII, in @ret_detail; HOLDER_NONE if
 * nothing listens; HOLDER_UNKNOWN without an answer. */
Holder greeter_read(const ChildResult *result, char ret_detail[static GREETING_SOFTWARE_SIZE]);
