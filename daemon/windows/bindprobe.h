/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/model.h"

/* Whether a port can be bound, found out by binding it, in a helper process: under WSL a bind() waits until
 * Windows has answered, which may be never, and nothing but a kill ends the wait.
 *
 * To be used only where sshd is about to bind that very port: an allowed bind takes the port from Windows,
 * for at least as long as sshd doesn't have it, at most 60 s. (microsoft/WSL, GnsPortTracker.cpp) */

typedef struct BindProbe BindProbe;

/* Called once, unless the probe is freed before; the probe may be freed in it. @detail is an errno's name
 * where the answer is BIND_FAILED, else "". */
typedef void (*BindProbeHandler)(uint16_t port, BindAnswer answer, const char *detail, void *userdata);

/* @ipv6: try :: (for an sshd that is IPv6 only), else 0.0.0.0; Windows' answer is the same for both.
 * @timeout in µs. Returns 0 or a negative errno. */
int bindprobe_start(sd_event *event, uint16_t port, bool ipv6, usec_t timeout, BindProbeHandler handler,
                    void *userdata, BindProbe **ret);

BindProbe *bindprobe_free(BindProbe *probe);
DEFINE_TRIVIAL_CLEANUP(BindProbe *, bindprobe_free);
