/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"

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

Holder greeter_read(const ChildResult *result, char ret_detail[static GREETING_SOFTWARE_SIZE]) {
        greeting_copy(result->output, strcspn(result->output, "\n"), ret_detail);
        switch (result->exit_status) {
        case GREETING_WINDOWS_OPENSSH:
                return HOLDER_WINDOWS_OPENSSH;
        case GREETING_SSH:
                return HOLDER_WINDOWS;
        case GREETING_OTHER:
                strcpy(ret_detail, "a program that does not greet as SSH");
                return HOLDER_WINDOWS;
        case GREETING_REFUSED:
                return HOLDER_NONE;
        default: /* also where the process has failed */
                return HOLDER_UNKNOWN;
        }
}
