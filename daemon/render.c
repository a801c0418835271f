/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "render.h"

#define PORT_KEYWORD "Port "

void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX,
                 "# Written by wslportd: sshd can't have port %u. Taken away when it goes back; edits are "
                 "lost.\n" PORT_KEYWORD "%u\n",
                 home, port);
}

/* The last line, without its newline, copied out; comment lines may stand before it, nothing else. */
static int only_line(const char *text, char *ret, size_t size) {
        while (*text == '#') {
                text = strchr(text, '\n');
                if (!text)
                        return -EBADMSG;
                text++;
        }

        size_t length = strcspn(text, "\n");
        if (length == 0 || length >= size || !streq(text + length, "\n"))
                return -EBADMSG;

        memcpy(ret, text, length);
        ret[length] = '\0';
        return 0;
}

int render_parse_port_file(const char *text, uint16_t *ret_port) {
        char line[sizeof(PORT_KEYWORD "65535")];
        const char *number;

        if (only_line(text, line, sizeof(line)) < 0)
                return -EBADMSG;

        number = startswith(line, PORT_KEYWORD);
        return number && parse_port(number, ret_port) >= 0 ? 0 : -EBADMSG;
}

void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX, "%u\n", port);
}

int render_parse_last_port_file(const char *text, uint16_t *ret_port) {
        char line[sizeof("65535")];

        return only_line(text, line, sizeof(line)) >= 0 && parse_port(line, ret_port) >= 0 ? 0 : -EBADMSG;
}
