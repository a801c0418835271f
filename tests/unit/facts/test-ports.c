/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/ports.h"
#include "unit/test.h"

/* [::]:22 and 0.0.0.0:22 */
#define BOTH { { .ipv6 = true, .port = 22 }, { .port = 22 } }

/* One look at a port's listeners: what was known before, what the kernel lists, and what is known then. */
static const struct {
        const char *name;
        PortFact before;
        PortView view;
        NetworkingMode mode;
        PortFact after;
} looks[] = {
        { "nobody, and Windows may be there",
          {},
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .holder = HOLDER_UNKNOWN } },
        { "nobody, in a mode that isn't known",
          {},
          { .holder = HOLDER_NONE },
          MODE_UNKNOWN,
          { .holder = HOLDER_UNKNOWN } },
        { "nobody, in a mode that shares no ports",
          {},
          { .holder = HOLDER_NONE },
          MODE_NAT,
          { .holder = HOLDER_NONE } },
        { "nobody, and bind() was granted",
          { .bind = BIND_FREE },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_FREE, .holder = HOLDER_NONE } },
        { "nobody, and Windows has refused",
          { .bind = BIND_REFUSED_BY_WINDOWS, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_REFUSED_BY_WINDOWS, .holder = HOLDER_WINDOWS } },
        { "nobody, and Windows' program is known",
          { .bind = BIND_REFUSED_BY_WINDOWS, .holder = HOLDER_WINDOWS_OPENSSH, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_REFUSED_BY_WINDOWS, .holder = HOLDER_WINDOWS_OPENSSH, .detail = "x" } },
        { "nobody, and a greeting has told",
          { .holder = HOLDER_WINDOWS, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .holder = HOLDER_WINDOWS, .detail = "x" } },
        { "nobody, and a greeting had told before the mode changed",
          { .holder = HOLDER_WINDOWS, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_NAT,
          { .holder = HOLDER_NONE } },
        { "nobody, and Linux has refused",
          { .bind = BIND_REFUSED_BY_LINUX },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_REFUSED_BY_LINUX,
            .holder = HOLDER_LINUX,
            .detail = "a socket here that does not listen" } },
        { "nobody, and the tracker is dead",
          { .bind = BIND_TRACKER_DEAD, .holder = HOLDER_WINDOWS },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_TRACKER_DEAD, .holder = HOLDER_UNKNOWN } },
        { "nobody, and bind() has failed",
          { .bind = BIND_FAILED, .holder = HOLDER_LINUX, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .bind = BIND_FAILED, .holder = HOLDER_LINUX, .detail = "x" } },
        { "a stranger has left",
          { .holder = HOLDER_LINUX, .detail = "x" },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .holder = HOLDER_UNKNOWN, .holder_left = true } },
        { "a stranger had left before",
          { .holder_left = true },
          { .holder = HOLDER_NONE },
          MODE_MIRRORED,
          { .holder_left = true } },

        { "a stranger",
          { .holder_left = true },
          { .holder = HOLDER_LINUX, .stranger = { .pid = 4711, .comm = "nginx" } },
          MODE_MIRRORED,
          { .holder = HOLDER_LINUX, .detail = "nginx (pid 4711)" } },
        { "a stranger without a name",
          {},
          { .holder = HOLDER_LINUX, .stranger = { .pid = 4711 } },
          MODE_MIRRORED,
          { .holder = HOLDER_LINUX, .detail = "a process (pid 4711)" } },
        { "a stranger where bind() was granted",
          { .bind = BIND_FREE },
          { .holder = HOLDER_OTHER_DISTRO },
          MODE_MIRRORED,
          { .holder = HOLDER_OTHER_DISTRO } },
        { "sshd where Windows has refused",
          { .bind = BIND_REFUSED_BY_WINDOWS },
          { .holder = HOLDER_SSHD, .actual = { BOTH, .n = 2 } },
          MODE_MIRRORED,
          { .bind = BIND_REFUSED_BY_WINDOWS, .holder = HOLDER_SSHD } },
        { "sshd comes to lack IPv4",
          { .bind = BIND_REFUSED_BY_WINDOWS },
          { .holder = HOLDER_SSHD, .actual = { BOTH, .n = 1 } },
          MODE_MIRRORED,
          { .holder = HOLDER_SSHD, .lacks_ipv4 = true } },
        { "sshd lacks IPv4, and bind() was granted since",
          { .bind = BIND_FREE, .lacks_ipv4 = true },
          { .holder = HOLDER_SSHD, .actual = { BOTH, .n = 1 } },
          MODE_MIRRORED,
          { .bind = BIND_FREE, .holder = HOLDER_SSHD, .lacks_ipv4 = true } },
};

static void test_look(const void *data) {
        const __typeof__(looks[0]) *row = data;
        const Endpoints expected = { .items = { { .port = 22 } }, .n = 1 };
        Ports ports = { 0 };
        PortFact *fact = ports_get(&ports, 22);

        test_assert(fact);
        *fact = row->before;
        fact->port = 22;
        test_equal_int(ports_see(&ports, 22, &row->view, &expected, row->mode), 0);

        test_equal_int(ports.n, 1);
        fact = ports_get(&ports, 22);
        test_equal_string(holder_to_string(fact->holder), holder_to_string(row->after.holder));
        test_equal_string(bind_answer_to_string(fact->bind), bind_answer_to_string(row->after.bind));
        test_equal_int(fact->holder_left, row->after.holder_left);
        test_equal_int(fact->lacks_ipv4, row->after.lacks_ipv4);
        test_equal_string(fact->detail, row->after.detail);
        ports_done(&ports);
}

