/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greet.h"

/* wslportd-greeting PORT MILLISECONDS: prints what the server on that port of 127.0.0.1 says first, and exits with a
 * Greet. */
int main(int argc, char *argv[]) {
        char text[BANNER_SIZE_MAX];
        unsigned long timeout = 0;
        char *end = NULL;
        uint16_t port;
        size_t size;
        Greet result;

        if (argc == 3)
                timeout = strtoul(argv[2], &end, 10);
        if (!end || *end != '\0' || timeout == 0 || timeout > 60000 || parse_port(argv[1], &port) < 0) {
                fprintf(stderr, "usage: wslportd-greeting PORT MILLISECONDS (a helper of wslportd)\n");
                return 64;
        }

        result = greet(port, timeout * USEC_PER_MSEC, text, &size);
        return fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? (int) result : 64;
}
