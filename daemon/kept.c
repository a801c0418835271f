/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kept.h"

#include "fs.h"
#include "render.h"

static int kept_read(const char *path, int (*parse)(const char *text, uint16_t *ret), uint16_t *ret) {
        char text[RENDER_SIZE_MAX];
        ssize_t n;
        int r;

        n = fs_read(path, text, sizeof(text));
        if (n == -ENOENT)
                return 0;
        if (n < 0)
                return (int) n;

        r = parse(text, ret);
        return r < 0 ? r : 1;
}

int kept_read_port(uint16_t *ret) {
        return kept_read(KEPT_PORT_FILE, render_parse_port_file, ret);
}

int kept_read_last_port(uint16_t *ret) {
        return kept_read(KEPT_LAST_PORT_FILE, render_parse_last_port_file, ret);
}

int kept_write_port(uint16_t port, uint16_t home) {
        char text[RENDER_SIZE_MAX];

        if (port == 0)
                return fs_remove(KEPT_PORT_FILE);

        render_port_file(port, home, text);
        return fs_write_if_changed(KEPT_PORT_FILE, text);
}

int kept_write_last_port(uint16_t port) {
        char text[RENDER_SIZE_MAX];

        if (port == 0)
                return fs_remove(KEPT_LAST_PORT_FILE);

        render_last_port_file(port, text);
        return fs_write_if_changed(KEPT_LAST_PORT_FILE, text);
}
