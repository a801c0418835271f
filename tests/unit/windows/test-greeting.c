/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "unit/netns.h"
#include "unit/test.h"

static const struct {
        const char *name;
        const char *data;
        int result;
        Greeting greeting;
        const char *software;
} greetings[] = {
        { "Windows, inbox", "SSH-2.0-OpenSSH_for_Windows_9.5\r\n", 1, GREETING_WINDOWS_OPENSSH,
          "OpenSSH_for_Windows_9.5" },
        { "Windows, from GitHub", "SSH-2.0-OpenSSH_for_Windows_9.8 Win32-OpenSSH-GitHub\r\n", 1,
          GREETING_WINDOWS_OPENSSH, "OpenSSH_for_Windows_9.8" },
        { "Windows, the old port", "SSH-2.0-OpenSSH_7.1p1 Microsoft_Win32_port_with_VS\r\n", 1,
          GREETING_WINDOWS_OPENSSH, "OpenSSH_7.1p1" },
        { "Debian", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n", 1, GREETING_SSH, "OpenSSH_9.2p1" },
        { "compatible with version 1", "SSH-1.99-Cisco-1.25\n", 1, GREETING_SSH, "Cisco-1.25" },
        { "without CR", "SSH-2.0-dropbear_2022.83\n", 1, GREETING_SSH, "dropbear_2022.83" },
        { "lines before", "Authorised users only\r\n\r\nSSH-2.0-x\r\n", 1, GREETING_SSH, "x" },
        { "nothing yet", "", 0, GREETING_UNKNOWN, NULL },
        { "half a line", "SSH-2.0-OpenSSH_for_Win", 0, GREETING_UNKNOWN, NULL },
        { "an older protocol", "SSH-1.5-x\r\n", -EBADMSG, GREETING_UNKNOWN, NULL },
        { "a web server waits, and so do we", "HTTP/1.1 400 Bad Request\r\n\r\n", 0, GREETING_UNKNOWN,
          NULL },
        { "escapes are taken out", "SSH-2.0-\033[31mOpen\aSSH\x9b_9\r\n", 1, GREETING_SSH, "[31mOpenSSH_9" },
        { "no longer than it should be",
          "SSH-2.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1, GREETING_SSH,
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "Windows in the comment only", "SSH-2.0-x OpenSSH_for_Windows_9.5\r\n", 1, GREETING_SSH, "x" },
        { "no software at all", "SSH-2.0-\r\n", 1, GREETING_SSH, "" },
};

static void test_parse(const void *data) {
        const __typeof__(greetings[0]) *row = data;
        char software[GREETING_SOFTWARE_SIZE] = "untouched";
        Greeting greeting = GREETING_UNKNOWN;

        test_equal_int(greeting_parse(row->data, strlen(row->data), &greeting, software), row->result);
        test_equal_string(software, row->software ? row->software : "untouched");
        test_equal_int(greeting, row->greeting);
}

static void test_overlong_line_is_refused(void) {
        char data[300], software[GREETING_SOFTWARE_SIZE];
        Greeting greeting;

        memset(data, 'a', sizeof(data));
        memcpy(data, "SSH-2.0-", 8);
        test_equal_int(greeting_parse(data, sizeof(data), &greeting, software), -EBADMSG);
}

static void test_endless_lines_are_refused(void) {
        char data[GREETING_SIZE_MAX], software[GREETING_SOFTWARE_SIZE];
        Greeting greeting;

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = i % 64 == 63 ? '\n' : 'a';
        test_equal_int(greeting_parse(data, sizeof(data), &greeting, software), -EBADMSG);
        test_equal_int(greeting_parse(data, sizeof(data) - 1, &greeting, software), 0);
}

static void test_nul_bytes(void) {
        static const char data[] = "SSH-2.0-a\0b\r\n";
        char software[GREETING_SOFTWARE_SIZE];
        Greeting greeting;

        test_equal_int(greeting_parse(data, sizeof(data) - 1, &greeting, software), 1);
        test_equal_string(software, "ab");
}

static const struct {
        const char *name;
        ChildResult result;
        Holder holder;
        const char *detail;
} results[] = {
        { "Windows",
          { 0, GREETING_WINDOWS_OPENSSH, "OpenSSH_for_Windows_9.5\n", "" },
          HOLDER_WINDOWS_OPENSSH,
          "OpenSSH_for_Windows_9.5" },
        { "another server", { 0, GREETING_SSH, "dropbear\n", "" }, HOLDER_WINDOWS, "dropbear" },
        { "refused", { 0, GREETING_REFUSED, "\n", "" }, HOLDER_NONE, "" },
        { "no SSH",
          { 0, GREETING_OTHER, "\n", "" },
          HOLDER_WINDOWS,
          "a program that does not greet as SSH" },
        { "no connection", { 0, GREETING_UNKNOWN, "\n", "" }, HOLDER_UNKNOWN, "" },
        { "wrong usage", { 0, 64, "", "usage" }, HOLDER_UNKNOWN, "" },
        { "not in time", { -ETIMEDOUT, -1, "", "" }, HOLDER_UNKNOWN, "" },
        { "not there", { -ENOENT, -1, "", "" }, HOLDER_UNKNOWN, "" },
        { "a helper gone wild",
          { 0, GREETING_SSH, "\033[2J aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
          HOLDER_WINDOWS,
          "[2Jaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
};

static void test_read(const void *data) {
        const __typeof__(results[0]) *row = data;
        char detail[GREETING_SOFTWARE_SIZE];

        test_equal_int(greeter_read(&row->result, detail), row->holder);
        test_equal_string(detail, row->detail);
}

/* Returns a listener on 127.0.0.1, and its port in *@ret_port. */
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

/* Asks a server that says @text and then, if @hang_up, closes. */
static Greeting ask_server(const char *text, bool hang_up,
                           char ret_software[static GREETING_SOFTWARE_SIZE]) {
        uint16_t port;
        int server = listen_somewhere(&port);
        Greeting greeting;
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

        greeting = greeting_ask(port, 200 * USEC_PER_MSEC, ret_software);
        kill(pid, SIGKILL);
        test_equal_int(waitpid(pid, NULL, 0), pid);
        close(server);
        return greeting;
}

static void test_windows_is_named(void) {
        char software[GREETING_SOFTWARE_SIZE];

        test_equal_int(ask_server("SSH-2.0-OpenSSH_for_Windows_9.5\r\n", false, software),
                       GREETING_WINDOWS_OPENSSH);
        test_equal_string(software, "OpenSSH_for_Windows_9.5");
}

static void test_silence_is_told_in_time(void) {
        char software[GREETING_SOFTWARE_SIZE];

        test_equal_int(ask_server("", false, software), GREETING_OTHER);
        test_equal_string(software, "");
}

static void test_hang_up(void) {
        char software[GREETING_SOFTWARE_SIZE];

        test_equal_int(ask_server("SSH-2.0-Open", true, software), GREETING_OTHER);
        test_equal_string(software, "");
}

static void test_flood_is_cut(void) {
        char flood[2 * GREETING_SIZE_MAX], software[GREETING_SOFTWARE_SIZE];

        memset(flood, 'x', sizeof(flood));
        flood[sizeof(flood) - 1] = '\0';
        test_equal_int(ask_server(flood, false, software), GREETING_OTHER);
        test_equal_string(software, "");
}

static void test_refusal(void) {
        char software[GREETING_SOFTWARE_SIZE];
        uint16_t port;

        close(listen_somewhere(&port));
        test_equal_int(greeting_ask(port, USEC_PER_SEC, software), GREETING_REFUSED);
        test_equal_string(software, "");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_parse, greetings),
                TEST(test_overlong_line_is_refused),
                TEST(test_endless_lines_are_refused),
                TEST(test_nul_bytes),
                TEST_TABLE(test_read, results),
                TEST(test_windows_is_named),
                TEST(test_silence_is_told_in_time),
                TEST(test_hang_up),
                TEST(test_flood_is_cut),
                TEST(test_refusal),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
