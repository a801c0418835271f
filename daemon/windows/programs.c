/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/programs.h"

#include <arpa/inet.h>
#include <ctype.h>

#define TOKENS_MAX 8

typedef struct Token {
        const char *text;
        size_t length;
} Token;

static bool is_space(char c) {
        return is_blank(c) || c == '\r';
}

/* Splits a line into words. *@ret_last is the last word. Returns the number of words, TOKENS_MAX at most. */
static size_t split(const char *line, Token ret[static TOKENS_MAX], Token *ret_last) {
        size_t n = 0;

        *ret_last = (Token){ .text = line };
        for (;;) {
                Token token;

                while (is_space(*line))
                        line++;
                token.text = line;
                while (*line && *line != '\n' && !is_space(*line))
                        line++;
                token.length = (size_t) (line - token.text);
                if (token.length == 0)
                        return n;
                if (n < TOKENS_MAX)
                        ret[n++] = token;
                *ret_last = token;
        }
}

static bool token_is(Token token, const char *word) {
        return token.length == strlen(word) && memcmp(token.text, word, token.length) == 0;
}

static bool parse_number(Token token, uint32_t max, uint32_t *ret) {
        uint64_t value = 0;

        if (token.length == 0 || token.length > 10)
                return false;
        for (size_t i = 0; i < token.length; i++) {
                if (token.text[i] < '0' || token.text[i] > '9')
                        return false;
                value = value * 10 + (uint64_t) (token.text[i] - '0');
        }
        if (value > max)
                return false;
        *ret = (uint32_t) value;
        return true;
}

static void copy_printable(const char *text, size_t length, char *ret, size_t size) {
        size_t n = 0;

        for (; n < length && n < size - 1; n++)
                ret[n] = text[n] >= ' ' && text[n] < 0x7f ? text[n] : '?';
        ret[n] = '\0';
}

/* ── netsh ── */

size_t windows_parse_excluded_ranges(const char *text, PortRange *ret, size_t size) {
        size_t found = 0;

        LINES_FOREACH(line, text) {
                Token tokens[TOKENS_MAX], last;
                size_t n = split(line, tokens, &last);
                uint32_t first, end;

                /* "*" marks a range that an administrator has made. */
                if ((n != 2 && !(n == 3 && token_is(tokens[2], "*"))) ||
                    !parse_number(tokens[0], UINT16_MAX, &first) ||
                    !parse_number(tokens[1], UINT16_MAX, &end) || first > end)
                        continue;
                if (found < size)
                        ret[found] = (PortRange){ .first = (uint16_t) first, .last = (uint16_t) end };
                found++;
        }
        return found;
}

int windows_parse_dynamic_range(const char *text, PortRange *ret) {
        uint32_t values[2], number;
        size_t n = 0;

        LINES_FOREACH(line, text) {
                Token tokens[TOKENS_MAX], last;

                if (split(line, tokens, &last) < 2 || !parse_number(last, UINT16_MAX + 1, &number))
                        continue;
                if (n == ELEMENTSOF(values))
                        return -EBADMSG;
                values[n++] = number;
        }
        if (n != ELEMENTSOF(values) || values[0] == 0 || values[1] == 0 ||
            values[0] + values[1] - 1 > UINT16_MAX)
                return -EBADMSG;

        *ret = (PortRange){ .first = (uint16_t) values[0], .last = (uint16_t) (values[0] + values[1] - 1) };
        return 0;
}

/* ── netstat and tasklist ── */

/* "0.0.0.0:22", "[::]:22" */
static bool parse_port_of(Token token, uint32_t *ret) {
        const char *colon = memrchr(token.text, ':', token.length);

        return colon && colon > token.text &&
               parse_number((Token){ .text = colon + 1,
                                     .length = (size_t) (token.text + token.length - colon - 1) },
                            UINT16_MAX, ret);
}

int windows_parse_listener(const char *text, uint16_t port, uint32_t *ret_pid) {
        LINES_FOREACH(line, text) {
                Token tokens[TOKENS_MAX], last;
                uint32_t local, remote, pid;

                /* A listener has the remote port 0; Windows translates the word for its state. */
                if (split(line, tokens, &last) < 4 || !token_is(tokens[0], "TCP") ||
                    !parse_port_of(tokens[1], &local) || local != port ||
                    !parse_port_of(tokens[2], &remote) || remote != 0 ||
                    !parse_number(last, UINT32_MAX, &pid) || pid == 0)
                        continue;
                *ret_pid = pid;
                return 1;
        }
        return 0;
}

/* Reads a field in quotes, and moves *@line behind it. */
static bool parse_field(const char **line, Token *ret) {
        const char *end;

        if (**line != '"')
                return false;
        end = strpbrk(*line + 1, "\"\n");
        if (!end || *end != '"')
                return false;
        *ret = (Token){ .text = *line + 1, .length = (size_t) (end - *line - 1) };
        *line = end + 1;
        return true;
}

int windows_parse_task(const char *text, uint32_t pid, char ret_name[static WINDOWS_NAME_SIZE]) {
        LINES_FOREACH(line, text) {
                const char *rest = line;
                Token name, number;
                uint32_t value;

                if (!parse_field(&rest, &name) || *rest++ != ',' || !parse_field(&rest, &number) ||
                    !parse_number(number, UINT32_MAX, &value) || value != pid || name.length == 0)
                        continue;
                copy_printable(name.text, name.length, ret_name, WINDOWS_NAME_SIZE);
                return 1;
        }
        return 0;
}

/* ── reg ── */

