/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/programs.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "sshd/packet-rules.h"

#define WORDS_MAX 32
#define DIGITS "0123456789"

/* Returns the number of words, WORDS_MAX at most. */
static size_t split(char *line, char *ret[static WORDS_MAX]) {
        size_t n = 0;

        while (n < WORDS_MAX && (ret[n] = strtok_r(line, " \t\r", &line)))
                n++;
        return n;
}

static bool parse_number(const char *word, uint32_t max, uint32_t *ret) {
        unsigned long long value = strtoull(word, NULL, 10);

        if (!*word || word[strspn(word, DIGITS)] || value > max)
                return false;
        *ret = (uint32_t) value;
        return true;
}

static void clean(char *text) {
        for (; *text; text++)
                if (*text < ' ' || *text > '~')
                        *text = '?';
}

/* ── netsh ── */

int windows_parse_excluded_range(const char *text, uint16_t port, PortRange *ret, bool *ret_administered) {
        _cleanup_free_ char *copy = strdup(text);
        PortRange found = { 0 };
        bool administered = false, is_table = false;

        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
                bool is_row = is_table && line[strcspn(line, DIGITS)];
                char *words[WORDS_MAX];
                size_t n = split(line, words);
                bool marked = n == 3 && streq(words[2], "*");
                uint32_t first, last;

                is_table = is_table || (n > 0 && startswith(words[0], "---"));
                if (is_row && ((n != 2 && !marked) || !parse_number(words[0], UINT16_MAX, &first) ||
                               !parse_number(words[1], UINT16_MAX, &last) || first > last))
                        return -EBADMSG;
                if (!is_row || port < first || port > last || (marked && found.last != 0))
                        continue;
                found = (PortRange){ .first = (uint16_t) first, .last = (uint16_t) last };
                administered = marked;
        }
        if (!is_table)
                return -EBADMSG;

        *ret = found;
        *ret_administered = administered;
        return 0;
}

int windows_parse_dynamic_range(const char *text, PortRange *ret) {
        _cleanup_free_ char *copy = strdup(text);
        uint32_t values[2];
        size_t n_values = 0;

        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
                /* NOLINTNEXTLINE(unix.Malloc): copy is freed */
                char *number = line + strcspn(line, DIGITS), *end = number + strspn(number, DIGITS);

                /* A line's only digits stand at its end. A colon before them may be a wide one, which isn't ASCII. */
                if (!*number)
                        continue;
                if (end[strspn(end, " \t\r")] || n_values == ELEMENTSOF(values) || number == line ||
                    (number[-1] > ' ' && number[-1] <= '~' && number[-1] != ':'))
                        return -EBADMSG;
                *end = '\0';
                if (!parse_number(number, UINT16_MAX + 1, &values[n_values++]))
                        return -EBADMSG;
        }
        if (n_values != ELEMENTSOF(values) || values[0] == 0 || values[1] == 0 ||
            values[0] + values[1] - 1 > UINT16_MAX)
                return -EBADMSG;

        *ret = (PortRange){ .first = (uint16_t) values[0], .last = (uint16_t) (values[0] + values[1] - 1) };
        return 0;
}

/* ── netstat and tasklist ── */

/* "0.0.0.0:22", "[::]:22" */
static bool parse_port_of(const char *word, uint32_t *ret) {
        const char *colon = strrchr(word, ':');

        return colon && colon > word && parse_number(colon + 1, UINT16_MAX, ret);
}

int windows_parse_listener(const char *text, uint16_t port, uint32_t *ret_pid) {
        _cleanup_free_ char *copy = strdup(text);
        uint32_t found = 0;
        bool is_table = false;

        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
                char *words[WORDS_MAX];
                size_t n = split(line, words);
                uint32_t local, remote, pid;

                if (n == 0 || !streq(words[0], "TCP"))
                        continue;
                /* Windows translates the word, or the words, for the state. */
                if (n < 4 || !parse_port_of(words[1], &local) || !parse_port_of(words[2], &remote) ||
                    !parse_number(words[n - 1], UINT32_MAX, &pid) ||
                    (n > 4 && isdigit((unsigned char) words[n - 2][0])))
                        return -EBADMSG; /* NOLINT(unix.Malloc): copy is freed */
                is_table = true;
                if (found == 0 && local == port && remote == 0) /* a listener */
                        found = pid;
        }
        if (found != 0)
                *ret_pid = found;
        return found != 0 ? 1 : is_table ? 0 : -EBADMSG;
}

