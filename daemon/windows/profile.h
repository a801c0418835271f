/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "windows/wslconfig.h"

/* The Windows user's folder, as WSL mounts it. Each call may wait for Windows, which may be for ever: for a process that
 * somebody else ends. */

/* Finds .wslconfig: in @profile, a folder, where that isn't NULL; else in the only folder of @users ("/mnt/c/Users") that
 * has one, or that could have one. Returns 1 with its path and text (WSLCONFIG_SIZE_MAX), 0 where there is none, with the
 * path it would have, or a negative errno: -ENOTUNIQ where more than one folder is as good. */
int winprofile_read(const char *users, const char *profile, char *ret_path, size_t path_size,
                    char ret_text[static WSLCONFIG_SIZE_MAX], bool *ret_wide);
