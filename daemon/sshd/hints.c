/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/hints.h"

#include <glob.h>
#include <limits.h>
#include <strings.h>

#include "base/fs.h"
#include "sshd/packet-rules.h"

#define FILE_SIZE_MAX ((size_t) 64 * 1024)

/* "portcon tcp 2222 system_u:object_r:ssh_port_t:s0": semanage has added a port to the policy. */
static bool selinux_has(const char *line, uint16_t port) {
        const char *ports = startswith(line, "portcon tcp ");

        return ports && port_list_has(ports, port) && strstr(ports, ":ssh_port_t:");
}

/* "### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in": ufw's own record of each of its rules. */
static bool ufw_has(const char *line, uint16_t port) {
        char action[16], protocol[8], ports[128];

        return sscanf(line, "### tuple ### %15s %7s %127s", action, protocol, ports) == 3 &&
               (streq(action, "allow") || streq(action, "limit")) &&
               (streq(protocol, "tcp") || streq(protocol, "any")) && port_list_has(ports, port) &&
               !strstr(line, " out");
}

/* <port port="2222" protocol="tcp"/>, or <service name="ssh"/> for 22 (firewalld.zone(5)). Any zone will do:
 * somebody has asked for the port. */
static bool firewalld_has(const char *tag, uint16_t port) {
        const char *ports = startswith(tag, "port ") ? strstr(tag, " port=\"") : NULL;

        return strchr(tag, '>') &&
               ((ports && strstr(tag, "protocol=\"tcp\"") &&
                 port_list_has(ports + strlen(" port=\""), port)) ||
                (port == 22 && startswith(tag, "service ") && strstr(tag, "name=\"ssh\"")));
}

/* Files of the owner's rules, and what finds a port in one of the rules between @separator. */
typedef struct Rules {
        const char *folder, *pattern, *separator;
        bool (*has)(const char *rule, uint16_t port);
} Rules;

static const struct {
        const char *state_file, *state_line; /* it is on while a line begins so */
        Rules rules[2];
        const char *before, *after;
} hints[_HINT_MAX] = {
        [HINT_SELINUX] = { "/sys/fs/selinux/enforce",
                           "1",
                           { { "/var/lib/selinux", "/*/active/ports.local", "\n", selinux_has } },
                           "SELinux is enforcing and lets sshd have the port only with: semanage port -a -t "
                           "ssh_port_t -p tcp ",
                           "" },
        [HINT_UFW] = { "/etc/ufw/ufw.conf", /* ufw-framework(8) */
                       "ENABLED=yes",
                       { { "/etc/ufw", "/user.rules", "\n", ufw_has } },
                       "ufw is on and lets others in only with: ufw allow ",
                       "/tcp" },
        [HINT_FIREWALLD] = { "/run/firewalld.pid", /* firewalld(1) */
                             "",
                             { { "/etc/firewalld/zones", "/*.xml", "<", firewalld_has },
                               { "/usr/lib/firewalld/zones", "/public.xml", "<", firewalld_has } },
                             "firewalld is on and lets others in only with: firewall-cmd --permanent "
                             "--add-port=",
                             "/tcp && firewall-cmd --reload" },
};

int hints_is_on(const char *root, Hint hint) {
        char path[PATH_MAX], text[4096];
        ssize_t n;

        if ((size_t) snprintf(path, sizeof(path), "%s%s", root, hints[hint].state_file) >= sizeof(path))
                return -ENAMETOOLONG;
        n = fs_read(path, text, sizeof(text));
        if (n < 0)
                return n == -ENOENT ? 0 : (int) n;

        LINES_FOREACH (line, text)
                if (strncasecmp(line, hints[hint].state_line, strlen(hints[hint].state_line)) == 0)
                        return 1;
        return 0;
}

/* Returns 1, 0, or a negative errno: a folder that can't be looked into is an error, not an empty one. */
static int rules_have(const char *root, const Rules *rules, uint16_t port) {
        _cleanup_free_ char *text = malloc(FILE_SIZE_MAX);
        char path[PATH_MAX];
        glob_t paths = { 0 };
        int found = 0;

        if (!text)
                return -ENOMEM;
        if (strlen(root) + strlen(rules->folder) + strlen(rules->pattern) >= sizeof(path))
                return -ENAMETOOLONG;
        if (access(strcat(strcpy(path, root), rules->folder), R_OK | X_OK) < 0)
                return errno == ENOENT ? 0 : -errno;

        (void) glob(strcat(path, rules->pattern), 0, NULL, &paths);
        for (size_t i = 0; i < paths.gl_pathc && found == 0; i++) {
                ssize_t n = fs_read(paths.gl_pathv[i], text, FILE_SIZE_MAX);

                found = n >= 0 || n == -ENOENT ? 0 : (int) n;
                for (char *rest = n >= 0 ? text : NULL, *rule; (rule = strsep(&rest, rules->separator));)
                        found = found || rules->has(rule, port);
        }
        globfree(&paths);
        return found;
}

int hints_allows(const char *root, Hint hint, uint16_t port) {
        const Rules *rules = hints[hint].rules;
        int r = hint == HINT_SELINUX && port == 22; /* its policy has that port */

        for (size_t i = 0; i < ELEMENTSOF(hints[hint].rules) && rules[i].folder && r == 0; i++)
                r = rules_have(root, &rules[i], port);
        return r;
}

unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata) {
        unsigned n = 0;

        for (Hint i = 0; i < _HINT_MAX; i++) {
                char text[200];

                if (hints_is_on(root, i) <= 0 || hints_allows(root, i, port) > 0)
                        continue;
                snprintf(text, sizeof(text), "%s%u%s", hints[i].before, port, hints[i].after);
                on_hint(text, userdata);
                n++;
        }
        return n;
}