static void test_an_answer_replaces_what_was_known(void) {
        Ports ports = { 0 };
        PortFact *fact = ports_get(&ports, 22);

        test_assert(fact);
        *fact = (PortFact){ .port = 22, .holder = HOLDER_LINUX, .holder_left = true, .lacks_ipv4 = true };
        test_equal_int(ports_answer(&ports, 22, BIND_FREE, "why"), 0);
        fact = ports_get(&ports, 22);
        test_equal_int(fact->bind, BIND_FREE);
        test_equal_int(fact->holder, HOLDER_UNKNOWN);
        test_equal_int(fact->holder_left, false);
        test_equal_int(fact->lacks_ipv4, true);
        test_equal_string(fact->detail, "why");
        ports_done(&ports);
}

static void test_forgetting(void) {
        static const BindAnswer answers[] = { BIND_FREE, BIND_REFUSED_BY_WINDOWS, BIND_NOT_ASKED,
                                              BIND_REFUSED_BY_LINUX };
        Ports ports = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                test_equal_int(ports_answer(&ports, (uint16_t) (22 + i), answers[i], ""), 0);
        ports_forget_grants(&ports);
        test_equal_int(ports_find(&ports, 22)->bind, BIND_NOT_ASKED);
        test_equal_int(ports_find(&ports, 23)->bind, BIND_REFUSED_BY_WINDOWS);
        test_equal_int(ports_find(&ports, 25)->bind, BIND_REFUSED_BY_LINUX);
        ports_forget_all(&ports);
        test_equal_int(ports_find(&ports, 23)->bind, BIND_NOT_ASKED);
        test_equal_int(ports.n, ELEMENTSOF(answers));
        ports_done(&ports);
}

/* The fact keeps .told until the port is sshd's, or free, or the stranger on it has left. */
static void test_what_was_told(void) {
        const Endpoints expected = { .items = { { .port = 22 } }, .n = 1 };
        const PortView nobody = { .holder = HOLDER_NONE }, nginx = { .holder = HOLDER_LINUX },
                       sshd = { .holder = HOLDER_SSHD, .actual = expected };
        Ports ports = { 0 };

        test_equal_int(ports_answer(&ports, 22, BIND_REFUSED_BY_WINDOWS, ""), 0);
        ports_get(&ports, 22)->told = CAUSE_WINDOWS_REFUSES;
        ports_forget_all(&ports);
        test_equal_int(ports_see(&ports, 22, &nobody, &expected, MODE_MIRRORED), 0);
        test_equal_int(ports_answer(&ports, 22, BIND_REFUSED_BY_WINDOWS, ""), 0);
        test_equal_int(ports_see(&ports, 22, &nobody, &expected, MODE_MIRRORED), 0);
        test_equal_int(ports_find(&ports, 22)->told, CAUSE_WINDOWS_REFUSES);
        test_equal_int(ports_see(&ports, 22, &sshd, &expected, MODE_MIRRORED), 0);
        test_equal_int(ports_find(&ports, 22)->told, CAUSE_NONE);

        ports_forget_all(&ports);
        test_equal_int(ports_see(&ports, 22, &nginx, &expected, MODE_MIRRORED), 0);
        ports_get(&ports, 22)->told = CAUSE_LINUX_HOLDS;
        test_equal_int(ports_see(&ports, 22, &nginx, &expected, MODE_MIRRORED), 0);
        test_equal_int(ports_find(&ports, 22)->told, CAUSE_LINUX_HOLDS);
        test_equal_int(ports_see(&ports, 22, &nobody, &expected, MODE_MIRRORED), 0);
        test_equal_int(ports_find(&ports, 22)->told, CAUSE_NONE);

        ports_get(&ports, 22)->told = CAUSE_HOST_SILENT;
        test_equal_int(ports_answer(&ports, 22, BIND_FREE, ""), 0);
        test_equal_int(ports_find(&ports, 22)->told, CAUSE_NONE);
        ports_done(&ports);
}

/* A port is asked for its greeting once, until it was bound or somebody wants a fresh answer. */
static void test_what_was_greeted(void) {
        Ports ports = { 0 };

        test_equal_int(ports_answer(&ports, 22, BIND_FREE, ""), 0);
        ports_get(&ports, 22)->greeted = true;
        ports_forget_grants(&ports);
        test_assert(ports_find(&ports, 22)->greeted);
        test_equal_int(ports_answer(&ports, 22, BIND_REFUSED_BY_WINDOWS, ""), 0);
        test_assert(!ports_find(&ports, 22)->greeted);

        ports_get(&ports, 22)->greeted = true;
        ports_forget_greetings(&ports);
        test_assert(!ports_find(&ports, 22)->greeted);
        test_equal_int(ports_find(&ports, 22)->bind, BIND_REFUSED_BY_WINDOWS);

        ports_get(&ports, 22)->greeted = true;
        ports_forget_all(&ports);
        test_assert(!ports_find(&ports, 22)->greeted);
        ports_done(&ports);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_look, looks),
                TEST(test_an_answer_replaces_what_was_known),
                TEST(test_forgetting),
                TEST(test_what_was_told),
                TEST(test_what_was_greeted),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
