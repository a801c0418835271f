/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeter.h"

/* How long the helper process may take to start and to end. */
#define MARGIN (500 * USEC_PER_MSEC)

int greeter_start(sd_event *event, uint16_t port, usec_t timeout, ChildHandler handler, void *userdata,
                  Child **ret) {
        char number[sizeof("65535")], milliseconds[24];
        const char *const argv[] = { LIBEXECDIR "/wslportd-greeting", number, milliseconds, NULL };

        snprintf(number, sizeof(number), "%u", port);
        snprintf(milliseconds, sizeof(milliseconds), "%llu", (unsigned long long) (timeout / USEC_PER_MSEC));
        return child_spawn(event, argv, NULL, PROGRAM_NONE, timeout + MARGIN, handler, userdata, ret);
}

Greeting greeter_read(const ChildResult *result, char ret_software[static GREETING_SOFTWARE_SIZE]) {
        greeting_copy(result->output, strcspn(result->output, "\n"), ret_software);
        return result->exit_status > 0 && result->exit_status < _GREETING_MAX
                               ? (Greeting) result->exit_status
                               : GREETING_UNKNOWN;
}
