/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greet.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "windows/bindtry.h"
#include "unit/netns.h"
#include "unit/test.h"

/* A listener on 127.0.0.1; its port is in *@ret_port. */
static int listen_somewhere(uint16_t *ret_port) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t length = sizeof(name);
        int fd;

        netns_enter();
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        test_assert(fd >= 0 && bind(fd, (struct sockaddr *) &name, sizeof(name)) >= 0 && listen(fd, 4) >= 0);
        test_assert(getsockname(fd, (struct sockaddr *) &name, &length) >= 0);
        *ret_port = ntohs(name.sin_port);
        return fd;
}

/* Greets a server that says @text and then, if @hang_up, closes. */
static Greet greet_server(const char *text, bool hang_up, char ret[static BANNER_SIZE_MAX + 1]) {
        uint16_t port;
        int server = listen_somewhere(&port);
        size_t size;
        Greet result;
        pid_t pid;

        pid = fork();
        test_assert(pid >= 0);
        if (pid == 0) {
                int client = accept(server, NULL, NULL);

                if (client < 0 || write(client, text, strlen(text)) < 0)
                        _exit(1);
                if (!hang_up)
                        pause();
                _exit(0);
        }

        result = greet(port, 200 * USEC_PER_MSEC, ret, &size);
        ret[size] = '\0';
        kill(pid, SIGKILL);
        test_equal_int(waitpid(pid, NULL, 0), pid);
        close(server);
        return result;
}

static void test_windows_is_named(void) {
        char text[BANNER_SIZE_MAX + 1];

        test_equal_int(greet_server("SSH-2.0-OpenSSH_for_Windows_9.5\r\n", false, text), GREET_HEARD);
        test_equal_string(text, "SSH-2.0-OpenSSH_for_Windows_9.5\r\n");
}

static void test_silence_is_told_in_time(void) {
        char text[BANNER_SIZE_MAX + 1];

        test_equal_int(greet_server("", false, text), GREET_HEARD);
        test_equal_string(text, "");
}

static void test_hang_up(void) {
        char text[BANNER_SIZE_MAX + 1];

        test_equal_int(greet_server("SSH-2.0-Open", true, text), GREET_HEARD);
        test_equal_string(text, "SSH-2.0-Open");
}

static void test_flood_is_cut(void) {
        char flood[2 * BANNER_SIZE_MAX], text[BANNER_SIZE_MAX + 1];

        memset(flood, 'x', sizeof(flood));
        flood[sizeof(flood) - 1] = '\0';
        test_equal_int(greet_server(flood, false, text), GREET_HEARD);
        test_assert(strlen(text) > 0);
}

static void test_refusal(void) {
        char text[BANNER_SIZE_MAX];
        uint16_t port;
        size_t size;

        close(listen_somewhere(&port));
        test_equal_int(greet(port, USEC_PER_SEC, text, &size), GREET_REFUSED);
        test_equal_int(size, 0);
}

/* bind() as the kernel alone answers it; Windows' part is the lab's. */
static void test_bind_tells_a_free_port(void) {
        int error;

        netns_enter();
        test_equal_string(bind_answer_to_string(bindtry(22, false, &error)), "free");
        test_equal_string(bind_answer_to_string(bindtry(22, true, &error)), "free");
        test_equal_int(error, 0);
}

static void test_bind_tells_a_socket_of_ours(void) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(22) };
        int error, fd;

        netns_enter();
        fd = socket(AF_INET, SOCK_STREAM, 0);
        /* Without SO_REUSEADDR, and not listening: inet_diag's list of listeners doesn't show it. */
        test_assert(bind(fd, (struct sockaddr *) &name, sizeof(name)) >= 0);
        test_equal_string(bind_answer_to_string(bindtry(22, false, &error)), "refused-by-linux");
        close(fd);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_windows_is_named),
                TEST(test_silence_is_told_in_time),
                TEST(test_hang_up),
                TEST(test_flood_is_cut),
                TEST(test_refusal),
                TEST(test_bind_tells_a_free_port),
                TEST(test_bind_tells_a_socket_of_ours),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
