/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hints.h"

#include <sys/stat.h>

#include "test.h"

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
        const char *name, *path, *text, *command; /* NULL: nothing is to be said */
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

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_hint, cases) };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
