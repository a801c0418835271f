/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"

#include <fnmatch.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "core/config-keys.h"

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)
#define DROP_INS_MAX 64

/* A line or a file that can't be read may have been meant to forbid what an earlier file allows by @key. */
static void distrust(Config *config, ConfigKeyId key) {
        if (key == CONFIG_RELOCATE && config->relocate != RELOCATE_NEVER)
                config->relocate = RELOCATE_UNREADABLE;
        else if (key == CONFIG_SOCKET_ACTIVATION)
                config->socket_activation = SOCKET_ACTIVATION_UNREADABLE;
        else if (key == CONFIG_RESTORE)
                config->restore = RESTORE_MANUAL;
        else if (key == CONFIG_UNIT)
                strcpy(config->unit, CONFIG_NO_UNIT);
        else if (key == CONFIG_ENSURE_ENABLED)
                config->ensure_enabled = false;
        else if (key == CONFIG_INTEROP)
                config->interop = false;
}

/* The same of all keys, but for those that @lines_of has a line of; NULL: it has none. */
static void distrust_rest(Config *config, const unsigned lines_of[]) {
        for (ConfigKeyId key = 0; key < _CONFIG_KEY_MAX; key++)
                if (key != CONFIG_UNIT && (!lines_of || lines_of[key] == 0))
                        distrust(config, key);
}

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
        ConfigPlace *place;

        if (!key) {
                complain_unknown_key(lines, section, name);
                return;
        }

        place = &lines->config->places[key - config_keys];
        (void) printable(lines->path, place->file, sizeof(place->file));
        place->line = lines->line;
        line = &lines->lines_of[key - config_keys];
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
        distrust(lines->config, (ConfigKeyId) (key - config_keys));
}

int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *config) {
        ConfigLines lines = {
                .path = path,
                .on_error = on_error,
                .userdata = userdata,
                .take_value = take_value,
                .config = config,
        };
        int r;

        r = config_lines_read(&lines, text, size);
        if (r < 0)
                distrust_rest(config, lines.lines_of); /* the error may be about each of them */
        return r < 0 ? r : 1;
}

/* NULL: the file isn't there, or it is /dev/null, which masks one. */
static const char *describe_failure(const char *path, int error) {
        struct stat st;

        switch (error) {
        case -ENOENT:
                return lstat(path, &st) >= 0 ? "the file is a symbolic link to one that does not exist"
                                             : NULL;
        case -EINVAL:
                return stat(path, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)
                                       ? NULL
                                       : "this is not a regular file";
        case -E2BIG:
                return "the file is larger than 64 KiB";
        default:
                return strerrordesc_np(-error);
        }
}

int config_load_file(const char *path, ConfigErrorHandler on_error, void *userdata, Config *config) {
        _cleanup_free_ char *text = malloc(CONFIG_SIZE_MAX + 1);
        const char *failure;
        ssize_t size;

        size = text ? fs_read_bytes(path, text, CONFIG_SIZE_MAX + 1) : -ENOMEM;
        if (size >= 0)
                return config_parse(path, text, (size_t) size, on_error, userdata, config);

        failure = describe_failure(path, (int) size);
        if (!failure)
                return 0;
        distrust_rest(config, NULL);
        on_error(path, 0, failure, userdata);
        return (int) size;
}

typedef struct ConfigFile {
        const char *folder;
        char name[NAME_MAX + 1];
} ConfigFile;

static int compare_names(const void *a, const void *b) {
        return strcmp(((const ConfigFile *) a)->name, ((const ConfigFile *) b)->name);
}

/* Adds the drop-ins of @folder to the main file and the drop-ins in @files, but for those with the same names. */
static int list_drop_ins(const char *root, const char *folder, ConfigFile files[], size_t *n) {
        _cleanup_closedir_ DIR *entries = NULL;
        const struct dirent *entry;
        char path[PATH_MAX], byte;

        snprintf(path, sizeof(path), "%s%s", root, folder);
        entries = opendir(path);
        if (!entries) {
                int error = -errno;

                return error == -ENOENT && readlink(path, &byte, 1) < 0 ? 0 : error; /* no link either */
        }

        for (errno = 0; (entry = readdir(entries)); errno = 0) {
                size_t i = 1;

                if (fnmatch("*.conf", entry->d_name, FNM_PERIOD) != 0)
                        continue;
                while (i < *n && !streq(files[i].name, entry->d_name))
                        i++;
                if (i < *n) /* a folder before this one masks it */
                        continue;
                if (i > DROP_INS_MAX)
                        return -E2BIG;
                files[i].folder = folder;
                snprintf(files[i].name, sizeof(files[i].name), "%s", entry->d_name);
                (*n)++;
        }
        return -errno;
}

int config_load(const char *root, ConfigErrorHandler on_error, void *userdata, Config *ret) {
        static const char *const folders[] = { CONFIG_FILE ".d", "/run/wslportd.conf.d",
                                               "/usr/lib/wslportd.conf.d" };
        ConfigFile files[1 + DROP_INS_MAX] = { { SYSCONFDIR, "wslportd.conf" } };
        int r, unlisted = 0, first = 0;
        size_t n = 1;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                r = list_drop_ins(root, folders[i], files, &n);
                note_error(&unlisted, r);
                if (r < 0)
                        on_error(folders[i], 0,
                                 r == -E2BIG ? "there are more than 64 drop-ins" : strerrordesc_np(-r),
                                 userdata);
        }
        qsort(files + 1, n - 1, sizeof(files[0]), compare_names);

        *ret = config_default();
        first = unlisted;
        for (size_t i = 0; i < n; i++) {
                char path[PATH_MAX];

                snprintf(path, sizeof(path), "%s%s/%s", root, files[i].folder, files[i].name);
                r = config_load_file(path, on_error, userdata, ret);
                if (errno_is_passing(r))
                        return r;
                note_error(&first, r);
        }
        if (unlisted < 0)
                distrust_rest(ret, NULL);
        if (first >= 0)
                config_warn(ret, on_error, userdata);
        return first < 0 ? first : 1;
}

void config_warn(const Config *config, ConfigErrorHandler on_warning, void *userdata) {
        static const uint16_t kept[] = { 135, 1900, 2869, 3702, 5004, 5357, 5358 };
        const ConfigPlace *place = &config->places[CONFIG_CANDIDATE_PORTS];
        char ports[ELEMENTSOF(kept) * sizeof(" 65535")] = "", message[sizeof(ports) + 128];

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (config_allows_port(config, kept[i]))
                        snprintf(ports + strlen(ports), sizeof(" 65535"), " %u", kept[i]);
        snprintf(message, sizeof(message),
                 "[Policy] CandidatePorts has%s: Windows passes on to WSL nothing that other machines send "
                 "there; name other ports",
                 ports);
        if (!isempty(ports))
                on_warning(place->file, place->line, message, userdata);
}

void config_print(const Config *config, FILE *out) {
        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++) {
                const ConfigPlace *place = &config->places[i];
                const ConfigKey *key = &config_keys[i];

                if (i == 0 || !streq(key->section, key[-1].section))
                        fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", key->section);
                fprintf(out, "%s=", key->name);
                key->print(config, out);
                if (place->line > 0)
                        fprintf(out, "  # %s:%u\n", place->file, place->line);
                else
                        fputs("  # the default\n", out);
        }
}