int windows_parse_task(const char *text, uint32_t pid, char ret_name[static WINDOWS_NAME_SIZE]) {
        const char *end, *name;
        char field[16];

        snprintf(field, sizeof(field), "\",\"%u\"", pid);
        end = strstr(text, field);
        name = end ? memrchr(text, '"', (size_t) (end - text)) : NULL;
        if (!name || ++name == end)
                return -EBADMSG;
        snprintf(ret_name, WINDOWS_NAME_SIZE, "%.*s", (int) (end - name), name);
        clean(ret_name);
        return 0;
}

/* ── reg ── */

/* "    Start    REG_DWORD    0x2" */
int windows_parse_start(const char *text, WindowsStart *ret) {
        const char *line = strstr(text, " Start ");
        unsigned value;

        /* NOLINTNEXTLINE(cert-err34-c): eight digits always fit */
        if (!line || sscanf(line, " Start REG_DWORD 0x%8x", &value) != 1 || value < 2 || value > 4)
                return -EBADMSG;
        *ret = WINDOWS_START_AUTOMATIC + (WindowsStart) (value - 2);
        return 0;
}

/* "    USERPROFILE    REG_SZ    C:\Users\Name" */
int windows_parse_profile(const char *text, const char *drives, char *ret, size_t size) {
        const char *value = strstr(text, "REG_SZ");
        size_t length, used = strlen(drives);

        value = value ? value + strlen("REG_SZ") + strspn(value + strlen("REG_SZ"), " ") : "";
        length = strcspn(value, "\r\n");
        if (!isalpha((unsigned char) value[0]) || value[1] != ':' || value[2] != '\\' ||
            used + length > size)
                return -EBADMSG;
        for (size_t i = 2; i < length; i++)
                if (value[i] < ' ' || value[i] > '~' || value[i] == '/' ||
                    (value[i] == '\\' && value[i + 1] == '.'))
                        return -EBADMSG;

        memcpy(ret, drives, used);
        ret[used++] = (char) tolower((unsigned char) value[0]);
        for (size_t i = 2; i < length; i++)
                ret[used++] = value[i] == '\\' ? '/' : value[i];
        ret[used] = '\0';
        return 0;
}

/* ── the firewall ── */

#define LINE "\n"

/* Prints the rules and settings of both firewalls. The COM object has numbers where the cmdlets have words, and needs no
 * elevation. The script leaves out rules of a program, a service or an app, which aren't about WSL's traffic,
 * and those of one local address, like Tailscale's own, or of a profile that no network here has. The Hyper-V
 * firewall came with Windows 11 22H2; of WSL's settings there, the virtual machine's come before the profile's.
 * (Microsoft: netfw.h, INetFwRule3; MSFT_NetFirewallHyperVRule; New-NetFirewallHyperVVMSetting) */
