/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reserve PORT: does what portreserve(1) did, which Debian no longer has. It binds a port, without listening, and closes it at
 * a message on a socket. It uses libc alone. */
#include <netinet/in.h>
#include <sys/un.h>

#include "lab/lab.h"

int main(int argc, char *argv[]) {
        struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "/run/bench-reserve" };
        struct sockaddr_in port = { .sin_family = AF_INET, .sin_port = htons((uint16_t) (argc > 1 ? atoi(argv[1]) : 0)) };
        int port_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char service[64];

        unlink(name.sun_path);
        if (port_fd < 0 || bind(port_fd, (struct sockaddr *) &port, sizeof(port)) < 0 || fd < 0 ||
            bind(fd, (struct sockaddr *) &name, sizeof(name)) < 0)
                err(EXIT_FAILURE, "port %s", argc > 1 ? argv[1] : "");
        while (recv(fd, service, sizeof(service), 0) >= 0)
                port_fd = lab_close(port_fd);
        return EXIT_SUCCESS;
}
