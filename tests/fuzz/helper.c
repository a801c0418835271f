/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/fuzz.h"
#include "process/helper.h"

/* A request to the helper, as whoever has taken the daemon over would send it: what comes of it points into the message,
 * in order and without gaps, and nothing is run that isn't the daemon's business. */

static const char *require_strings(const char *const strings[], uint32_t n, const char *next, const char *end) {
        for (uint32_t i = 0; i < n; i++) {
                require(strings[i] == next);
                require(memchr(next, '\0', (size_t) (end - next)));
                next += strlen(next) + 1;
        }
        require(!strings[n]);
        return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        size_t n_fds = fuzz_byte(&input) % 4;
        const char *strings[HELPER_STRINGS_MAX];
        const char *const *argv, *const *environment;
        _cleanup_free_ char *message = malloc(input.size + (input.size == 0));
        HelperRequest request;
        const char *next;

        require(message);
        memcpy(message, input.data, input.size);
        fuzz_untouched(request);
        if (helper_parse(message, input.size, n_fds, &request, strings, &argv, &environment) < 0) {
                require_untouched(request);
                return 0;
        }

        require(request.task < _HELPER_TASK_MAX && request.rights < _PROGRAM_RIGHTS_MAX);
        require(n_fds == (request.task == HELPER_RUN ? 2 : 0));
        next = require_strings(argv, request.n_arguments, message + sizeof(request), message + input.size);
        next = require_strings(environment, request.n_variables, next, message + input.size);
        require(next == message + input.size);

        if (request.task == HELPER_RUN && helper_may_run(argv[0], request.rights)) {
                require(argv[0][0] == '/');
                require(request.rights != PROGRAM_READS || strstr(argv[0], "/sshd"));
                require(request.rights != PROGRAM_ALL || strstr(argv[0], "/Windows/System32/") ||
                        streq(argv[0], "/usr/bin/wslinfo") || streq(argv[0], LIBEXECDIR "/wslportd-diagnose"));
        }
        return 0;
}
