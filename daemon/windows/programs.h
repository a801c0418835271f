/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "windows/greeting.h"

/* Reads what Windows' own programs print, and writes scripts for its PowerShell. The programs print words in
 * the user's language and encoding: only numbers, signs, and untranslated words are read. All of it is
 * untrusted; names come out as printable ASCII. A text that isn't understood leaves the outputs alone. */

/* Of `netsh int ipv4 show excludedportrange protocol=tcp`, which prints a range a line: the one that has @port, or none
 * (.last is 0). One that is @ret_administered only keeps Windows from giving its ports out, and a program may still bind
 * them (KB 812873), so that any other comes first. 0, or -EBADMSG for a text without such a table, or with more in it. */
int windows_parse_excluded_range(const char *text, uint16_t port, PortRange *ret, bool *ret_administered);

/* Of `netsh int ipv4 show dynamicport tcp`, which prints the first port and the number of ports. 0 or -EBADMSG. */
int windows_parse_dynamic_range(const char *text, PortRange *ret);

/* Of `netstat -ano`: the process that listens on TCP @port. 1, or 0 where none does; -EBADMSG for no such table. */
int windows_parse_listener(const char *text, uint16_t port, uint32_t *ret_pid);

#define WINDOWS_NAME_SIZE 33

/* Of `tasklist /FI "PID eq N" /FO CSV /NH`: that process' name. 0, or -EBADMSG; also for none, told in words. */
int windows_parse_task(const char *text, uint32_t pid, char ret_name[static WINDOWS_NAME_SIZE]);

/* How Windows starts one of its services. */
typedef enum WindowsStart {
        WINDOWS_START_UNKNOWN,
        WINDOWS_START_ABSENT, /* there is no such service */
        WINDOWS_START_AUTOMATIC,
        WINDOWS_START_MANUAL,
        WINDOWS_START_DISABLED,
        _WINDOWS_START_MAX,
} WindowsStart;

/* Of `reg query …\Services\… /v Start`. 0 or -EBADMSG. */
int windows_parse_start(const char *text, WindowsStart *ret);

/* Of `reg query "HKCU\Volatile Environment" /v USERPROFILE`: the user's folder, as Linux has it below @drives
 * ("/mnt/"). 0, or -EBADMSG where the folder isn't on a drive, doesn't fit, or isn't ASCII: nobody knows the encoding. */
int windows_parse_profile(const char *text, const char *drives, char *ret, size_t size);

#define WINDOWS_RULES_MAX 8

/* An enabled inbound rule for a port, not only for one program. */
typedef struct WindowsRule {
        bool blocks;
        char name[64];   /* for people; "?" stands for what isn't ASCII */
        char remote[64]; /* the senders: "Any", "LocalSubnet", "100.64.0.0/10"; several with commas, cut */
} WindowsRule;

typedef struct WindowsRules {
        WindowsRule rules[WINDOWS_RULES_MAX]; /* the first ones, and the last one that blocks */
        size_t n;
        bool off;     /* the firewall is off for WSL, and no rule counts */
        bool open;    /* it lets in what no rule names: DefaultInboundAction is Allow */
        bool ignored; /* only rules of a policy's count: AllowLocalFirewallRules is False */
} WindowsRules;

/* Prints the rules of both firewalls, for windows_parse_rules(). */
extern const char windows_rules_script[];

/* The rules for TCP @port. 0, or -EBADMSG where @text isn't all of what the script prints. */
int windows_parse_rules(const char *text, uint16_t port, WindowsRules *ret);

/* Returns the first rule that lets the port in, or that @blocks it for all or for the local network; NULL: none. */
const WindowsRule *windows_rules_find(const WindowsRules *rules, bool blocks);

/* A rule that blocks wins over others. */
bool windows_rules_let_in(const WindowsRules *rules);

#define WINDOWS_SCRIPT_SIZE 300

/* Writes a script that has Windows itself connect to localhost:@port, for windows_parse_greeting(). */
void windows_greeting_script(uint16_t port, char ret[static WINDOWS_SCRIPT_SIZE]);

/* GREETING_REFUSED where nobody greets. 0, or -EBADMSG where @text is neither that nor a greeting of SSH's. */
int windows_parse_greeting(const char *text, Greeting *ret);

/* Encodes @command (ASCII, with any quotes) for PowerShell's -EncodedCommand, as base64 of UTF-16LE. 0 or -E2BIG. */
int windows_encode_command(const char *command, char *ret, size_t size);

/* Writes a script that has an elevated PowerShell run @command, after Windows has asked its user, and that
 * exits with 0 if the command did, else with 1. 0 or -E2BIG. */
int windows_elevated_script(const char *command, char *ret, size_t size);
