/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindprobe.h"

int bindprobe_start(sd_event *event, const char *address, uint16_t port, usec_t timeout,
                    ChildHandler handler, void *userdata, Child **ret) {
        char number[sizeof("65535")];
        const char *const argv[] = { LIBEXECDIR "/wslportd-bindprobe", address, number, NULL };

        snprintf(number, sizeof(number), "%u", port);
        return child_spawn(event, argv, NULL, PROGRAM_BINDS, timeout, handler, userdata, ret);
}

BindAnswer bindprobe_read(const ChildResult *result, char ret_detail[static BINDPROBE_DETAIL_SIZE]) {
        const char *detail = result->output + strcspn(result->output, " \n");
        BindAnswer answer;
        char word[32];

        if (result->exit_status != 0) {
                answer = result->error == -ETIMEDOUT ? BIND_NO_ANSWER : BIND_FAILED;
                snprintf(ret_detail, BINDPROBE_DETAIL_SIZE, "%s",
                         answer == BIND_FAILED ? "the bind helper did not run" : "");
                return answer;
        }

        snprintf(word, sizeof(word), "%.*s", (int) (detail - result->output), result->output);
        detail += *detail == ' ';
        snprintf(ret_detail, BINDPROBE_DETAIL_SIZE, "%.*s", (int) strcspn(detail, "\n"), detail);
        return bind_answer_from_string(word, &answer) < 0 || answer == BIND_NOT_ASKED ? BIND_FAILED : answer;
}
