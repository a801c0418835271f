/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/sshd.h"

#include <limits.h>
#include <sys/stat.h>

#include "process/helper.h"

/* sshd takes 5 to 12 ms, or waits for DNS if its configuration has host names. */
#define SSHD_TIMEOUT (5 * USEC_PER_SEC)

struct SshdInquiry {
        sd_event *event;
        char program[256], options[SSHD_COMMAND_SIZE];
        const char *more;
        enum { STEP_DUMP, STEP_TEST, STEP_PRINT, STEP_END } step;
        Child *child;
        SshdAnswer answer;
        SshdHandler handler;
        void *userdata;
};

const char *sshd_find(const char *program) {
        static const char *const programs[] = { "/usr/sbin/sshd", "/usr/bin/sshd" };
        const char *slash = strrchr(program, '/');

        if (slash && streq(slash, "/sshd"))
                return access(program, X_OK) >= 0 || errno == EACCES ? program : NULL;

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i], X_OK) >= 0)
                        return programs[i];

        return NULL;
}

SshdInquiry *sshd_inquiry_free(SshdInquiry *inquiry) {
        if (!inquiry)
                return NULL;

        child_free(inquiry->child);
        sd_event_unref(inquiry->event);
        free(inquiry);
        return NULL;
}

/* The daemon, which has the helper, tells everybody what sshd says. Cuts what sshd says of a line that only root may
 * read. */
static void keep_secret(char *words, size_t size) {
        char path[PATH_MAX], real[PATH_MAX], *line = strstr(words, " line ");
        struct stat st;
        bool readable;

        if (!helper_is_there() || words[0] != '/' || !line)
                return;
        line += strcspn(line, ":");
        snprintf(path, sizeof(path), "%.*s", (int) strcspn(words, ": "), words);
        readable = realpath(path, real) && stat(real, &st) >= 0 && (st.st_mode & S_IROTH);
        for (char *end = real; readable && (end = strchr(end + 1, '/')); *end = '/') {
                *end = '\0';
                readable = stat(real, &st) >= 0 && (st.st_mode & S_IXOTH);
        }
        if (!readable)
                snprintf(line, size - (size_t) (line - words), ": only root may read that line");
}

/* Adds a result to the answer. -G says nothing about the verdict. */
static void inquiry_read(SshdInquiry *q, const ChildResult *result) {
        const char *keyless = strstr(result->errors, "no hostkeys available");
        bool accepts = result->exit_status == 0;
        SshdAnswer *a = &q->answer;
        int error = result->error;
        char words[200];

        if (accepts && q->step != STEP_TEST)
                error = sshd_dump_parse(result->output, &a->dump);
        a->has_dump = accepts && q->step != STEP_TEST && error >= 0;
        if (q->step == STEP_PRINT)
                return;

        a->verdict = accepts                                          ? SSHD_VERDICT_VALID
                     : result->error < 0 || q->step == STEP_DUMP      ? SSHD_VERDICT_UNKNOWN
                     : sshd_errors_name_ours(result->errors)          ? SSHD_VERDICT_OUR_FILE_REFUSED
                     : keyless && !strstr(result->errors, "too open") ? SSHD_VERDICT_KEYLESS
                                                                      : SSHD_VERDICT_REFUSED;
        sshd_errors_choose(result->errors, words, sizeof(words));
        keep_secret(words, sizeof(words));
        if (error < 0)
                snprintf(a->detail, sizeof(a->detail), "%s",
                         error == -ETIMEDOUT ? "sshd did not end in time"
                         : error == -ENOENT  ? "sshd could not be run"
                         : error == -EIO     ? "sshd was killed"
                         : error == -E2BIG   ? SSHD_TOO_MANY
                                             : "sshd printed what wslportd does not understand");
        else if (!accepts) /* sshd says first what is wrong with each key, and then that there is none left */
                snprintf(a->detail, sizeof(a->detail), "%s%s",
                         q->step == STEP_DUMP                       ? "sshd -T fails: "
                         : keyless && !strstr(words, "no hostkeys") ? "no hostkeys available: "
                                                                    : "",
                         words);
}

static void inquiry_on_result(const ChildResult *result, void *userdata);

static int inquiry_run(SshdInquiry *q) {
        /* With -T, -G takes a connection. */
        static const char *const flags[] = { [STEP_DUMP] = "-T", [STEP_TEST] = "-t", [STEP_PRINT] = "-TG" };
        const char *preload = access(PROGRAM_PRELOAD, F_OK) >= 0 ? "LD_PRELOAD=" PROGRAM_PRELOAD : NULL;
        const char *argv[SSHD_COMMAND_SIZE / 2 + 6] = { q->program, flags[q->step] };
        size_t n = 2;

        WORDS_FOREACH (word, q->options)
                argv[n++] = word;
        if (q->step != STEP_TEST) {
                argv[n++] = "-C";
                argv[n++] = SSHD_CONNECTION;
        }
        argv[n++] = q->more;
        q->child = child_free(q->child);
        return child_spawn(q->event, argv, preload, PROGRAM_READS, SSHD_TIMEOUT, inquiry_on_result, q,
                           &q->child);
}

static void inquiry_on_result(const ChildResult *result, void *userdata) {
        SshdInquiry *q = userdata;

        inquiry_read(q, result);
        q->step = result->error < 0 || (q->step == STEP_DUMP && result->exit_status == 0) ? STEP_END
                                                                                          : q->step + 1;
        if (q->step == STEP_END || inquiry_run(q) < 0)
                q->handler(&q->answer, q->userdata);
}

int sshd_ask(sd_event *event, const char *program, const char options[static SSHD_COMMAND_SIZE],
             const char *more, SshdHandler handler, void *userdata, SshdInquiry **ret) {
        _cleanup_(sshd_inquiry_freep) SshdInquiry *q = NULL;
        const char *found = sshd_find(program);
        int r;

        if (!found)
                return -ENOENT;
        q = malloc(sizeof(*q));
        if (!q)
                return -ENOMEM;
        *q = (SshdInquiry){
                .event = sd_event_ref(event), .more = more, .handler = handler, .userdata = userdata
        };
        snprintf(q->program, sizeof(q->program), "%s", found);
        memcpy(q->options, options, sizeof(q->options));

        r = inquiry_run(q);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(q);
        return 0;
}
