/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

#define NAME_SIZE 64
#define VALUE_SIZE 512

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

/* Where in the text, and what was read there last. */
typedef struct Reader {
        const char *next;
        unsigned line;            /* the one that .next is on */
        unsigned key_line;        /* of the last key */
        char section[NAME_SIZE];  /* "" before the first */
        char key[NAME_SIZE];      /* "": the last line was a section's own */
        char value[VALUE_SIZE];
        bool cut;                 /* the value was longer */
} Reader;

static bool is_end(char c) {
        return c == '\0' || c == '\n' || c == '\r';
}

static void skip_blanks(Reader *r) {
        while (is_blank(*r->next))
                r->next++;
}

static void skip_line(Reader *r) {
        r->next += strcspn(r->next, "\n");
        if (*r->next == '\n') {
                r->next++;
                r->line++;
        }
}

/* Letters and digits, the first a letter. One that doesn't fit is none of those that are looked for. */
static bool read_name(Reader *r, char ret[static NAME_SIZE]) {
        size_t length = 0;

        if (!isalpha((unsigned char) *r->next))
                return false;
        for (; isalnum((unsigned char) *r->next); r->next++)
                if (length < NAME_SIZE - 1)
                        ret[length++] = *r->next;
        ret[length] = '\0';
        return true;
}

static bool read_section(Reader *r) {
        char name[NAME_SIZE];

        r->section[0] = r->key[0] = '\0';
        r->next++;
        if (!read_name(r, name) || *r->next != ']')
                return false;
        r->next++;
        skip_blanks(r);
        if (!is_end(*r->next) && *r->next != '#')
                return false;
        memcpy(r->section, name, sizeof(name));
        return true;
}

static void value_append(Reader *r, size_t *length, char c) {
        if (*length < VALUE_SIZE - 1)
                r->value[(*length)++] = c;
        else
                r->cut = true;
}

static bool read_escape(Reader *r, size_t *length) {
        static const char escapes[] = "\\\"bnt", meant[] = "\\\"\b\n\t";
        const char *found;

        if (*r->next == '\r' && r->next[1] == '\n')
                r->next++;
        if (*r->next == '\n') {
                r->line++;
                r->next++;
                return true;
        }
        found = *r->next ? strchr(escapes, *r->next) : NULL;
        if (!found)
                return false;
        value_append(r, length, meant[found - escapes]);
        r->next++;
        return true;
}

static bool read_value(Reader *r) {
        size_t length = 0, trimmed = 0;
        bool quoted = false;

        r->cut = false;
        while (!is_end(*r->next) && (quoted || *r->next != '#')) {
                char c = *r->next++;

                if (c == '"')
                        quoted = !quoted;
                else if (c == '\\') {
                        if (!read_escape(r, &length))
                                return false;
                } else
                        value_append(r, &length, c);
                if (!is_blank(c))
                        trimmed = length;
        }
        r->value[trimmed] = '\0';
        return !quoted;
}

static bool read_key(Reader *r) {
        r->key_line = r->line;
        if (!read_name(r, r->key))
                return false;
        skip_blanks(r);
        if (*r->next != '=')
                return false;
        r->next++;
        skip_blanks(r);
        return read_value(r);
}

/* The next good line; false at the end. */
static bool read_next(Reader *r) {
        while (*r->next) {
                unsigned line = r->line;
                bool good = false;

                skip_blanks(r);
                if (*r->next == '[') {
                        good = read_section(r);
                        r->key_line = line;
                } else if (!is_end(*r->next) && *r->next != '#')
                        good = read_key(r);
                skip_line(r);
                if (good)
                        return true;
        }
        return false;
}

int wslconfig_get(const char *text, const char *section, const char *key, char *ret, size_t size,
                  unsigned *ret_line) {
        Reader r = { .next = text, .line = 1 };

        while (read_next(&r)) {
                if (strcasecmp(r.section, section) != 0 || strcasecmp(r.key, key) != 0)
                        continue;
                if (r.cut || strlen(r.value) >= size)
                        return -E2BIG;
                strcpy(ret, r.value);
                *ret_line = r.key_line;
                return 1;
        }
        return 0;
}

unsigned wslconfig_find_section(const char *text, const char *section) {
        Reader r = { .next = text, .line = 1 };

        while (read_next(&r))
                if (r.key[0] == '\0' && strcasecmp(r.section, section) == 0)
                        return r.key_line;
        return 0;
}

static void get_number(const char *text, const char *section, const char *key, WslSetting *ret, int *ret_number) {
        char value[VALUE_SIZE], *end;
        long number;

        ret->section_line = wslconfig_find_section(text, section);
        if (wslconfig_get(text, section, key, value, sizeof(value), &ret->line) <= 0)
                return;
        errno = 0;
        number = strtol(value, &end, 0);
        if (value[0] && !*end && errno == 0 && number >= INT_MIN && number <= INT_MAX)
                *ret_number = (int) number;
}

/* Each part is read as std::stoi() does: blanks before it and anything behind it don't matter. */
static void get_ports(const char *text, WslConfig *config) {
        char value[VALUE_SIZE], *rest = value, *part;

        config->ignored_ports.section_line = wslconfig_find_section(text, "experimental");
        if (wslconfig_get(text, "experimental", "ignoredPorts", value, sizeof(value), &config->ignored_ports.line) <= 0)
                return;
        while ((part = strsep(&rest, ","))) {
                long number = strtol(part, NULL, 10);

                if (number > 0 && number <= UINT16_MAX && config->n_ports < WSLCONFIG_PORTS_MAX)
                        config->ports[config->n_ports++] = (uint16_t) number;
        }
}

/* One key with two homes: whichever comes first counts. */
static void get_mode(const char *text, WslConfig *config) {
        static const char *const sections[] = { "wsl2", "experimental" };
        char value[VALUE_SIZE], first[VALUE_SIZE] = "";

        config->networking_mode.section_line = wslconfig_find_section(text, "wsl2");
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                unsigned line;

                if (wslconfig_get(text, sections[i], "networkingMode", value, sizeof(value), &line) <= 0 ||
                    (config->networking_mode.line != 0 && line > config->networking_mode.line))
                        continue;
                config->networking_mode.line = line;
                memcpy(first, value, sizeof(first));
        }
        for (char *c = first; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        if (networking_mode_from_string(first, &config->mode) < 0 || config->mode >= MODE_WSL1)
                config->mode = MODE_UNKNOWN;
}

void wslconfig_parse(const char *text, WslConfig *ret) {
        WslConfig config = {
                .instance_idle_msec = WSLCONFIG_INSTANCE_IDLE_MSEC,
                .vm_idle_msec = WSLCONFIG_VM_IDLE_MSEC,
        };

        get_mode(text, &config);
        get_ports(text, &config);
        get_number(text, "general", "instanceIdleTimeout", &config.instance_idle_timeout, &config.instance_idle_msec);
        get_number(text, "wsl2", "vmIdleTimeout", &config.vm_idle_timeout, &config.vm_idle_msec);
        *ret = config;
}
