/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"

#include <strings.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "core/config-keys.h"

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)

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

static void take_value(ConfigLines *lines, const char *section, const char *name, const char *text) {
        const ConfigKey *key = config_find_key(section, name);
        ConfigValue value = { .text = text };
        unsigned *line, earlier;

        if (!key) {
                complain_unknown_key(lines, section, name);
                return;
        }

        line = &lines->config->lines[key - config_keys];
        earlier = *line;
        *line = earlier > 0 ? earlier : lines->line;
        if (earlier > 0)
                config_lines_complain(lines, "[%s] %s stands on line %u already: remove one of the two",
                                      section, name, earlier);
        else if (key->parse(&value, lines->config) >= 0)
                return;
        else if (text[0] == '"' || text[0] == '\'')
                config_lines_complain(lines, "[%s] %s=%s: write it without quotes", section, name, text);
        else if (isempty(value.remedy))
                config_lines_complain(lines, "[%s] %s=%s: write %s", section, name, text, key->expected);
        else
                config_lines_complain(lines, "[%s] %s: %s", section, name, value.remedy);
        /* A refused value may have forbidden this, so it is not done. */
        if (key == &config_keys[CONFIG_RELOCATE])
                lines->config->relocate = RELOCATE_UNREADABLE;
        else if (key == &config_keys[CONFIG_SOCKET_ACTIVATION])
                lines->config->socket_activation = SOCKET_ACTIVATION_UNREADABLE;
}

int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *ret) {
        Config config = config_default();
        ConfigLines lines = {
                .path = path,
                .on_error = on_error,
                .userdata = userdata,
                .text = text,
                .size = size,
                .take_value = take_value,
                .config = &config,
        };
        int r;

        r = config_lines_read(&lines);
        if (r < 0 && config.lines[CONFIG_RELOCATE] == 0) /* the error may be about it */
                config.relocate = RELOCATE_UNREADABLE;
        *ret = config;
        return r < 0 ? r : 1;
}

static const char *describe_failure(const char *path, int error) {
        struct stat st;

        switch (error) {
        case -ENOENT:
                return lstat(path, &st) >= 0 ? "the file is a symbolic link to one that does not exist"
                                             : NULL;
        case -EINVAL:
                return "this is not a regular file";
        case -E2BIG:
                return "the file is larger than 64 KiB";
        default:
                return strerrordesc_np(-error);
        }
}

int config_load(const char *path, ConfigErrorHandler on_error, void *userdata, Config *ret) {
        _cleanup_free_ char *text = malloc(CONFIG_SIZE_MAX + 1);
        const char *failure;
        ssize_t size;

        size = text ? fs_read_bytes(path, text, CONFIG_SIZE_MAX + 1) : -ENOMEM;
        if (size >= 0)
                return config_parse(path, text, (size_t) size, on_error, userdata, ret);

        *ret = config_default();
        failure = describe_failure(path, (int) size);
        if (!failure)
                return 0;
        ret->relocate = RELOCATE_UNREADABLE;
        on_error(path, 0, failure, userdata);
        return (int) size;
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
