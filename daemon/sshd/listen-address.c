/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/listen-address.h"

#include <ctype.h>
#include <glob.h>
#include <strings.h>

#include "base/fs.h"

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)

/* Returns the value of a ListenAddress line and its length, or NULL for another line. */
static const char *parse(const char *line, size_t *ret_length) {
        static const char keyword[] = "listenaddress";
        size_t n_blanks;

        line += strspn(line, " \t");
        if (strncasecmp(line, keyword, strlen(keyword)) != 0)
                return NULL;
        line += strlen(keyword);
        n_blanks = strspn(line, " \t=\"");
        line += n_blanks;
        *ret_length = strcspn(line, " \t\"\r\n");
        return n_blanks > 0 ? line : NULL;
}

bool listen_address_sets_port(const char *line) {
        size_t length;
        const char *value = parse(line, &length), *end, *colon;

        if (!value)
                return false;
        end = value + length;

        /* An IPv6 address has colons of its own; with a port it stands in brackets. */
        if (value[0] == '[') {
                colon = memchr(value, ']', length);
                return colon && colon + 1 < end && colon[1] == ':';
        }
        colon = memchr(value, ':', length);
        return colon && !memchr(colon + 1, ':', (size_t) (end - colon - 1));
}

bool listen_address_is_loopback(const char *line) {
        size_t length;
        const char *value = parse(line, &length);

        if (!value)
                return false;
        value += value[0] == '[';
        return startswith(value, "127.") || strncasecmp(value, "localhost", strlen("localhost")) == 0 ||
               (startswith(value, "::1") && !isxdigit((unsigned char) value[3]) && value[3] != ':');
}

static int find_in(const char *path, bool (*matches)(const char *line), ListenAddressLine *ret) {
        _cleanup_free_ char *text = malloc(CONFIG_SIZE_MAX);
        ListenAddressLine found = { .number = 1 };

        if (!text || strlen(path) >= sizeof(found.file) || fs_read(path, text, CONFIG_SIZE_MAX) < 0)
                return 0;

        for (char *rest = text, *line; (line = strsep(&rest, "\n")); found.number++)
                if (matches(line)) {
                        snprintf(found.text, sizeof(found.text), "%s", line + strspn(line, " \t"));
                        for (char *c = found.text; *c; c++)
                                if (*c < ' ' || *c > '~')
                                        *c = ' ';
                        strcpy(found.file, path);
                        *ret = found;
                        return 1;
                }
        return 0;
}

int listen_address_find(bool (*matches)(const char *line), ListenAddressLine *ret) {
        glob_t paths = { 0 };
        int found = 0;

        (void) glob("{/etc,/usr/etc}/ssh/{sshd_config.d/*.conf,sshd_config}", GLOB_BRACE, NULL, &paths);
        for (size_t i = 0; i < paths.gl_pathc && !found; i++)
                found = find_in(paths.gl_pathv[i], matches, ret);
        globfree(&paths);
        return found;
}
