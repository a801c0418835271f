/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindprobe.h"

/* wslportd-bindprobe ADDRESS PORT: prints one word of BindAnswer, and an errno's name behind it if bind()
 * failed. */
int main(int argc, char *argv[]) {
        BindAnswer answer;
        uint16_t port;
        int error;

        if (argc != 3 || parse_port(argv[2], &port) < 0) {
                fprintf(stderr, "usage: wslportd-bindprobe ADDRESS PORT (a helper of wslportd)\n");
                return 2;
        }

        answer = bindtry(argv[1], port, &error);
        printf("%s%s%s\n", bind_answer_to_string(answer), error ? " " : "",
               error ? strerrorname_np(error) : "");
        return fflush(stdout) == 0 ? 0 : 1;
}
