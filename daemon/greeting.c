/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "greeting.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct Greeting {
        uint16_t port;
        int fd;
        sd_event_source *io_source, *deadline_source;
        bool connected, refused;
        char data[BANNER_SIZE_MAX];
        size_t size;
        GreetingHandler handler;
        void *userdata;
};

Greeting *greeting_free(Greeting *g) {
        if (!g)
                return NULL;

        sd_event_source_disable_unref(g->io_source);
        sd_event_source_disable_unref(g->deadline_source);
        closep(&g->fd);
        free(g);
        return NULL;
}

static int greeting_finish(Greeting *g, GreetingResult result, const Banner *banner) {
        g->io_source = sd_event_source_disable_unref(g->io_source);
        g->deadline_source = sd_event_source_disable_unref(g->deadline_source);
        g->handler(g->port, result, banner, g->userdata);
        return 0;
}

static int greeting_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Greeting *g = userdata;

        (void) source, (void) usec;
        return greeting_finish(g,
                               g->refused     ? GREETING_REFUSED
                               : g->connected ? GREETING_OTHER
                                              : GREETING_UNKNOWN,
                               NULL);
}

static int greeting_on_connected(Greeting *g) {
        socklen_t length = sizeof(int);
        int error = 0;

        if (getsockopt(g->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                error = errno;
        if (error != 0)
                return greeting_finish(g, error == ECONNREFUSED ? GREETING_REFUSED : GREETING_UNKNOWN, NULL);

        g->connected = true;
        if (sd_event_source_set_io_events(g->io_source, EPOLLIN) < 0)
                return greeting_finish(g, GREETING_UNKNOWN, NULL);
        return 0;
}

static int greeting_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Greeting *g = userdata;
        Banner banner;
        ssize_t n;
        int r;

        (void) source, (void) revents;
        if (!g->connected)
                return greeting_on_connected(g);

        n = read(fd, g->data + g->size, sizeof(g->data) - g->size);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n <= 0)
                return greeting_finish(g, GREETING_OTHER, NULL);
        g->size += (size_t) n;

        r = banner_parse(g->data, g->size, &banner);
        if (r == 0)
                return 0;
        return greeting_finish(g, r > 0 ? GREETING_SSH : GREETING_OTHER, r > 0 ? &banner : NULL);
}

int greeting_start(sd_event *event, uint16_t port, usec_t timeout, GreetingHandler handler, void *userdata,
                   Greeting **ret) {
        struct sockaddr_in to = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr = { htonl(INADDR_LOOPBACK) },
        };
        _cleanup_(greeting_freep) Greeting *g = NULL;
        int r;

        g = malloc(sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->port = port;
        g->io_source = g->deadline_source = NULL;
        g->connected = g->refused = false;
        g->size = 0;
        g->handler = handler;
        g->userdata = userdata;

        g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (g->fd < 0)
                return -errno;
        if (connect(g->fd, (struct sockaddr *) &to, sizeof(to)) < 0 && errno != EINPROGRESS) {
                if (errno != ECONNREFUSED)
                        return -errno;
                /* Loopback can refuse at once; that is told from the event loop all the same. */
                g->refused = true;
                timeout = 0;
        }

        if (!g->refused) {
                r = sd_event_add_io(event, &g->io_source, g->fd, EPOLLOUT, greeting_on_io, g);
                if (r < 0)
                        return r;
                (void) sd_event_source_set_description(g->io_source, "greeting");
        }

        r = sd_event_add_time_relative(event, &g->deadline_source, CLOCK_MONOTONIC, timeout, 0,
                                       greeting_on_deadline, g);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(g->deadline_source, "greeting-deadline");

        *ret = TAKE_PTR(g);
        return 0;
}
