/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The benchmarks' tools in the machine. Each one prints its figures, one a line.
 *
 * yardstick flood N                               opens and closes N connections on an own port; ns for all
 * yardstick connections N                         holds N connections until it is killed; prints "held"
 * yardstick subscriber                            joins the daemon's two netlink groups, without a filter; prints "joined"
 * yardstick cpu N COMMAND…                        runs a command N times; µs of CPU for each
 * yardstick get N DESTINATION PATH INTERFACE NAME reads a property N times, over one connection; ns for all
 * yardstick call N METHOD                         calls a method of the daemon's N times; ns for all
 * yardstick listen ADDRESS PORT N PAUSE           listens N times; ns from each listen() to the daemon's signal
 * yardstick stir ADDRESS PORT N                   listens N times, each until the daemon's signal
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <systemd/sd-bus.h>

#include "lab/lab.h"

#define DAEMON "org.wslport1"
#define DAEMON_PATH "/org/wslport1"
#define DAEMON_INTERFACE "org.wslport1.Manager"
#define SIGNAL_TIMEOUT_USEC (70 * 1000 * 1000) /* the daemon's pace may delay an evaluation by a minute */
#define PER_PROCESS 2000 /* connections; the guest has some 4,000 ports of its own */

static long long now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void say(const char *word) {
        puts(word);
        fflush(stdout);
}

static int listener(const char *address, int port, struct sockaddr_in *ret) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        socklen_t size = sizeof(name);
        int fd, on = 1;

        if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
                errx(EXIT_FAILURE, "%s is no address", address);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (struct sockaddr *) &name, sizeof(name)) < 0 || listen(fd, SOMAXCONN) < 0 ||
            getsockname(fd, (struct sockaddr *) &name, &size) < 0)
                err(EXIT_FAILURE, "%s:%d", address, port);
        if (ret)
                *ret = name;
        return fd;
}

static int connected(const struct sockaddr_in *to, int listener_fd, int *ret_served) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *) to, sizeof(*to)) < 0 ||
            (*ret_served = accept(listener_fd, NULL, NULL)) < 0)
                err(EXIT_FAILURE, "a connection");
        return fd;
}

