/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindprobe.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "unit/netns.h"
#include "unit/test.h"

static const struct {
        const char *name;
        ChildResult result;
        BindAnswer answer;
        const char *detail;
} results[] = {
        { "free", { 0, 0, "free\n", "" }, BIND_FREE, "" },
        { "Windows holds it", { 0, 0, "refused-by-windows\n", "" }, BIND_REFUSED_BY_WINDOWS, "" },
        { "an error of bind()", { 0, 0, "failed EACCES\n", "" }, BIND_FAILED, "EACCES" },
        { "a word of nobody's", { 0, 0, "perhaps\n", "" }, BIND_FAILED, "" },
        { "no answer is none", { 0, 0, "not-asked\n", "" }, BIND_FAILED, "" },
        { "nothing at all", { 0, 0, "", "" }, BIND_FAILED, "" },
        { "Windows does not answer", { -ETIMEDOUT, -1, "", "" }, BIND_NO_ANSWER, "" },
        { "wrong usage", { 0, 2, "", "usage" }, BIND_FAILED, "the bind helper did not run" },
        { "no such program", { -ENOENT, -1, "", "" }, BIND_FAILED, "the bind helper did not run" },
};

static void test_read(const void *data) {
        const __typeof__(results[0]) *row = data;
        char detail[BINDPROBE_DETAIL_SIZE];

        test_equal_string(bind_answer_to_string(bindprobe_read(&row->result, detail)),
                          bind_answer_to_string(row->answer));
        test_equal_string(detail, row->detail);
}

/* Here the kernel alone answers bind(). The lab has Windows' part. */
static void test_bind_tells_a_free_port(void) {
        int error;

        netns_enter();
        test_equal_string(bind_answer_to_string(bindtry("0.0.0.0", 22, &error)), "free");
        test_equal_string(bind_answer_to_string(bindtry("::", 22, &error)), "free");
        test_equal_int(error, 0);
}

static void test_bind_tells_a_socket_of_ours(void) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(22) };
        int error, fd;

        netns_enter();
        fd = socket(AF_INET, SOCK_STREAM, 0);
        /* A socket without SO_REUSEADDR that doesn't listen, so that inet_diag doesn't list it. */
        test_assert(bind(fd, (struct sockaddr *) &name, sizeof(name)) >= 0);
        test_equal_string(bind_answer_to_string(bindtry("0.0.0.0", 22, &error)), "refused-by-linux");
        close(fd);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_read, results),
                TEST(test_bind_tells_a_free_port),
                TEST(test_bind_tells_a_socket_of_ours),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
