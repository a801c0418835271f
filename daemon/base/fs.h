/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Writes @text to @path so that at each instant, also over a power cut, the path holds either what it held
 * before or the whole of @text: a temporary file beside it, fsync, rename, fsync of the folder. The folder
 * is made (one level, 0755) where it is missing. What stands at @path is replaced, never followed.
 *
 * Returns 1 if the file was written, 0 if it already held @text, else a negative errno. */
int fs_write_if_changed(const char *path, const char *text);

/* Removes @path durably, an empty folder too, and what a write of it that was cut off has left (which doesn't
 * count). Returns 1 if it was removed, 0 if it was not there, else a
 * negative errno. */
int fs_remove(const char *path);

/* Reads a regular file of at most @size - 1 bytes into @buffer, NUL-terminated. A NUL byte inside is
 * -EBADMSG, more bytes than that -E2BIG, anything but a regular file (a symlink too) -EINVAL or -ELOOP.
 * Returns the number of bytes, else a negative errno. */
ssize_t fs_read(const char *path, char *buffer, size_t size);

/* All of what @fd reads, less than @size bytes of it, as it is: nothing is added. Returns how many, -E2BIG where there
 * are more, or another negative errno. */
ssize_t fs_read_fd(int fd, char *buffer, size_t size);

/* Removes what a write of @path that was cut off has left. Returns 1, 0 or a negative errno, as above. */
int fs_clean(const char *path);
