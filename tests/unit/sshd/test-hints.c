/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/hints.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include "unit/test.h"

static void put(const char *root, const char *path, const char *text) {
        char whole[512], *slash;
        FILE *file;

        snprintf(whole, sizeof(whole), "%s%s", root, path);
        for (slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(whole, 0755);
                *slash = '/';
        }
        file = fopen(whole, "we");
        test_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void on_hint(const char *text, void *userdata) {
        char *all = userdata;

        strcat(strcat(all, text), "\n");
}

static const struct {
        const char *name, *path, *text, *command; /* NULL: no hint */
} cases[] = {
        { "nothing there", "/etc/none", "", NULL },
        { "ufw is on", "/etc/ufw/ufw.conf", "# x\nENABLED=yes\nLOGLEVEL=low\n", "ufw allow 2222/tcp\n" },
        { "ufw is off", "/etc/ufw/ufw.conf", "ENABLED=no\n", NULL },
        { "ufw in a comment", "/etc/ufw/ufw.conf", "#ENABLED=yes\n", NULL },
        { "firewalld runs", "/run/firewalld.pid", "71\n", "firewall-cmd --permanent --add-port=2222/tcp && firewall-cmd --reload\n" },
        { "SELinux enforces", "/sys/fs/selinux/enforce", "1", "semanage port -a -t ssh_port_t -p tcp 2222\n" },
        { "SELinux only watches", "/sys/fs/selinux/enforce", "0", NULL },
};

static void test_hint(const void *data) {
        const __typeof__(cases[0]) *row = data;
        char root[] = "/tmp/test-hints-XXXXXX", all[1024] = "";

        test_assert(mkdtemp(root));
        put(root, row->path, row->text);
        test_equal_int(hints_for_port(root, 2222, on_hint, all), row->command ? 1 : 0);
        if (row->command)
                test_contains(all, row->command);
}

static const struct {
        const char *name, *path, *text;
        Hint hint;
        uint16_t port;
        int allows;
} records[] = {
        { "ufw, no record", "/etc/none", "", HINT_UFW, 2222, 0 },
        { "ufw, ours", "/etc/ufw/user.rules", "*filter\n### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in\n", HINT_UFW, 2222, 1 },
        { "ufw, an application", "/etc/ufw/user.rules", "### tuple ### limit any 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in\n", HINT_UFW, 22, 1 },
        { "ufw, another port", "/etc/ufw/user.rules", "### tuple ### allow tcp 22222 0.0.0.0/0 any 0.0.0.0/0 in\n", HINT_UFW, 2222, 0 },
        { "ufw, a range", "/etc/ufw/user.rules", "### tuple ### allow tcp 80,2200:2300 0.0.0.0/0 any 0.0.0.0/0 in\n", HINT_UFW, 2222, 1 },
        { "ufw, denied", "/etc/ufw/user.rules", "### tuple ### deny tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in\n", HINT_UFW, 2222, 0 },
        { "ufw, out", "/etc/ufw/user.rules", "### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 out\n", HINT_UFW, 2222, 0 },
        { "ufw, udp", "/etc/ufw/user.rules", "### tuple ### allow udp 2222 0.0.0.0/0 any 0.0.0.0/0 in\n", HINT_UFW, 2222, 0 },
        { "ufw, nonsense", "/etc/ufw/user.rules", "### tuple ### allow tcp ,,: in\n### tuple ###\n", HINT_UFW, 2222, 0 },
        { "firewalld, ours", "/etc/firewalld/zones/public.xml", "<zone>\n <port port=\"2222\" protocol=\"tcp\"/>\n</zone>", HINT_FIREWALLD, 2222, 1 },
        { "firewalld, the other way round", "/etc/firewalld/zones/a.xml", "<port protocol=\"tcp\" port=\"2200-2300\"/>", HINT_FIREWALLD, 2222, 1 },
        { "firewalld, udp", "/etc/firewalld/zones/a.xml", "<port port=\"2222\" protocol=\"udp\"/><x protocol=\"tcp\">", HINT_FIREWALLD, 2222, 0 },
        { "firewalld, ssh is 22", "/usr/lib/firewalld/zones/public.xml", "<service name=\"ssh\"/>", HINT_FIREWALLD, 22, 1 },
        { "firewalld, ssh isn't 2222", "/usr/lib/firewalld/zones/public.xml", "<service name=\"ssh\"/>", HINT_FIREWALLD, 2222, 0 },
        { "firewalld, cut off", "/etc/firewalld/zones/a.xml", "<zone><port port=\"2222\" protocol=\"tcp\"", HINT_FIREWALLD, 2222, 0 },
        { "firewalld, no record", "/etc/none", "", HINT_FIREWALLD, 22, 0 },
        { "SELinux has 22", "/etc/none", "", HINT_SELINUX, 22, 1 },
        { "SELinux, none", "/etc/none", "", HINT_SELINUX, 2222, 0 },
        { "SELinux, ours", "/var/lib/selinux/targeted/active/ports.local", "# x\nportcon tcp 2222 system_u:object_r:ssh_port_t:s0\n", HINT_SELINUX, 2222, 1 },
        { "SELinux, a range", "/var/lib/selinux/targeted/active/ports.local", "portcon tcp 2200-2299 system_u:object_r:ssh_port_t:s0\n", HINT_SELINUX, 2222, 1 },
        { "SELinux, another type", "/var/lib/selinux/targeted/active/ports.local", "portcon tcp 2222 system_u:object_r:http_port_t:s0\n", HINT_SELINUX, 2222, 0 },
};

static void test_allows(const void *data) {
        const __typeof__(records[0]) *row = data;
        char root[] = "/tmp/test-hints-XXXXXX";

        test_assert(mkdtemp(root));
        put(root, row->path, row->text);
        test_equal_int(hints_allows(root, row->hint, row->port), row->allows);
}

static void test_what_may_not_be_read_is_unknown(void) {
        char root[] = "/tmp/test-hints-XXXXXX", path[64];

        test_assert(mkdtemp(root));
        put(root, "/etc/firewalld/zones/a.xml", "<port port=\"2222\" protocol=\"tcp\"/>");
        snprintf(path, sizeof(path), "%s/etc/firewalld/zones", root);
        test_assert(chmod(root, 0755) == 0 && chmod(path, 0700) == 0);
        if (setresuid(65534, 65534, 0) < 0)
                test_skip("it needs root");
        test_equal_int(hints_allows(root, HINT_FIREWALLD, 2222), -EACCES);
        /* The leak checker looks into this process. */
        test_assert(setresuid(0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static const struct {
        const char *name, *line;
        unsigned hints;
} selinux[] = {
        { "the port", "portcon tcp 2222 system_u:object_r:ssh_port_t:s0", 0 },
        { "a range", "portcon tcp 2200-2299 system_u:object_r:ssh_port_t:s0", 0 },
        { "another port", "portcon tcp 22222 system_u:object_r:ssh_port_t:s0", 1 },
        { "a range beside it", "portcon tcp 2223-2299 system_u:object_r:ssh_port_t:s0", 1 },
        { "another type", "portcon tcp 2222 system_u:object_r:http_port_t:s0", 1 },
        { "by UDP", "portcon udp 2222 system_u:object_r:ssh_port_t:s0", 1 },
        { "a comment", "# portcon tcp 2222 system_u:object_r:ssh_port_t:s0", 1 },
        { "cut off", "portcon tcp 2222", 1 },
};

static void test_selinux_knows_the_port(const void *data) {
        const __typeof__(selinux[0]) *row = data;
        char root[] = "/tmp/test-hints-XXXXXX", all[1024] = "", text[200];

        test_assert(mkdtemp(root));
        put(root, "/sys/fs/selinux/enforce", "1");
        snprintf(text, sizeof(text), "# This file is auto-generated by libsemanage\n\n%s\n", row->line);
        put(root, "/var/lib/selinux/targeted/active/ports.local", text);
        test_equal_int(hints_for_port(root, 2222, on_hint, all), row->hints);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_hint, cases),
                TEST_TABLE(test_allows, records),
                TEST_TABLE(test_selinux_knows_the_port, selinux),
                TEST(test_what_may_not_be_read_is_unknown),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
