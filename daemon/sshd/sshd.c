/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/sshd.h"

/* sshd takes 5 to 12 ms, or waits for DNS if its configuration has host names. */
#define SSHD_TIMEOUT (5 * USEC_PER_SEC)

const char *sshd_find(const char *program) {
        static const char *const programs[] = { "/usr/sbin/sshd", "/usr/bin/sshd" };
        const char *slash = strrchr(program, '/');

        if (slash && streq(slash, "/sshd") && access(program, X_OK) >= 0)
                return program;

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i], X_OK) >= 0)
                        return programs[i];

        return NULL;
}

int sshd_ask(sd_event *event, SshdQuestion question, const char *program, const char *options,
             ChildHandler handler, void *userdata, Child **ret) {
        const char *argv[SSHD_COMMAND_SIZE / 2 + 4] = { sshd_find(program) };
        char sentinel[sizeof("-oPort=65535")];
        size_t n = 1;

        if (!argv[0])
                return -ENOENT;

        argv[n++] = question == SSHD_PRINT_HOME ? "-G" : "-T";
        WORDS_FOREACH (word, options)
                argv[n++] = word;
        snprintf(sentinel, sizeof(sentinel), "-oPort=%u", SSHD_SENTINEL_PORT);
        if (question != SSHD_TEST)
                argv[n++] = sentinel;

        return child_spawn(event, argv, PROGRAM_READS, SSHD_TIMEOUT, handler, userdata, ret);
}

void sshd_read_answer(const ChildResult *result, SshdAnswer *ret) {
        SshdAnswer answer = { .verdict = SSHD_VERDICT_UNKNOWN };
        const char *problem = "";
        int r;

        if (result->error < 0)
                problem = result->error == -ETIMEDOUT ? "sshd did not end in time"
                          : result->error == -ENOENT  ? "sshd could not be run"
                                                      : "sshd was killed";
        else if (result->exit_status == 0) {
                r = sshd_dump_parse(result->output, &answer.dump);
                answer.has_dump = r >= 0;
                if (r >= 0)
                        answer.verdict = SSHD_VERDICT_VALID;
                else
                        problem = r == -E2BIG ? SSHD_TOO_MANY
                                              : "sshd printed what wslportd does not understand";
        } else {
                answer.verdict = sshd_errors_name_ours(result->errors) ? SSHD_VERDICT_OUR_FILE_REFUSED
                                                                       : SSHD_VERDICT_REFUSED;
                sshd_errors_choose(result->errors, answer.detail, sizeof(answer.detail));
        }

        if (*problem)
                snprintf(answer.detail, sizeof(answer.detail), "%s", problem);
        *ret = answer;
}
