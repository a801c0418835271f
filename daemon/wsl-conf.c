/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wsl-conf.h"

#include <ctype.h>

#define NAME_SIZE 64

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool is_end(char c) {
        return c == '\0' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *s) {
        while (is_blank(*s))
                s++;
        return s;
}

/* A letter and then letters and digits, cut where it is longer than any that we know. */
static const char *read_name(const char *s, char ret[static NAME_SIZE]) {
        size_t n = 0;

        for (; isalpha((unsigned char) *s) || (n > 0 && isdigit((unsigned char) *s)); s++)
                if (n < NAME_SIZE - 1)
                        ret[n++] = *s;
        ret[n] = '\0';
        return s;
}

/* Quotes group and vanish, a backslash takes what is behind it, # begins a comment. False where that is
 * something that WSL refuses, or longer than @size. */
static bool read_value(const char *s, char *ret, size_t size) {
        size_t n = 0, trimmed = 0;
        bool quoted = false;

        for (; !is_end(*s) && (quoted || *s != '#'); s++) {
                if (*s == '"') {
                        quoted = !quoted;
                        trimmed = n;
                        continue;
                }
                if (*s == '\\') {
                        s++;
                        if (*s != '\\' && *s != '"')
                                return false;
                }
                if (n == size - 1)
                        return false;
                ret[n++] = *s;
                if (!is_blank(*s))
                        trimmed = n;
        }
        ret[trimmed] = '\0';
        return true;
}

static void take_bool(const char *value, bool *ret) {
        if (streq(value, "1") || strcasecmp(value, "true") == 0)
                *ret = true;
        else if (streq(value, "0") || strcasecmp(value, "false") == 0)
                *ret = false;
}

/* An absolute path; what isn't one leaves the default. */
static void take_root(const char *value, char ret[static WSL_CONF_ROOT_SIZE]) {
        size_t length = strlen(value);

        while (length > 1 && value[length - 1] == '/')
                length--;
        if (value[0] == '/' && length + 2 <= WSL_CONF_ROOT_SIZE)
                snprintf(ret, WSL_CONF_ROOT_SIZE, "%.*s%s", (int) length, value, length > 1 ? "/" : "");
}

void wsl_conf_parse(const char *text, WslConf *ret) {
        char section[NAME_SIZE] = "", name[NAME_SIZE], value[WSL_CONF_ROOT_SIZE];
        bool seen_automount = false, seen_interop = false, seen_root = false;

        *ret = (WslConf){ .automount = true, .interop = true, .root = "/mnt/" };

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *s = skip_blanks(line);
                bool automount, interop;

                if (*s == '[') {
                        s = read_name(s + 1, name);
                        if (name[0] && *s == ']')
                                memcpy(section, name, sizeof(section));
                        continue;
                }

                s = skip_blanks(read_name(s, name));
                if (!name[0] || *s != '=')
                        continue;
                automount = strcasecmp(section, "automount") == 0;
                interop = strcasecmp(section, "interop") == 0;
                if (!read_value(skip_blanks(s + 1), value, sizeof(value)))
                        continue;

                if (automount && strcasecmp(name, "enabled") == 0) {
                        if (!seen_automount)
                                take_bool(value, &ret->automount);
                        seen_automount = true;
                } else if (automount && strcasecmp(name, "root") == 0) {
                        if (!seen_root)
                                take_root(value, ret->root);
                        seen_root = true;
                } else if (interop && strcasecmp(name, "enabled") == 0) {
                        if (!seen_interop)
                                take_bool(value, &ret->interop);
                        seen_interop = true;
                }
        }
}