const char windows_rules_script[] =
                "$ErrorActionPreference='Stop'" LINE "$ProgressPreference='SilentlyContinue'" LINE
                "function Show($kind,$ports,$remote,$name){$kind+'|'+$ports+'|'+$remote+'|'+"
                "($name -replace '[^A-Za-z0-9 ,._()-]','?')}" LINE
                "$policy=New-Object -ComObject HNetCfg.FwPolicy2" LINE "foreach($r in $policy.Rules){" LINE
                "if($r.Enabled -and $r.Direction -eq 1 -and ($r.Protocol -eq 6 -or $r.Protocol -eq 256) "
                "-and ($r.Profiles -band $policy.CurrentProfileTypes) -and '*' -eq $r.LocalAddresses "
                "-and -not $r.ApplicationName -and -not $r.serviceName -and -not $r.LocalAppPackageId){" LINE
                "Show @('block','rule')[$r.Action] $r.LocalPorts $r.RemoteAddresses $r.Name}}" LINE
                "if(Get-Command Get-NetFirewallHyperVRule -ErrorAction SilentlyContinue){" LINE
                "$id='{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}'" LINE
                "foreach($r in Get-NetFirewallHyperVRule){" LINE
                "if([int]$r.Enabled -eq 1 -and [int]$r.Direction -eq 1 -and 2,4 -contains [int]$r.Action "
                "-and 'TCP','6','Any','' -contains $r.Protocol -and $id,'Any','' -contains $r.VMCreatorId "
                "-and '*','Any','' -contains ($r.LocalAddresses -join ',')){" LINE
                "Show @{2='rule';4='block'}[[int]$r.Action] ($r.LocalPorts -join ',') "
                "($r.RemoteAddresses -join ',') $r.DisplayName}}" LINE
                "$ErrorActionPreference='SilentlyContinue'" LINE
                "$s=@(Get-NetFirewallHyperVVMSetting -PolicyStore ActiveStore -Name $id)" LINE
                "$s+=@(Get-NetFirewallHyperVProfile -PolicyStore ActiveStore|?{$_.Name -eq $id -and ("
                "$policy.CurrentProfileTypes -band "
                "@{Domain=1;Private=2;Public=4}[[string]$_.Profile])})" LINE
                "if(@($s|%{[int]$_.Enabled}|?{$_ -lt 2})[0] -eq 0){'off'}" LINE
                "if(@($s|%{[int]$_.DefaultInboundAction}|?{$_})[0] -eq 2){'open'}" LINE
                "if(@($s|?{$_.AllowLocalFirewallRules -ne $null}|%{[int]$_.AllowLocalFirewallRules}"
                "|?{$_ -lt 2})[0] -eq 0){'ignored'}}" LINE "'end'" LINE;

static bool is_any(const char *list) {
        return !*list || streq(list, "*") || streq(list, "Any");
}

/* Returns the length of the prefix that a mask stands for, or -1. */
static int mask_length(const char *mask) {
        struct in_addr address;
        uint32_t bits;

        if (inet_pton(AF_INET, mask, &address) != 1)
                return -1;
        bits = ntohl(address.s_addr);
        return (~bits & (~bits + 1)) == 0 ? __builtin_popcount(bits) : -1;
}

/* Writes "100.64.0.0/255.192.0.0" as "100.64.0.0/10". */
static void format_remote(char *list, char *ret, size_t size) {
        size_t used = 0;

        snprintf(ret, size, "%s", "Any");
        if (is_any(list))
                return;
        for (char *item; used < size - 1 && (item = strsep(&list, ","));) {
                char *slash = strchr(item, '/');
                int length = slash ? mask_length(slash + 1) : -1;

                if (length >= 0) /* shorter than any mask */
                        snprintf(slash + 1, sizeof("0.0.0.0"), "%hhu", (unsigned char) length);
                used += (size_t) snprintf(ret + used, size - used, "%s%s", used > 0 ? "," : "", item);
        }
}

/* Adds a rule, but the second time neither one that stands in both firewalls, as Windows mirrors it, nor one beyond the
 * last place, unless it blocks: that one decides. */
static void add_rule(WindowsRules *rules, const WindowsRule *rule) {
        for (size_t i = 0; i < rules->n; i++)
                if (rules->rules[i].blocks == rule->blocks && streq(rules->rules[i].name, rule->name) &&
                    streq(rules->rules[i].remote, rule->remote))
                        return;
        if (rules->n < WINDOWS_RULES_MAX)
                rules->rules[rules->n++] = *rule;
        else if (rule->blocks)
                rules->rules[WINDOWS_RULES_MAX - 1] = *rule;
}