static void flood(long count) {
        const struct linger reset = { .l_onoff = 1 }; /* no TIME_WAIT */
        struct sockaddr_in name;
        int fd = listener("127.0.0.2", 0, &name);
        long long start = now();

        for (long i = 0; i < count; i++) {
                int served, client = connected(&name, fd, &served);

                if (setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
                        err(EXIT_FAILURE, "SO_LINGER");
                close(client);
                close(served);
        }
        printf("%lld\n", now() - start);
}

/* Several processes hold the connections, as one can't have so many descriptors. */
static void connections(long count) {
        int ready[2];
        char byte;

        if (pipe(ready) < 0)
                err(EXIT_FAILURE, "pipe");
        for (long first = 0; first < count; first += PER_PROCESS) {
                long here = count - first < PER_PROCESS ? count - first : PER_PROCESS;
                pid_t pid = fork();

                if (pid < 0)
                        err(EXIT_FAILURE, "fork");
                if (pid == 0) {
                        struct sockaddr_in name;
                        char address[32];
                        int fd, served;

                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        snprintf(address, sizeof(address), "127.0.9.%ld", 1 + first / PER_PROCESS);
                        fd = listener(address, 0, &name);
                        for (long i = 0; i < here; i++)
                                (void) connected(&name, fd, &served);
                        if (write(ready[1], "", 1) != 1)
                                err(EXIT_FAILURE, "write");
                        for (;;)
                                pause();
                }
                if (read(ready[0], &byte, 1) != 1)
                        err(EXIT_FAILURE, "a process of connections");
        }
        say("held");
        for (;;)
                pause();
}

static void subscriber(void) {
        static const int groups[] = { SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY };
        struct sockaddr_nl name = { .nl_family = AF_NETLINK };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        char buffer[8192];

        if (fd < 0 || bind(fd, (struct sockaddr *) &name, sizeof(name)) < 0)
                err(EXIT_FAILURE, "netlink");
        for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
                if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
                        err(EXIT_FAILURE, "netlink");
        say("joined");
        while (recv(fd, buffer, sizeof(buffer), 0) >= 0 || errno == ENOBUFS)
                ;
        err(EXIT_FAILURE, "netlink");
}

static void cpu(long count, char *argv[]) {
        for (long i = 0; i < count; i++) {
                struct rusage usage;
                pid_t pid = fork();

                if (pid == 0) {
                        if (!freopen("/dev/null", "w", stdout))
                                _exit(EXIT_FAILURE);
                        execvp(argv[0], argv);
                        _exit(127);
                }
                if (pid < 0 || wait4(pid, NULL, 0, &usage) < 0)
                        err(EXIT_FAILURE, "%s", argv[0]);
                printf("%ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec +
                                                usage.ru_stime.tv_usec);
        }
}

static void check(int r, const char *what) {
        if (r < 0) {
                errno = -r;
                err(EXIT_FAILURE, "%s", what);
        }
}

static sd_bus *open_bus(void) {
        sd_bus *bus;

        check(sd_bus_open_system(&bus), "the system bus");
        return bus;
}

static void call(long count, const char *destination, const char *path, const char *interface, const char *method,
                 const char *of, const char *name) {
        sd_bus *bus = open_bus();
        long long start = 0;

        for (long i = -1; i < count; i++) { /* the first call isn't timed: it may have to start a service */
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus_message *answer = NULL;

                if (i == 0)
                        start = now();
                check(sd_bus_call_method(bus, destination, path, interface, method, &error, &answer, of ? "ss" : "", of,
                                         name), error.message ? error.message : method);
                sd_bus_message_unref(answer);
        }
        printf("%lld\n", now() - start);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        long long *at = userdata;

        (void) m, (void) error;
        *at = now();
        return 0;
}

/* Waits for a signal. Returns its time, or 0 if none comes within `usec`. */
static long long await(sd_bus *bus, long long *at, uint64_t usec) {
        long long deadline = now() + (long long) usec * 1000;

        *at = 0;
        while (*at == 0 && now() < deadline) {
                int r = sd_bus_process(bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(bus, (uint64_t) (deadline - now()) / 1000 + 1);
                check(r, "the system bus");
        }
        return *at;
}

static void listen_often(const char *address, int port, long count, uint64_t pause_usec, int print) {
        sd_bus *bus = open_bus();
        long long at = 0;

        check(sd_bus_match_signal(bus, NULL, DAEMON, DAEMON_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                  on_changed, &at), "a match");
        for (long i = 0; i < count; i++) {
                while (pause_usec > 0 && await(bus, &at, pause_usec) > 0)
                        ; /* signals about the listener before */

                long long start = now();
                int fd = listener(address, port, NULL);

                if (await(bus, &at, SIGNAL_TIMEOUT_USEC) == 0)
                        errx(EXIT_FAILURE, "the daemon does not tell of %s:%d", address, port);
                if (print)
                        printf("%lld\n", at - start);
                close(fd);
                if (await(bus, &at, SIGNAL_TIMEOUT_USEC) == 0)
                        errx(EXIT_FAILURE, "the daemon does not tell that %s:%d is left", address, port);
        }
}

int main(int argc, char *argv[]) {
        const char *verb = argc > 1 ? argv[1] : "";
        long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

        if (argc == 3 && strcmp(verb, "flood") == 0)
                flood(count);
        else if (argc == 3 && strcmp(verb, "connections") == 0)
                connections(count);
        else if (argc == 2 && strcmp(verb, "subscriber") == 0)
                subscriber();
        else if (argc > 3 && strcmp(verb, "cpu") == 0)
                cpu(count, argv + 3);
        else if (argc == 7 && strcmp(verb, "get") == 0)
                call(count, argv[3], argv[4], "org.freedesktop.DBus.Properties", "Get", argv[5], argv[6]);
        else if (argc == 4 && strcmp(verb, "call") == 0)
                call(count, DAEMON, DAEMON_PATH, DAEMON_INTERFACE, argv[3], NULL, NULL);
        else if (argc == 6 && strcmp(verb, "listen") == 0)
                listen_often(argv[2], atoi(argv[3]), strtol(argv[4], NULL, 10), strtoull(argv[5], NULL, 10), 1);
        else if (argc == 5 && strcmp(verb, "stir") == 0)
                listen_often(argv[2], atoi(argv[3]), strtol(argv[4], NULL, 10), 0, 0);
        else
                errx(EXIT_FAILURE, "see the head of its source");
        return EXIT_SUCCESS;
}
