/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "greeting.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "bindprobe.h"
#include "netns.h"
#include "test.h"

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

typedef struct Outcome {
        sd_event *event;
        Greeting *greeting;
        unsigned calls;
        GreetingResult result;
        Banner banner;
} Outcome;

static void on_greeting(uint16_t port, GreetingResult result, const Banner *banner, void *userdata) {
        Outcome *o = userdata;

        (void) port;
        o->calls++;
        o->result = result;
        if (banner)
                o->banner = *banner;
        o->greeting = greeting_free(o->greeting);
        (void) sd_event_exit(o->event, 0);
}

/* Reads a greeting from a server that says @text and then, if @hang_up, closes. */
static Outcome greet(const char *text, bool hang_up) {
        Outcome o = { 0 };
        uint16_t port;
        int server = listen_somewhere(&port), client;

        test_assert(sd_event_new(&o.event) >= 0);
        test_equal_int(greeting_start(o.event, port, 200 * USEC_PER_MSEC, on_greeting, &o, &o.greeting), 0);
        client = accept(server, NULL, NULL);
        test_assert(client >= 0);
        test_equal_int(write(client, text, strlen(text)), strlen(text));
        if (hang_up)
                close(client);
        test_assert(sd_event_loop(o.event) >= 0);
        test_equal_int(o.calls, 1);
        sd_event_unref(o.event);
        return o;
}

static void test_windows_is_named(void) {
        Outcome o = greet("SSH-2.0-OpenSSH_for_Windows_9.5\r\n", false);

        test_equal_int(o.result, GREETING_SSH);
        test_assert(o.banner.windows_openssh);
}

static void test_silence_is_told_in_time(void) {
        test_equal_int(greet("", false).result, GREETING_OTHER);
}

static void test_hang_up(void) {
        test_equal_int(greet("SSH-2.0-Open", true).result, GREETING_OTHER);
}

static void test_flood_is_cut(void) {
        char text[BANNER_SIZE_MAX + 64];

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        test_equal_int(greet(text, false).result, GREETING_OTHER);
}

static void test_refusal(void) {
        Outcome o = { 0 };
        uint16_t port;

        close(listen_somewhere(&port));
        test_assert(sd_event_new(&o.event) >= 0);
        test_equal_int(greeting_start(o.event, port, USEC_PER_SEC, on_greeting, &o, &o.greeting), 0);
        test_equal_int(o.calls, 0);
        test_assert(sd_event_loop(o.event) >= 0);
        test_equal_int(o.result, GREETING_REFUSED);
        sd_event_unref(o.event);
}

static void test_freed_early(void) {
        Outcome o = { 0 };
        uint16_t port;
        int server = listen_somewhere(&port);

        test_assert(sd_event_new(&o.event) >= 0);
        test_equal_int(greeting_start(o.event, port, USEC_PER_SEC, on_greeting, &o, &o.greeting), 0);
        o.greeting = greeting_free(o.greeting);
        test_assert(sd_event_run(o.event, 0) >= 0);
        test_equal_int(o.calls, 0);
        sd_event_unref(o.event);
        close(server);
}

/* bind() as the kernel alone answers it; Windows' part is the lab's. */
static void test_bind_tells_a_free_port(void) {
        int error;

        netns_enter();
        test_equal_string(bind_answer_to_string(bindprobe_try(22, false, &error)), "free");
        test_equal_string(bind_answer_to_string(bindprobe_try(22, true, &error)), "free");
        test_equal_int(error, 0);
}

static void test_bind_tells_a_socket_of_ours(void) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(22) };
        int error, fd;

        netns_enter();
        fd = socket(AF_INET, SOCK_STREAM, 0);
        /* Without SO_REUSEADDR, and not listening: inet_diag's list of listeners doesn't show it. */
        test_assert(bind(fd, (struct sockaddr *) &name, sizeof(name)) >= 0);
        test_equal_string(bind_answer_to_string(bindprobe_try(22, false, &error)), "refused-by-linux");
        close(fd);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_windows_is_named),
                TEST(test_silence_is_told_in_time),
                TEST(test_hang_up),
                TEST(test_flood_is_cut),
                TEST(test_refusal),
                TEST(test_freed_early),
                TEST(test_bind_tells_a_free_port),
                TEST(test_bind_tells_a_socket_of_ours),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