int windows_parse_rules(const char *text, uint16_t port, WindowsRules *ret) {
        _cleanup_free_ char *copy = strdup(text);
        WindowsRules rules = { .n = 0 };
        bool whole = false;

        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
                const char *kind, *ports;
                WindowsRule rule;
                char *remote;

                line[strcspn(line, "\r")] = '\0';
                clean(line);
                whole |= streq(line, "end");
                rules.off |= streq(line, "off");
                rules.open |= streq(line, "open");
                rules.ignored |= streq(line, "ignored");
                kind = strsep(&line, "|");
                ports = strsep(&line, "|");
                remote = strsep(&line, "|");
                rule.blocks = streq(kind, "block");
                if (!line || (!rule.blocks && !streq(kind, "rule")) ||
                    (!is_any(ports) && !port_list_has(ports, port)))
                        continue;
                format_remote(remote, rule.remote, sizeof(rule.remote));
                snprintf(rule.name, sizeof(rule.name), "%s", line);
                add_rule(&rules, &rule);
        }
        if (!whole)
                return -EBADMSG;

        *ret = rules;
        return 0;
}

const WindowsRule *windows_rules_find(const WindowsRules *rules, bool blocks) {
        for (size_t i = 0; i < rules->n; i++)
                if (rules->rules[i].blocks == blocks && (!blocks || streq(rules->rules[i].remote, "Any") ||
                                                         startswith(rules->rules[i].remote, "LocalSubnet")))
                        return &rules->rules[i];
        return NULL;
}

bool windows_rules_let_in(const WindowsRules *rules) {
        if (rules->off || windows_rules_find(rules, true))
                return rules->off;
        return rules->open || (!rules->ignored && windows_rules_find(rules, false));
}

/* ── the greeting ── */

/* ::1 never leaves Windows. */
void windows_greeting_script(uint16_t port, char ret[static WINDOWS_SCRIPT_SIZE]) {
        snprintf(ret, WINDOWS_SCRIPT_SIZE,
                 "try{$c=New-Object Net.Sockets.TcpClient" LINE "$c.Connect('127.0.0.1',%u)" LINE
                 "$c.ReceiveTimeout=3000" LINE
                 "(New-Object IO.StreamReader $c.GetStream()).ReadLine()}catch{'none'}" LINE,
                 port);
}

int windows_parse_greeting(const char *text, Greeting *ret) {
        char software[GREETING_SOFTWARE_SIZE];

        if (startswith(text, "none")) {
                *ret = GREETING_REFUSED;
                return 0;
        }
        return greeting_parse(text, strlen(text), ret, software) > 0 ? 0 : -EBADMSG;
}

/* ── PowerShell ── */

int windows_encode_command(const char *command, char *ret, size_t size) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t length = 2 * strlen(command), n = 0;

        if ((length + 2) / 3 * 4 + 1 > size)
                return -E2BIG;

        for (size_t i = 0; i < length; i += 3) {
                uint32_t bits = 0;

                /* Every second byte of ASCII in UTF-16LE is 0. */
                for (size_t k = i; k < i + 3; k++)
                        bits = bits << 8 | (k < length && k % 2 == 0 ? (unsigned char) command[k / 2] : 0U);
                for (size_t k = 0; k < 4; k++)
                        ret[n++] = i + k > length ? '=' : digits[bits >> (18 - 6 * k) & 0x3f];
        }
        ret[n] = '\0';
        return 0;
}

int windows_elevated_script(const char *command, char *ret, size_t size) {
        _cleanup_free_ char *encoded = malloc(size), *script = malloc(size);
        int n;

        if (!encoded || !script)
                return -ENOMEM;
        if (windows_encode_command(command, encoded, size) < 0)
                return -E2BIG;

        /* A byte may not hold Windows' exit status, hence the 1. */
        n = snprintf(script, size,
                     "$ErrorActionPreference='Stop';$p=Start-Process -FilePath (Join-Path $PSHOME "
                     "'powershell.exe') "
                     "-ArgumentList '-NoProfile','-NonInteractive','-EncodedCommand','%s' -Verb RunAs -Wait "
                     "-PassThru;if($p.ExitCode -ne 0){exit 1};exit 0",
                     encoded);
        if (n < 0 || (size_t) n >= size)
                return -E2BIG;
        memcpy(ret, script, (size_t) n + 1);
        return 0;
}
