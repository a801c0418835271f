/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Writes @text to @path so that at each instant, also over a power cut, the path holds either what it held
 * before or the whole of @text: a temporary file beside it, fsync, rename, fsync of the folder. The folder
 * is made (one level, 0755) where it is missing. A file or link at @path is replaced, never followed.
 *
 * Returns 1 if the file was written, 0 if it already held @text, else a negative errno. */
int fs_write_if_changed(const char *path, const char *text);

/* Removes @path durably, an empty folder too, and the temporary file of a write that was cut off. Returns 1
 * if @path was removed, 0 if it was not there, else a negative errno. */
int fs_remove(const char *path);

/* Removes each file that @pattern (glob(7), with braces) has, but @spared (NULL: none), and its folder where
 * that is empty then. Returns 1 if a file was removed, 0, or the first error, after it has tried all. */
int fs_remove_all(const char *pattern, const char *spared);

/* Reads a regular file of at most @size - 1 bytes into @buffer, NUL-terminated. A NUL byte in it is
 * -EBADMSG, a larger file -E2BIG, anything but a regular file (a symbolic link too) -EINVAL or -ELOOP.
 * Returns the number of bytes, else a negative errno. */
ssize_t fs_read(const char *path, char *buffer, size_t size);
ssize_t fs_read_at(int folder_fd, const char *name, char *buffer, size_t size);

/* Opens a folder whose absolute @path has no symbolic link in it. Returns a descriptor or a negative errno. */
int fs_open_folder(const char *path);

/* As fs_read_at(), for any bytes, and without a NUL at the end. @flags: O_NOFOLLOW, or 0: a link is followed. */
ssize_t fs_read_bytes_at(int folder_fd, const char *name, int flags, char *buffer, size_t size);

/* The same for a path, and a symbolic link is followed. */
ssize_t fs_read_bytes(const char *path, char *buffer, size_t size);
