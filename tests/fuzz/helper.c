/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/helper.h"
#include "fuzz/fuzz.h"

/* A request to the helper, as whoever has taken the daemon over would send it: the strings of a good request
 * point into the message, in order and without gaps, and the helper runs nothing that isn't the daemon's
 * business. */

static const char *require_string(const char *string, const char *next, const char *end) {
        require(string == next);
        require(memchr(next, '\0', (size_t) (end - next)));
        return next + strlen(next) + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        size_t n_fds = fuzz_byte(&input) % 4;
        const char *argv[HELPER_ARGUMENTS_MAX + 1], *variable = NULL, *next;
        _cleanup_free_ char *message = malloc(input.size + (input.size == 0));
        HelperRequest request;

        require(message);
        memcpy(message, input.data, input.size);
        fuzz_untouched(request);
        if (helper_parse(message, input.size, n_fds, &request, argv, &variable) < 0) {
                require_untouched(request);
                require(!variable);
                return 0;
        }

        require(request.task < _HELPER_TASK_MAX && request.rights < _PROGRAM_RIGHTS_MAX);
        require(n_fds == (request.task == HELPER_RUN ? 2 : 0));
        next = message + sizeof(request);
        for (uint32_t i = 0; i < request.n_arguments; i++)
                next = require_string(argv[i], next, message + input.size);
        require(!argv[request.n_arguments]);
        require((request.n_variables == 1) == (variable != NULL));
        if (variable) {
                require(startswith(variable, "WSL_INTEROP="));
                next = require_string(variable, next, message + input.size);
        }
        require(next == message + input.size);

        if (request.task == HELPER_RUN && helper_may_run(argv[0], request.rights)) {
                require(argv[0][0] == '/');
                require(request.rights != PROGRAM_READS || strstr(argv[0], "/sshd"));
                require(request.rights != PROGRAM_ALL || strstr(argv[0], "/Windows/System32/") ||
                        streq(argv[0], "/usr/bin/wslinfo") ||
                        streq(argv[0], LIBEXECDIR "/wslportd-diagnose"));
        }
        return 0;
}
