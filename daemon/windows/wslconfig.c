/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

#include "base/fs.h"

int wslconfig_decode(const char *data, size_t size, char *ret, size_t ret_size, bool *ret_wide) {
        const unsigned char *bytes = (const unsigned char *) data;
        bool wide = size >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe;
        size_t used = 0, i = wide ? 2 : size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        if ((wide ? (size - i) / 2 : size - i) >= ret_size)
                return -E2BIG;

        for (; wide ? i + 1 < size : i < size; i += wide ? 2 : 1) {
                bool plain = bytes[i] != 0 && (!wide || (bytes[i] < 0x80 && bytes[i + 1] == 0));

                ret[used++] = plain ? data[i] : '?';
        }
        ret[used] = '\0';
        *ret_wide = wide;
        return 0;
}

static bool is_end(char c) {
        return c == '\0' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *s) {
        return s + strspn(s, " \t");
}

/* The text behind @name, or NULL where @s begins with another name. */
static const char *skip_name(const char *s, const char *name) {
        size_t length = strlen(name);

        return strncasecmp(s, name, length) == 0 && !isalnum((unsigned char) s[length]) ? s + length : NULL;
}

static bool is_section(const char *s, const char *name) {
        const char *end = skip_name(s + 1, name);

        if (!end || *end != ']')
                return false;
        end = skip_blanks(end + 1);
        return is_end(*end) || *end == '#';
}

/* Moves *@s, and *@line with it, to the end of the value. False for one that is wrong or doesn't fit. */
static bool read_value(const char **s, unsigned *line, char ret[static WSLCONFIG_VALUE_SIZE]) {
        size_t length = 0, trimmed = 0;
        bool quoted = false;

        for (; !is_end(**s) && (quoted || **s != '#'); (*s)++) {
                bool escaped = **s == '\\', blank = is_blank(**s);

                *s += escaped;
                *s += escaped && **s == '\r' && (*s)[1] == '\n';
                if (escaped && **s == '\n') /* the value goes on in the next line */
                        (*line)++;
                else if (!escaped && **s == '"')
                        quoted = !quoted;
                else if ((escaped && **s != '\\' && **s != '"') || length == WSLCONFIG_VALUE_SIZE - 1)
                        return false;
                else
                        ret[length++] = **s;
                if (!blank)
                        trimmed = length;
        }
        ret[trimmed] = '\0';
        return !quoted;
}

bool wslconfig_get(const char *text, const char *section, const char *key, WslSetting *ret_setting,
                   char ret[static WSLCONFIG_VALUE_SIZE]) {
        char value[WSLCONFIG_VALUE_SIZE];
        bool is_here = false, is_wanted;
        unsigned line = 1, first;

        *ret_setting = (WslSetting){ 0 };
        for (const char *s = text; *s; s = line_next(s), line++) {
                s = skip_blanks(s);
                if (*s == '[') {
                        is_here = is_section(s, section);
                        if (is_here && ret_setting->section_line == 0)
                                ret_setting->section_line = line;
                        continue;
                }
                is_wanted = is_here && skip_name(s, key);
                while (isalnum((unsigned char) *s))
                        s++;
                s = skip_blanks(s);
                if (*s != '=')
                        continue;
                s = skip_blanks(s + 1);
                first = line;
                if (read_value(&s, &line, value) && is_wanted) {
                        strcpy(ret, value);
                        ret_setting->line = first;
                        return true;
                }
        }
        return false;
}

/* ── .wslconfig and wsl.conf ── */

static void get_number(const char *text, const char *section, const char *key, WslSetting *ret,
                       int *ret_number) {
        char value[WSLCONFIG_VALUE_SIZE], *end;
        long number;

        if (!wslconfig_get(text, section, key, ret, value))
                return;
        errno = 0;
        number = strtol(value, &end, 0);
        if (value[0] && !*end && errno == 0 && number >= INT_MIN && number <= INT_MAX)
                *ret_number = (int) number;
}

