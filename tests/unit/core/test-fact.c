/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/fact.h"
#include "unit/core/rules.h"

static const struct {
        const char *name;
        PortFact fact;
} described[] = {
        { "sshd has 22", SSHD(HOME) },
        { "sshd has 22 on IPv6 only", NO_IPV4(HOME, BIND_NOT_ASKED) },
        { "sshd has 22 on IPv6 only, and Windows refuses it on IPv4", NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS) },
        { "nginx (pid 7) holds 22", LINUX(HOME) },
        { "a Linux process holds 22", { .port = HOME, .holder = HOLDER_LINUX } },
        { "another WSL distro holds 22", { .port = HOME, .holder = HOLDER_OTHER_DISTRO } },
        { "Windows holds 22", { .port = HOME, .holder = HOLDER_WINDOWS_OPENSSH } },
        { "Windows (a thing) holds 22", { .port = HOME, .holder = HOLDER_WINDOWS, .detail = "a thing" } },
        { "Windows refuses 22 (a program has it, or an excluded port range)", WINDOWS(HOME) },
        { "22 is free", FREE(HOME) },
        { "Windows refuses 22 (a program has it, or an excluded port range)", ANSWER(HOME, BIND_REFUSED_BY_WINDOWS) },
        { "a Linux socket holds 22", ANSWER(HOME, BIND_REFUSED_BY_LINUX) },
        { "a Linux socket that doesn't listen holds 22",
          { .port = HOME, .holder = HOLDER_NONE, .bind = BIND_REFUSED_BY_LINUX } },
        { "WSL's port tracker is dead: nothing can bind a port until `wsl --shutdown`", ANSWER(HOME, BIND_TRACKER_DEAD) },
        { "Windows does not answer about 22", ANSWER(HOME, BIND_NO_ANSWER) },
        { "22 could not be tried", ANSWER(HOME, BIND_FAILED) },
        { "22 could not be tried (Too many open files)",
          { .port = HOME, .bind = BIND_FAILED, .detail = "Too many open files" } },
        { "nothing here listens on 22", { .port = HOME, .holder = HOLDER_NONE } },
        { "nothing is known yet", ANSWER(HOME, BIND_NOT_ASKED) },
};

/* A row's name is the description. */
static void test_described(const void *data) {
        const __typeof__(described[0]) *row = data;
        char text[160];

        port_fact_describe(&row->fact, text, sizeof(text));
        test_equal_string(text, row->name);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_described, described),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
