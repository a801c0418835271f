/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include <ini.h>

#include "base/fs.h"
#include "base/log.h"
#include "core/config-keys.h"
#include "core/config-lines.h"

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)

/* A file on its way into a configuration. */
typedef struct Parser {
        ConfigLines lines;
        Config config;
} Parser;

static void complain_unknown_key(ConfigLines *lines, const char *section, const char *name) {
        char list[CONFIG_LIST_SIZE];

        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++)
                if (strcasecmp(config_keys[i].name, name) == 0) {
                        config_lines_complain(lines, "there is no key %s here: write %s, beneath [%s]", name,
                                              config_keys[i].name, config_keys[i].section);
                        return;
                }

        if (isempty(section))
                config_lines_complain(lines, "the key '%s' stands before any section; there are %s", name,
                                      config_list_names(NULL, list));
        else
                config_lines_complain(lines, "there is no key '%s' in [%s], but %s", name, section,
                                      config_list_names(section, list));
}

/* A libinih ini_handler. libinih would tell the first error only, so this always returns 1: no error. */
static int take_value(void *userdata, const char *section, const char *name, const char *text) {
        Parser *p = userdata;
        ConfigValue value = { .text = text };
        const ConfigKey *key;
        unsigned *line;

        if (streq(section, REFUSED_SECTION))
                return 1;

        key = config_find_key(section, name);
        if (!key) {
                complain_unknown_key(&p->lines, section, name);
                return 1;
        }

        line = &p->config.lines[key - config_keys];
        if (*line > 0) {
                config_lines_complain(&p->lines, "[%s] %s stands on line %u already: remove one of the two",
                                      section, name, *line);
                return 1;
        }
        *line = p->lines.line;

        if (text[0] == '"' || text[0] == '\'')
                config_lines_complain(&p->lines, "[%s] %s=%s: write it without quotes", section, name, text);
        else if (key->parse(&value, &p->config) < 0) {
                if (isempty(value.remedy))
                        config_lines_complain(&p->lines, "[%s] %s=%s: write %s", section, name, text,
                                              key->expected);
                else
                        config_lines_complain(&p->lines, "[%s] %s: %s", section, name, value.remedy);
        }
        return 1;
}

int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *ret) {
        Parser p = {
                .lines = { .path = path,
                           .on_error = on_error,
                           .userdata = userdata,
                           .text = text,
                           .size = size },
                .config = config_default(),
        };
        int r;

        config_lines_begin(&p.lines);
        r = ini_parse_stream(config_lines_next, &p.lines, take_value, &p);
        if (r < 0)
                return -ENOMEM;
        if (r > 0 && p.lines.n_errors == 0)
                config_lines_complain(&p.lines,
                                      "libinih refuses a line, by a rule that wslportd doesn't know");

        r = config_lines_end(&p.lines);
        if (r < 0)
                return r;

        *ret = p.config;
        return 1;
}

/* The whole file into @buffer. A symbolic link is followed: people keep their configuration elsewhere. */
static ssize_t read_file(const char *path, char *buffer, size_t size, const char **ret_what) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        ssize_t n;

        /* O_NONBLOCK so that a FIFO can't hold us up; it is refused right after. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT && lstat(path, &st) >= 0) {
                *ret_what = "the file is a symbolic link to one that does not exist";
                return -ENOLINK;
        }
        if (fd < 0 || fstat(fd, &st) < 0) {
                *ret_what = strerrordesc_np(errno);
                return -errno;
        }
        if (!S_ISREG(st.st_mode)) {
                *ret_what = "this is not a regular file";
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        }

        n = fs_read_fd(fd, buffer, size);
        if (n < 0)
                *ret_what = n == -E2BIG ? "the file is larger than 64 KiB" : strerrordesc_np((int) -n);
        return n;
}

int config_load(const char *path, ConfigErrorHandler on_error, void *userdata, Config *ret) {
        _cleanup_free_ char *text = NULL;
        const char *what = "out of memory";
        ssize_t size = -ENOMEM;

        text = malloc(CONFIG_SIZE_MAX + 1);
        if (text)
                size = read_file(path, text, CONFIG_SIZE_MAX + 1, &what);
        if (size == -ENOENT) {
                *ret = config_default();
                return 0;
        }
        if (size < 0) {
                on_error(path, 0, what, userdata);
                return (int) size;
        }

        return config_parse(path, text, (size_t) size, on_error, userdata, ret);
}

void config_print(const Config *config, FILE *out) {
        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++) {
                const ConfigKey *key = &config_keys[i];

                if (i == 0 || !streq(key->section, key[-1].section))
                        fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", key->section);
                fprintf(out, "%s=", key->name);
                key->print(config, out);
                fputc('\n', out);
        }
}
