/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "windows/wslconfig.h"

/* Finds and reads .wslconfig in the Windows user's folder, which WSL mounts: in @profile, a folder, or for
 * NULL in the only folder of @users ("/mnt/c/Users") that has the file or could have it. Returns 1 with the
 * file's path and text, 0 with the path of a missing file, or a negative errno: -ENOTUNIQ where several
 * folders are as good. Neither the file nor a folder of its path may be a symbolic link: any user may write
 * there, and root reads. It may wait for Windows for ever: only for a process that somebody else ends. */
int profile_read(const char *users, const char *profile, char *ret_path, size_t path_size,
                 char ret_text[static WSLCONFIG_SIZE_MAX], bool *ret_wide);
