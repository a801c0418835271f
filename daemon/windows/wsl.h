/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* Whether this is WSL at all, by what systemd was started in (WSL says "wsl", and systemd hands it on in
 * /run/systemd/container) or else by the kernel's release, as systemd tells it (src/basic/virt.c): MODE_UNKNOWN where it
 * is WSL 2, whose mode remains to be found, MODE_WSL1, or MODE_NOT_WSL. Without systemd, a kernel that someone built
 * themselves and named otherwise passes for MODE_NOT_WSL. */
NetworkingMode wsl_mode(const char *container, const char *release);

/* The same, of this machine. 0, or a negative errno. */
int wsl_detect(NetworkingMode *ret);