int windows_parse_start(const char *text, WindowsStart *ret) {
        static const char *const values[] = { [WINDOWS_START_AUTOMATIC] = "0x2",
                                              [WINDOWS_START_MANUAL] = "0x3",
                                              [WINDOWS_START_DISABLED] = "0x4" };

        LINES_FOREACH(line, text) {
                Token tokens[TOKENS_MAX], last;

                if (split(line, tokens, &last) != 3 || !token_is(tokens[0], "Start") ||
                    !token_is(tokens[1], "REG_DWORD"))
                        continue;
                for (WindowsStart start = WINDOWS_START_AUTOMATIC; start < _WINDOWS_START_MAX; start++)
                        if (token_is(last, values[start])) {
                                *ret = start;
                                return 0;
                        }
        }
        return -EBADMSG;
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

/* Prints the rules of both firewalls. The COM object has numbers where the cmdlets have words, and needs no
 * elevation. The script leaves out rules of a program, a service or an app, which don't let WSL's traffic in,
 * and those of one local address, like Tailscale's own, or of a profile that no network here has. The Hyper-V
 * firewall came with Windows 11 22H2. (Microsoft: netfw.h, INetFwRule3; MSFT_NetFirewallHyperVRule) */
const char windows_rules_script[] =
                "$ErrorActionPreference='Stop'" LINE "$ProgressPreference='SilentlyContinue'" LINE
                "function Show($ports,$remote,$name){'rule|'+$ports+'|'+$remote+'|'+"
                "($name -replace '[^A-Za-z0-9 ,._()-]','?')}" LINE
                "$policy=New-Object -ComObject HNetCfg.FwPolicy2" LINE "foreach($r in $policy.Rules){" LINE
                "if($r.Enabled -and $r.Direction -eq 1 -and $r.Action -eq 1 -and ($r.Protocol -eq 6 -or "
                "$r.Protocol -eq 256) "
                "-and ($r.Profiles -band $policy.CurrentProfileTypes) -and '*' -eq $r.LocalAddresses "
                "-and -not $r.ApplicationName -and -not $r.serviceName -and -not $r.LocalAppPackageId){" LINE
                "Show $r.LocalPorts $r.RemoteAddresses $r.Name}}" LINE
                "if(Get-Command Get-NetFirewallHyperVRule -ErrorAction SilentlyContinue){" LINE
                "foreach($r in Get-NetFirewallHyperVRule){" LINE
                "if([int]$r.Enabled -eq 1 -and [int]$r.Direction -eq 1 -and [int]$r.Action -eq 2 -and "
                "'TCP','6','Any','' -contains $r.Protocol -and "
                "'*','Any','' -contains ($r.LocalAddresses -join ',') -and "
                "'{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}','Any','' -contains $r.VMCreatorId){" LINE
                "Show ($r.LocalPorts -join ',') ($r.RemoteAddresses -join ',') $r.DisplayName}}}" LINE
                "'end'" LINE;

static bool is_any(Token token) {
        return token.length == 0 || token_is(token, "*") || token_is(token, "Any");
}

/* Takes the next item of a list off its beginning. Returns false at its end. */
static bool next_item(Token *list, char separator, Token *ret) {
        const char *end;

        if (!list->text)
                return false;
        end = memchr(list->text, separator, list->length);
        *ret = (Token){ .text = list->text, .length = end ? (size_t) (end - list->text) : list->length };
        *list = end ? (Token){ .text = end + 1, .length = list->length - ret->length - 1 } : (Token){ 0 };
        return true;
}

static bool has_port(Token list, uint16_t port) {
        Token range, first;

        if (is_any(list))
                return true;
        while (next_item(&list, ',', &range)) {
                uint32_t from, to;

                (void) next_item(&range, '-', &first);
                if (parse_number(first, UINT16_MAX, &from) &&
                    parse_number(range.text ? range : first, UINT16_MAX, &to) && port >= from && port <= to)
                        return true;
        }
        return false;
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
static void format_remote(Token list, char *ret, size_t size) {
        size_t used = 0;
        Token item;

        snprintf(ret, size, "%s", "Any");
        if (is_any(list))
                return;
        while (next_item(&list, ',', &item) && used < size - 1) {
                char address[64], *slash;
                int length;

                copy_printable(item.text, item.length, address, sizeof(address));
                slash = strchr(address, '/');
                length = slash ? mask_length(slash + 1) : -1;
                if (length >= 0)
                        snprintf(slash + 1, sizeof(address) - (size_t) (slash + 1 - address), "%d", length);
                used += (size_t) snprintf(ret + used, size - used, "%s%s", used > 0 ? "," : "", address);
        }
}

int windows_parse_rules(const char *text, uint16_t port, WindowsRules *ret) {
        WindowsRules rules = { .n = 0 };
        bool whole = false;

        LINES_FOREACH(line, text) {
                Token rest = { .text = line, .length = strcspn(line, "\r\n") }, kind, ports, remote;
                WindowsRule *rule;

                whole |= token_is(rest, "end");
                if (rules.n == WINDOWS_RULES_MAX || !next_item(&rest, '|', &kind) ||
                    !token_is(kind, "rule") || !next_item(&rest, '|', &ports) ||
                    !next_item(&rest, '|', &remote) || !rest.text || !has_port(ports, port))
                        continue;
                rule = &rules.rules[rules.n++];
                format_remote(remote, rule->remote, sizeof(rule->remote));
                copy_printable(rest.text, rest.length, rule->name, sizeof(rule->name));
        }
        if (!whole)
                return -EBADMSG;

        *ret = rules;
        return 0;
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
