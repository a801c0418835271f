/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hints.h"

#include <limits.h>
#include <strings.h>

#include "fs.h"

#define FILE_SIZE_MAX 8192

static bool read_file(const char *root, const char *path, char *buffer, size_t size) {
        char whole[PATH_MAX];

        return (size_t) snprintf(whole, sizeof(whole), "%s%s", root, path) < sizeof(whole) &&
               fs_read(whole, buffer, size) >= 0;
}

/* A line ENABLED=yes of /etc/ufw/ufw.conf (ufw-framework(8)). */
static bool ufw_is_on(const char *root) {
        char text[FILE_SIZE_MAX];

        if (!read_file(root, "/etc/ufw/ufw.conf", text, sizeof(text)))
                return false;
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                if (strncasecmp(line, "ENABLED=yes", strlen("ENABLED=yes")) == 0)
                        return true;
        return false;
}

/* firewalld(1): its pid file. */
static bool firewalld_is_on(const char *root) {
        char text[32];

        return read_file(root, "/run/firewalld.pid", text, sizeof(text));
}

static bool selinux_is_enforcing(const char *root) {
        char text[32];

        return read_file(root, "/sys/fs/selinux/enforce", text, sizeof(text)) && text[0] == '1';
}

unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata) {
        const struct {
                bool (*is_on)(const char *root);
                const char *before, *after;
        } hints[] = {
                { selinux_is_enforcing,
                  "SELinux is enforcing and lets sshd have the port only with: semanage port -a -t ssh_port_t -p tcp ",
                  "" },
                { ufw_is_on, "ufw is on and lets others in only with: ufw allow ", "/tcp" },
                { firewalld_is_on,
                  "firewalld is on and lets others in only with: firewall-cmd --permanent --add-port=",
                  "/tcp && firewall-cmd --reload" },
        };
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(hints); i++) {
                char text[200];

                if (!hints[i].is_on(root))
                        continue;
                snprintf(text, sizeof(text), "%s%u%s", hints[i].before, port, hints[i].after);
                on_hint(text, userdata);
                n++;
        }
        return n;
}
