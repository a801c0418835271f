/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/model.h"

/* `wslinfo --networking-mode`: WSL's own word for the mode that is running. It needs no root, no environment
 * and no interop, but it asks a process of WSL's, so it has a deadline. (microsoft/WSL, util.cpp) */

typedef struct WslInfo WslInfo;

/* Called once, unless freed before; may free it. MODE_UNKNOWN: it gave no answer, or not one we know. */
typedef void (*WslInfoHandler)(NetworkingMode mode, void *userdata);

/* @timeout in µs. Returns 0, -ENOENT where WSL has no such program, or another negative errno. */
int wslinfo_start(sd_event *event, usec_t timeout, WslInfoHandler handler, void *userdata, WslInfo **ret);

WslInfo *wslinfo_free(WslInfo *info);
DEFINE_TRIVIAL_CLEANUP(WslInfo *, wslinfo_free);

/* The mode in what it printed: the first line, one word of its own. */
NetworkingMode wslinfo_parse(const char *output);
