/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/hints.h"

#include <glob.h>
#include <limits.h>
#include <strings.h>

#include "base/fs.h"

#define FILE_SIZE_MAX ((size_t) 64 * 1024)

/* Its text, to be freed: 1, 0 and NULL where there is none, or a negative errno. */
static int read_file(const char *root, const char *path, char **ret) {
        _cleanup_free_ char *text = malloc(FILE_SIZE_MAX);
        char whole[PATH_MAX];
        ssize_t n;

        if (!text)
                return -ENOMEM;
        if ((size_t) snprintf(whole, sizeof(whole), "%s%s", root, path) >= sizeof(whole))
                return -ENAMETOOLONG;
        n = fs_read(whole, text, FILE_SIZE_MAX);
        if (n < 0)
                return n == -ENOENT ? 0 : (int) n;

        *ret = TAKE_PTR(text);
        return 1;
}

/* The same for each file of a pattern, until @has finds what it looks for. A folder that can't be looked into is an
 * error, not an empty one. */
static int any_file(const char *root, const char *folder, const char *pattern,
                    bool (*has)(char *text, uint16_t port), uint16_t port) {
        char whole[PATH_MAX];
        glob_t paths = { 0 };
        int found = 0;

        if ((size_t) snprintf(whole, sizeof(whole), "%s%s", root, folder) >= sizeof(whole))
                return -ENAMETOOLONG;
        if (access(whole, R_OK | X_OK) < 0)
                return errno == ENOENT ? 0 : -errno;
        if ((size_t) snprintf(whole, sizeof(whole), "%s%s%s", root, folder, pattern) >= sizeof(whole))
                return -ENAMETOOLONG;

        if (glob(whole, 0, NULL, &paths) == 0)
                for (size_t i = 0; i < paths.gl_pathc && found <= 0; i++) {
                        _cleanup_free_ char *text = NULL;
                        int r = read_file("", paths.gl_pathv[i], &text);

                        if (r < 0)
                                found = r;
                        else if (text && has(text, port))
                                found = 1;
                }
        globfree(&paths);
        return found;
}

/* A line ENABLED=yes of /etc/ufw/ufw.conf (ufw-framework(8)). */
static int ufw_is_on(const char *root) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_file(root, "/etc/ufw/ufw.conf", &text);
        if (r <= 0)
                return r;
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                if (strncasecmp(line, "ENABLED=yes", strlen("ENABLED=yes")) == 0)
                        return 1;
        return 0;
}

/* "22", "22,2222", "2200:2299" or, with SELinux, "2200-2299". */
static bool ports_have(const char *s, uint16_t port) {
        for (;;) {
                unsigned long first, last;
                char *end;

                first = last = strtoul(s, &end, 10);
                if (end == s)
                        return false;
                if (*end == ':' || *end == '-')
                        last = strtoul(end + 1, &end, 10);
                if (first <= port && port <= last)
                        return true;
                if (*end != ',')
                        return false;
                s = end + 1;
        }
}

/* "### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in": ufw's own record of each of its rules. */
static bool ufw_has(char *text, uint16_t port) {
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                char action[16], protocol[8], ports[128];

                if (sscanf(line, "### tuple ### %15s %7s %127s", action, protocol, ports) == 3 &&
                    (streq(action, "allow") || streq(action, "limit")) &&
                    (streq(protocol, "tcp") || streq(protocol, "any")) && ports_have(ports, port) &&
                    !strstr(line, " out"))
                        return true;
        }
        return false;
}

static int ufw_allows(const char *root, uint16_t port) {
        return any_file(root, "/etc/ufw", "/user.rules", ufw_has, port);
}

/* firewalld(1): its pid file. */
static int firewalld_is_on(const char *root) {
        _cleanup_free_ char *text = NULL;

        return read_file(root, "/run/firewalld.pid", &text);
}

/* <port port="2222" protocol="tcp"/>, or <service name="ssh"/> for 22 (firewalld.zone(5)). Which zone it is in isn't
 * looked at: one has asked for it. */
static bool firewalld_has(char *text, uint16_t port) {
        for (char *tag = text; (tag = strchr(tag, '<')); tag++) {
                size_t length = strcspn(tag, ">");
                const char *ports;

                if (tag[length] == '\0')
                        return false;
                tag[length] = '\0';
                ports = startswith(tag, "<port ") ? strstr(tag, " port=\"") : NULL;
                if ((ports && strstr(tag, "protocol=\"tcp\"") && ports_have(ports + strlen(" port=\""), port)) ||
                    (port == 22 && startswith(tag, "<service ") && strstr(tag, "name=\"ssh\"")))
                        return true;
                tag += length;
        }
        return false;
}

static int firewalld_allows(const char *root, uint16_t port) {
        int r;

        r = any_file(root, "/etc/firewalld/zones", "/*.xml", firewalld_has, port);
        return r == 0 && port == 22 ? any_file(root, "/usr/lib/firewalld/zones", "/public.xml", firewalld_has, port) : r;
}

static int selinux_is_enforcing(const char *root) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_file(root, "/sys/fs/selinux/enforce", &text);
        return text ? text[0] == '1' : r;
}

/* "portcon tcp 2222 system_u:object_r:ssh_port_t:s0": what semanage has added to the policy, which has 22. */
static bool selinux_has(char *text, uint16_t port) {
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                const char *ports = startswith(line, "portcon tcp ");

                if (ports && ports_have(ports, port) && strstr(ports, ":ssh_port_t:"))
                        return true;
        }
        return false;
}

static int selinux_allows(const char *root, uint16_t port) {
        return port == 22 ? 1 : any_file(root, "/var/lib/selinux", "/*/active/ports.local", selinux_has, port);
}

static const struct {
        int (*is_on)(const char *root);
        int (*allows)(const char *root, uint16_t port);
        const char *before, *after;
} hints[_HINT_MAX] = {
        [HINT_SELINUX] = { selinux_is_enforcing, selinux_allows,
                           "SELinux is enforcing and lets sshd have the port only with: semanage port -a -t ssh_port_t "
                           "-p tcp ",
                           "" },
        [HINT_UFW] = { ufw_is_on, ufw_allows, "ufw is on and lets others in only with: ufw allow ", "/tcp" },
        [HINT_FIREWALLD] = { firewalld_is_on, firewalld_allows,
                             "firewalld is on and lets others in only with: firewall-cmd --permanent --add-port=",
                             "/tcp && firewall-cmd --reload" },
};

int hints_is_on(const char *root, Hint hint) {
        return hints[hint].is_on(root);
}

int hints_allows(const char *root, Hint hint, uint16_t port) {
        return hints[hint].allows(root, port);
}

unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata) {
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(hints); i++) {
                char text[200];

                if (hints[i].is_on(root) <= 0 || hints[i].allows(root, port) > 0)
                        continue;
                snprintf(text, sizeof(text), "%s%u%s", hints[i].before, port, hints[i].after);
                on_hint(text, userdata);
                n++;
        }
        return n;
}
