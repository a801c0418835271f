/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* What Windows' own programs print, and what is said to its PowerShell. The words are in the user's language
 * and encoding: only numbers, signs, and what isn't translated are read. All of it is untrusted; names come
 * out as printable ASCII. What isn't understood leaves the outputs alone. */

/* `netsh int ipv4 show excludedportrange protocol=tcp`: a range a line. At most @size of them go to @ret.
 * Returns how many there are. */
size_t windows_parse_excluded_ranges(const char *text, PortRange *ret, size_t size);

/* `netsh int ipv4 show dynamicport tcp`: the first port, and how many. 0 or -EBADMSG. */
int windows_parse_dynamic_range(const char *text, PortRange *ret);

/* `netstat -ano -p TCP` (or TCPv6): which process listens on @port. 1, or 0 where none does. */
int windows_parse_listener(const char *text, uint16_t port, uint32_t *ret_pid);

#define WINDOWS_NAME_SIZE 33

/* `tasklist /FI "PID eq N" /FO CSV /NH`: what that process is called. 1, or 0 where it isn't there. */
int windows_parse_task(const char *text, uint32_t pid, char ret_name[static WINDOWS_NAME_SIZE]);

/* How a service of Windows' is started. */
typedef enum WindowsStart {
        WINDOWS_START_UNKNOWN,
        WINDOWS_START_ABSENT, /* there is no such service */
        WINDOWS_START_AUTOMATIC,
        WINDOWS_START_MANUAL,
        WINDOWS_START_DISABLED,
        _WINDOWS_START_MAX,
} WindowsStart;

DECLARE_WORDS(windows_start, WindowsStart);

/* `reg query …\Services\… /v Start`. 0 or -EBADMSG. */
int windows_parse_start(const char *text, WindowsStart *ret);

/* `reg query "HKCU\Volatile Environment" /v USERPROFILE`: the user's folder, as Linux has it below @drives
 * ("/mnt/"). 0, or -EBADMSG where it isn't on a drive, doesn't fit, or has a name that isn't ASCII: it comes in an
 * encoding that nobody knows. */
int windows_parse_profile(const char *text, const char *drives, char *ret, size_t size);

#define WINDOWS_RULES_MAX 8

/* An enabled inbound rule that allows a port, for no one program. */
typedef struct WindowsRule {
        char name[64];   /* for people; "?" for what isn't ASCII */
        char remote[64]; /* from where: "Any", "LocalSubnet", "100.64.0.0/10", or several with commas, cut */
} WindowsRule;

typedef struct WindowsRules {
        WindowsRule rules[WINDOWS_RULES_MAX];
        size_t n; /* at most so many; further ones are passed over */
} WindowsRules;

/* Prints what windows_parse_rules() reads, of both firewalls. */
extern const char windows_rules_script[];

/* The rules that let TCP @port in. 0, or -EBADMSG where it isn't the whole of what the script prints. */
int windows_parse_rules(const char *text, uint16_t port, WindowsRules *ret);

/* @command (ASCII) for PowerShell's -EncodedCommand, whatever quotes it has: base64 of UTF-16LE. 0 or
 * -E2BIG. */
int windows_encode_command(const char *command, char *ret, size_t size);

/* What has PowerShell run @command in an elevated one, after Windows has asked the user, and end as that
 * did. 0 or -E2BIG. */
int windows_elevated_script(const char *command, char *ret, size_t size);
