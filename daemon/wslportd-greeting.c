/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"

/* wslportd-greeting PORT MILLISECONDS: asks the server on that port of 127.0.0.1 for its greeting, prints
 * the name of its software, and exits with a Greeting. */
int main(int argc, char *argv[]) {
        char software[GREETING_SOFTWARE_SIZE];
        unsigned long timeout = 0;
        char *end = NULL;
        uint16_t port;
        Greeting greeting;

        if (argc == 3)
                timeout = strtoul(argv[2], &end, 10);
        if (!end || *end != '\0' || timeout == 0 || timeout > 60000 || parse_port(argv[1], &port) < 0) {
                fprintf(stderr, "usage: wslportd-greeting PORT MILLISECONDS (a helper of wslportd)\n");
                return 64;
        }

        greeting = greeting_ask(port, timeout * USEC_PER_MSEC, software);
        printf("%s\n", software);
        return fflush(stdout) == 0 ? (int) greeting : 64;
}
