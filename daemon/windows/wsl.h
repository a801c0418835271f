/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "process/child.h"

/* Whether this is WSL, and what WSL itself calls its networking mode. */

/* @container is what systemd was started in: WSL says "wsl", and systemd hands the word on in
 * /run/systemd/container. @release is the kernel's, which systemd reads likewise (src/basic/virt.c). Returns
 * MODE_UNKNOWN for WSL 2, whose mode remains to be found, MODE_WSL1, or MODE_NOT_WSL. Without systemd, a
 * kernel that somebody built and named otherwise passes for MODE_NOT_WSL. */
NetworkingMode wsl_mode(const char *container, const char *release);

/* The same for this machine. 0, or a negative errno. */
int wsl_detect(NetworkingMode *ret);

/* Runs `wslinfo --networking-mode`, which tells the mode in force. The program needs no root, no environment
 * and no interop, but it asks a process of WSL's, hence the deadline. (microsoft/WSL, util.cpp) @timeout in
 * µs. @handler makes a mode of the output with wslinfo_parse(). Returns 0, -ENOENT where WSL has no such
 * program, or another negative errno. */
int wslinfo_start(sd_event *event, usec_t timeout, ChildHandler handler, void *userdata, Child **ret);

/* The mode in what the program printed, whose first line is one word; MODE_UNKNOWN for any other text. */
NetworkingMode wslinfo_parse(const char *output);
