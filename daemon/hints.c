/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hints.h"

#include <glob.h>
#include <limits.h>
#include <strings.h>

#include "fs.h"

#define FILE_SIZE_MAX 8192

static bool read_file(const char *root, const char *path, char *buffer, size_t size) {
        char whole[PATH_MAX];

        return (size_t) snprintf(whole, sizeof(whole), "%s%s", root, path) < sizeof(whole) &&
               fs_read(whole, buffer, size) >= 0;
}

/* A line "portcon tcp 2222 system_u:object_r:ssh_port_t:s0", or of a range "2200-2299", as semanage(8) has it written. */
static bool line_lets_sshd(const char *line, uint16_t port) {
        unsigned first, last;
        char type[200] = "";
        int n;

        n = sscanf(line, "portcon tcp %5u-%5u %199s", &first, &last, type);
        if (n == 1) {
                last = first;
                n = 1 + sscanf(line, "portcon tcp %*u %199s", type);
        } else
                n--;
        return n == 2 && strstr(type, ":ssh_port_t:") && first <= port && port <= last;
}

/* The policy's own ports are within its binary: of those only 22 is sshd's. */
static bool selinux_knows(const char *root, uint16_t port) {
        char pattern[PATH_MAX], text[FILE_SIZE_MAX];
        glob_t paths = { 0 };
        bool found = false;

        snprintf(pattern, sizeof(pattern), "%s/var/lib/selinux/*/active/ports.local", root);
        if (glob(pattern, 0, NULL, &paths) == 0)
                for (size_t i = 0; i < paths.gl_pathc && !found; i++)
                        if (fs_read(paths.gl_pathv[i], text, sizeof(text)) >= 0)
                                for (char *rest = text, *line; !found && (line = strsep(&rest, "\n"));)
                                        found = line_lets_sshd(line, port);
        globfree(&paths);
        return found;
}

/* A line ENABLED=yes of /etc/ufw/ufw.conf (ufw-framework(8)). */
static bool ufw_is_on(const char *root, uint16_t port) {
        char text[FILE_SIZE_MAX];

        (void) port;
        if (!read_file(root, "/etc/ufw/ufw.conf", text, sizeof(text)))
                return false;
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                if (strncasecmp(line, "ENABLED=yes", strlen("ENABLED=yes")) == 0)
                        return true;
        return false;
}

/* firewalld(1): its pid file. */
static bool firewalld_is_on(const char *root, uint16_t port) {
        char text[32];

        (void) port;
        return read_file(root, "/run/firewalld.pid", text, sizeof(text));
}

static bool selinux_is_in_the_way(const char *root, uint16_t port) {
        char text[32];

        return read_file(root, "/sys/fs/selinux/enforce", text, sizeof(text)) && text[0] == '1' &&
               !selinux_knows(root, port);
}

unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata) {
        const struct {
                bool (*is_on)(const char *root, uint16_t port);
                const char *before, *after;
        } hints[] = {
                { selinux_is_in_the_way,
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

                if (!hints[i].is_on(root, port))
                        continue;
                snprintf(text, sizeof(text), "%s%u%s", hints[i].before, port, hints[i].after);
                on_hint(text, userdata);
                n++;
        }
        return n;
}
