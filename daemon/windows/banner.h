/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* More than this is never read of a greeting. RFC 4253 section 4.2 allows other lines before the version
 * line, each of these at most 255 bytes with CR LF; OpenSSH gives up after 1024 of them, we much sooner. */
#define BANNER_SIZE_MAX 4096

typedef struct Banner {
        bool windows_openssh;
        char software[41]; /* printable ASCII without blanks, cut; the part that names program and version */
} Banner;

/* Reads a server's greeting, which is untrusted and may be incomplete.
 *
 * Returns 1 and *@ret once the version line is there, 0 if more has to be read, -EBADMSG if this isn't SSH.
 * Sources: RFC 4253 section 4.2; PowerShell/openssh-portable version.h (`OpenSSH_for_Windows_…`, which no
 * setting changes; before that `OpenSSH_7.1p1 Microsoft_Win32_port…`). */
int banner_parse(const char *data, size_t size, Banner *ret);
