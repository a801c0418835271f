/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What WSL is told by its user: %USERPROFILE%\.wslconfig of Windows, for the virtual machine, and /etc/wsl.conf, for the
 * distro. Both have one form (microsoft/WSL, configfile.cpp): [section] and key = value in letters and digits, names in
 * any case, '#' comments, quotes, a backslash before the end of a line that goes on. A line that isn't so is passed
 * over, and of a key that stands there twice the first counts. */

#define WSLCONFIG_SIZE_MAX ((size_t) 64 * 1024)
#define WSLCONFIG_PORTS_MAX 64

/* Writes @data, which may be UTF-8 with a byte order mark, or UTF-16 as PowerShell writes it, to @ret as text: NUL-terminated,
 * what isn't ASCII and NUL bytes as '?' where it was UTF-16. *@ret_wide: it was. Returns 0, or -E2BIG. */
int wslconfig_decode(const char *data, size_t size, char *ret, size_t ret_size, bool *ret_wide);

/* The first value of a key, and its line, counted from 1. Returns 1, 0 where there is none, or -E2BIG for a value that
 * doesn't fit. */
int wslconfig_get(const char *text, const char *section, const char *key, char *ret, size_t size,
                  unsigned *ret_line);

/* The line of the first [section], 0 where there is none. */
unsigned wslconfig_find_section(const char *text, const char *section);

/* A key: .line is 0 where it isn't given, and then .section_line tells where it could be put, 0 for nowhere yet. */
typedef struct WslSetting {
        unsigned line, section_line;
} WslSetting;

/* What of .wslconfig matters here. */
typedef struct WslConfig {
        WslSetting networking_mode, ignored_ports, instance_idle_timeout, vm_idle_timeout;
        NetworkingMode mode; /* MODE_UNKNOWN: not given, or not a word of ours */
        uint16_t ports[WSLCONFIG_PORTS_MAX];
        size_t n_ports;
        int instance_idle_msec, vm_idle_msec; /* negative: never; WSL's own where they aren't given */
} WslConfig;

#define WSLCONFIG_INSTANCE_IDLE_MSEC 15000
#define WSLCONFIG_VM_IDLE_MSEC 60000

void wslconfig_parse(const char *text, WslConfig *ret);
