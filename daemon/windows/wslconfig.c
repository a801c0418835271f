/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

#include "base/fs.h"

#define NAME_SIZE 64

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

typedef struct Reader {
        const char *next;
        unsigned line; /* the line of .next */

        /* The last good line. */
        unsigned key_line;
        char section[NAME_SIZE]; /* "" before the first section */
        char key[NAME_SIZE];     /* "": the line begins a section */
        char value[WSLCONFIG_VALUE_SIZE];
        bool cut; /* the value was longer */
} Reader;

static bool is_end(char c) {
        return c == '\0' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *s) {
        return s + strspn(s, " \t");
}

/* Reads letters and digits, of which the first is a letter. Returns the text behind them, or NULL. Cuts a
 * name that doesn't fit: nobody looks for such a long one. */
static const char *read_name(const char *s, char ret[static NAME_SIZE]) {
        size_t length = 0;

        while (isalnum((unsigned char) s[length]))
                length++;
        if (!isalpha((unsigned char) *s))
                return NULL;
        snprintf(ret, NAME_SIZE, "%.*s", (int) length, s);
        return s + length;
}

static bool read_section(Reader *r) {
        char name[NAME_SIZE];
        const char *end = read_name(r->next + 1, name);

        r->section[0] = r->key[0] = '\0';
        if (!end || *end != ']')
                return false;
        end = skip_blanks(end + 1);
        if (!is_end(*end) && *end != '#')
                return false;
        memcpy(r->section, name, sizeof(name));
        return true;
}

static bool read_value(Reader *r) {
        static const char escapes[] = "\\\"bnt", meant[] = "\\\"\b\n\t";
        size_t length = 0, trimmed = 0;
        bool quoted = false;

        r->cut = false;
        for (; !is_end(*r->next) && (quoted || *r->next != '#'); r->next++) {
                char c = *r->next;
                bool blank = is_blank(c), append = c != '"';

                if (c == '"')
                        quoted = !quoted;
                else if (c == '\\') {
                        const char *found;

                        r->next++;
                        if (*r->next == '\r' && r->next[1] == '\n')
                                r->next++;
                        append = *r->next != '\n'; /* a value that goes on in the next line */
                        r->line += !append;
                        found = *r->next ? strchr(escapes, *r->next) : NULL;
                        if (append && !found)
                                return false;
                        c = found ? meant[found - escapes] : c;
                }
                if (append && length < WSLCONFIG_VALUE_SIZE - 1)
                        r->value[length++] = c;
                else
                        r->cut |= append;
                if (!blank)
                        trimmed = length;
        }
        r->value[trimmed] = '\0';
        return !quoted;
}

static bool read_key(Reader *r) {
        const char *end = read_name(r->next, r->key);

        r->key_line = r->line;
        if (!end)
                return false;
        r->next = skip_blanks(end);
        if (*r->next != '=')
                return false;
        r->next = skip_blanks(r->next + 1);
        return read_value(r);
}

/* Finds the next good line. Returns false at the end. */
static bool read_next(Reader *r) {
        while (*r->next) {
                unsigned line = r->line;
                bool good = false;

                r->next = skip_blanks(r->next);
                if (*r->next == '[') {
                        good = read_section(r);
                        r->key_line = line;
                } else if (!is_end(*r->next) && *r->next != '#')
                        good = read_key(r);
                r->next = line_next(r->next);
                r->line++;
                if (good)
                        return true;
        }
        return false;
}

bool wslconfig_get(const char *text, const char *section, const char *key, WslSetting *ret_setting,
                   char ret[static WSLCONFIG_VALUE_SIZE]) {
        Reader r = { .next = text, .line = 1 };

        *ret_setting = (WslSetting){ 0 };
        while (read_next(&r)) {
                if (strcasecmp(r.section, section) != 0)
                        continue;
                if (r.key[0] == '\0' && ret_setting->section_line == 0)
                        ret_setting->section_line = r.key_line;
                if (strcasecmp(r.key, key) != 0)
                        continue;
                if (r.cut)
                        return false;
                memcpy(ret, r.value, sizeof(r.value));
                ret_setting->line = r.key_line;
                return true;
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
