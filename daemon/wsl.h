/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model.h"

/* Whether this is WSL at all, by the text of /proc/sys/kernel/osrelease, as systemd tells it
 * (src/basic/virt.c): MODE_UNKNOWN where it is WSL 2, whose mode remains to be found, MODE_WSL1, or
 * MODE_NOT_WSL. A kernel that someone built themselves and named otherwise passes for MODE_NOT_WSL. */
NetworkingMode wsl_release_to_mode(const char *release);

/* The same, of what the file @path holds. 0, or a negative errno. */
int wsl_detect(const char *path, NetworkingMode *ret);
