/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What its user has told WSL, in two files of one form: Windows' %USERPROFILE%\.wslconfig, for the
 * virtual machine, and /etc/wsl.conf, for the distro. The form (microsoft/WSL, configfile.cpp): [section]
 * and key = value, their names in letters and digits and in any case, '#' comments, quotes, a backslash
 * before the end of a line that goes on, before another and before a quote. WSL passes over any other line (but for
 * "\b", "\n" and "\t", which no value here needs), and takes the first of several values for a key. */

/* ── the form ── */

#define WSLCONFIG_SIZE_MAX ((size_t) 64 * 1024)

/* Makes text of @data, which may be UTF-8 with a byte order mark, or UTF-16 as PowerShell writes it (then
 * *@ret_wide is true). NUL ends the text; '?' stands for NUL bytes, and in UTF-16 for all that isn't ASCII.
 * Returns 0, or -E2BIG. */
int wslconfig_decode(const char *data, size_t size, char *ret, size_t ret_size, bool *ret_wide);

/* The lines, counted from 1, on which a key is or could be put. */
typedef struct WslSetting {
        unsigned line;         /* 0: the file doesn't have the key */
        unsigned section_line; /* 0: nor its section */
} WslSetting;

#define WSLCONFIG_VALUE_SIZE 512

/* Finds the first value of a key. Returns false where there is none, or one that doesn't fit. */
bool wslconfig_get(const char *text, const char *section, const char *key, WslSetting *ret_setting,
                   char ret[static WSLCONFIG_VALUE_SIZE]);

/* ── .wslconfig ── */

#define WSLCONFIG_PORTS_MAX 64

typedef struct WslConfig {
        WslSetting networking_mode, ignored_ports, instance_idle_timeout, vm_idle_timeout;
        NetworkingMode mode; /* MODE_UNKNOWN where it isn't given, or isn't a word that we know */
        uint16_t ports[WSLCONFIG_PORTS_MAX];
        size_t n_ports;
        bool host_address_loopback; /* Windows itself reaches WSL by its addresses, not only by localhost */
        int instance_idle_msec, vm_idle_msec; /* negative: never; WSL's defaults where they aren't given */
} WslConfig;

#define WSLCONFIG_INSTANCE_IDLE_MSEC 15000
#define WSLCONFIG_VM_IDLE_MSEC 60000

void wslconfig_parse(const char *text, WslConfig *ret);

/* Finds and reads .wslconfig in the Windows user's folder, which WSL mounts: in @profile, a folder, or for
 * NULL in the only folder of @users ("/mnt/c/Users") that has the file or could have it. Returns 1 with the
 * file's path and text, 0 with the path of a missing file, or a negative errno: -ENOTUNIQ where several
 * folders are as good. Neither the file nor a folder of its path may be a symbolic link: any user may write
 * there, and root reads. It may wait for Windows for ever: only for a process that somebody else ends. */
int profile_read(const char *users, const char *profile, char *ret_path, size_t path_size,
                 char ret_text[static WSLCONFIG_SIZE_MAX], bool *ret_wide);

/* ── /etc/wsl.conf ── */

#define WSL_CONF_ROOT_SIZE 200

typedef struct WslConf {
        WslSetting systemd;            /* [boot] systemd */
        bool automount;                /* [automount] enabled: Windows' drives are mounted */
        bool interop;                  /* [interop] enabled: Windows' programs can be run */
        char root[WSL_CONF_ROOT_SIZE]; /* [automount] root: the folder of the drives, ending in a slash */
} WslConf;

/* @text may be anything. (microsoft/WSL, WslDistributionConfig.h) */
void wsl_conf_parse(const char *text, WslConf *ret);

/* Reads the file, which may be missing, but not if it is a symbolic link: that could lead to where reading
 * hangs. On failure, a negative errno, *@ret has the defaults. */
int wsl_conf_read(WslConf *ret);