/* Reads each port as std::stoi() does, which ignores blanks before the number and anything behind it. */
static void get_ports(const char *text, WslConfig *config) {
        char value[WSLCONFIG_VALUE_SIZE], *rest = value, *part;

        if (!wslconfig_get(text, "experimental", "ignoredPorts", &config->ignored_ports, value))
                return;
        while ((part = strsep(&rest, ","))) {
                long number = strtol(part, NULL, 10);

                if (number > 0 && number <= UINT16_MAX && config->n_ports < WSLCONFIG_PORTS_MAX)
                        config->ports[config->n_ports++] = (uint16_t) number;
        }
}

/* Two sections may have the key. WSL takes the value that comes first. */
static void get_mode(const char *text, WslConfig *config) {
        WslSetting experimental, *first = &config->networking_mode;
        char value[WSLCONFIG_VALUE_SIZE] = "", other[WSLCONFIG_VALUE_SIZE];
        bool found = wslconfig_get(text, "wsl2", "networkingMode", first, value);

        if (wslconfig_get(text, "experimental", "networkingMode", &experimental, other) &&
            (!found || experimental.line < first->line)) {
                first->line = experimental.line;
                memcpy(value, other, sizeof(value));
        }
        for (char *c = value; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        if (networking_mode_from_string(value, &config->mode) < 0 || config->mode >= MODE_WSL1)
                config->mode = MODE_UNKNOWN;
}

static void get_bool(const char *text, const char *section, const char *key, bool *ret) {
        char value[WSLCONFIG_VALUE_SIZE];
        WslSetting setting;

        if (!wslconfig_get(text, section, key, &setting, value))
                return;
        if (streq(value, "1") || strcasecmp(value, "true") == 0)
                *ret = true;
        else if (streq(value, "0") || strcasecmp(value, "false") == 0)
                *ret = false;
}

void wslconfig_parse(const char *text, WslConfig *ret) {
        WslConfig config = {
                .instance_idle_msec = WSLCONFIG_INSTANCE_IDLE_MSEC,
                .vm_idle_msec = WSLCONFIG_VM_IDLE_MSEC,
        };

        get_mode(text, &config);
        get_ports(text, &config);
        get_bool(text, "experimental", "hostAddressLoopback", &config.host_address_loopback);
        get_number(text, "general", "instanceIdleTimeout", &config.instance_idle_timeout,
                   &config.instance_idle_msec);
        get_number(text, "wsl2", "vmIdleTimeout", &config.vm_idle_timeout, &config.vm_idle_msec);
        *ret = config;
}

/* Leaves the default for a value that isn't an absolute path, or doesn't fit. */
static void get_root(const char *text, char ret[static WSL_CONF_ROOT_SIZE]) {
        char value[WSLCONFIG_VALUE_SIZE];
        WslSetting setting;
        size_t length;

        if (!wslconfig_get(text, "automount", "root", &setting, value) || value[0] != '/')
                return;
        length = strlen(value);
        while (length > 0 && value[length - 1] == '/')
                length--;
        if (length + 2 <= WSL_CONF_ROOT_SIZE)
                snprintf(ret, WSL_CONF_ROOT_SIZE, "%.*s/", (int) length, value);
}

void wsl_conf_parse(const char *text, WslConf *ret) {
        char value[WSLCONFIG_VALUE_SIZE];

        *ret = (WslConf){ .automount = true, .interop = true, .root = "/mnt/" };
        (void) wslconfig_get(text, "boot", "systemd", &ret->systemd, value);
        get_bool(text, "automount", "enabled", &ret->automount);
        get_bool(text, "interop", "enabled", &ret->interop);
        get_root(text, ret->root);
}

int wsl_conf_read(WslConf *ret) {
        _cleanup_free_ char *text = malloc(WSLCONFIG_SIZE_MAX);
        ssize_t n = text ? fs_read("/etc/wsl.conf", text, WSLCONFIG_SIZE_MAX) : -ENOMEM;

        wsl_conf_parse(n < 0 ? "" : text, ret);
        return n < 0 && n != -ENOENT ? (int) n : 0;
}
