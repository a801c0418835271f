/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/sshd.h"

#include "process/child.h"

/* sshd takes 5 to 12 ms, or waits for DNS if its configuration has host names. */
#define SSHD_TIMEOUT (5 * USEC_PER_SEC)

struct SshdQuery {
        sd_event *event;
        Child *child;
        char program[256];
        char options[SSHD_COMMAND_SIZE]; /* words */
        SshdAnswer answer;
        SshdHandler handler;
        void *userdata;
};

SshdQuery *sshd_query_free(SshdQuery *q) {
        if (!q)
                return NULL;

        child_free(q->child);
        sd_event_unref(q->event);
        free(q);
        return NULL;
}

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

static int sshd_query_run(SshdQuery *q, const char *mode, ChildHandler on_child) {
        const char *argv[SSHD_COMMAND_SIZE / 2 + 3] = { q->program, mode };
        size_t n = 2;

        WORDS_FOREACH(word, q->options)
        argv[n++] = word;

        q->child = child_free(q->child);
        return child_spawn(q->event, argv, PROGRAM_READS, SSHD_TIMEOUT, on_child, q, &q->child);
}

/* `sshd -G` tells the ports after `-T` has failed; the verdict stays. */
static void sshd_query_on_ports(const ChildResult *result, void *userdata) {
        SshdQuery *q = userdata;

        q->answer.has_dump = result->exit_status == 0 &&
                             sshd_dump_parse(result->output, &q->answer.dump) >= 0;
        q->handler(&q->answer, q->userdata);
}

static void sshd_query_on_test(const ChildResult *result, void *userdata) {
        SshdQuery *q = userdata;
        SshdAnswer *answer = &q->answer;
        const char *problem = NULL;
        int r;

        if (result->error < 0)
                problem = result->error == -ETIMEDOUT ? "did not end in time"
                          : result->error == -ENOENT  ? "could not be run"
                                                      : "was killed";
        else if (result->exit_status == 0) {
                r = sshd_dump_parse(result->output, &answer->dump);
                answer->has_dump = r >= 0;
                answer->verdict = r >= 0 ? SSHD_VERDICT_VALID : SSHD_VERDICT_UNKNOWN;
                problem = r == -E2BIG ? "has more ports or addresses than wslportd can keep track of"
                          : r < 0     ? "printed what wslportd does not understand"
                                      : NULL;
        } else {
                answer->verdict = sshd_errors_name_ours(result->errors) ? SSHD_VERDICT_OUR_FILE_REFUSED
                                                                        : SSHD_VERDICT_REFUSED;
                sshd_errors_choose(result->errors, answer->detail, sizeof(answer->detail));
                if (sshd_query_run(q, "-G", sshd_query_on_ports) >= 0)
                        return;
        }

        if (problem)
                snprintf(answer->detail, sizeof(answer->detail), "%.180s %s", q->program, problem);
        q->handler(answer, q->userdata);
}

int sshd_query(sd_event *event, const char *program, const char *options, bool with_sentinel,
               SshdHandler handler, void *userdata, SshdQuery **ret) {
        _cleanup_(sshd_query_freep) SshdQuery *q = NULL;
        char sentinel[sizeof("-oPort=65535")];
        int r;

        program = sshd_find(program);
        if (!program)
                return -ENOENT;

        q = malloc(sizeof(*q));
        if (!q)
                return -ENOMEM;
        *q = (SshdQuery){
                .event = sd_event_ref(event),
                .handler = handler,
                .userdata = userdata,
        };
        snprintf(q->program, sizeof(q->program), "%s", program);

        snprintf(sentinel, sizeof(sentinel), "-oPort=%u", SSHD_SENTINEL_PORT);
        WORDS_FOREACH(word, options)
        if (!words_append(q->options, sizeof(q->options), word))
                return -E2BIG;
        if (with_sentinel && !words_append(q->options, sizeof(q->options), sentinel))
                return -E2BIG;

        r = sshd_query_run(q, "-T", sshd_query_on_test);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(q);
        return 0;
}
