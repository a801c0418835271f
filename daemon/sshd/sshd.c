/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/sshd.h"

#include <glob.h>
#include <limits.h>

#include "process/child.h"
#include "base/fs.h"

/* It takes 5 to 12 ms; a configuration with host names in it may wait for DNS. */
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

static int sshd_query_run(SshdQuery *q, const char *mode, void (*on_child)(const ChildResult *, void *)) {
        const char *argv[SSHD_COMMAND_SIZE / 2 + 3] = { q->program, mode };
        size_t n = 2;

        WORDS_FOREACH (word, q->options)
                argv[n++] = word;

        q->child = child_free(q->child);
        return child_spawn(q->event, argv, PROGRAM_READS, SSHD_TIMEOUT, on_child, q, &q->child);
}

static void sshd_query_finish(SshdQuery *q) {
        q->handler(&q->answer, q->userdata);
}

/* `sshd -G` after a failed -T: only for the ports, the verdict stands. */
static void sshd_query_on_ports(const ChildResult *result, void *userdata) {
        SshdQuery *q = userdata;

        q->answer.has_dump = result->exit_status == 0 &&
                             sshd_dump_parse(result->output, &q->answer.dump) >= 0;
        sshd_query_finish(q);
}

static void sshd_query_on_test(const ChildResult *result, void *userdata) {
        SshdQuery *q = userdata;
        int r;

        if (result->error < 0) {
                snprintf(q->answer.detail, sizeof(q->answer.detail), "%.200s %s", q->program,
                         result->error == -ETIMEDOUT ? "did not end in time"
                         : result->error == -ENOENT  ? "could not be run"
                                                     : "was killed");
                sshd_query_finish(q);
                return;
        }

        if (result->exit_status == 0) {
                r = sshd_dump_parse(result->output, &q->answer.dump);
                q->answer.has_dump = r >= 0;
                if (r >= 0)
                        q->answer.verdict = SSHD_VERDICT_VALID;
                else
                        snprintf(q->answer.detail, sizeof(q->answer.detail), "%.180s -T: %s", q->program,
                                 r == -E2BIG ? "more ports or addresses than can be kept track of"
                                             : "its output is not understood");
                sshd_query_finish(q);
                return;
        }

        q->answer.verdict = sshd_errors_name_ours(result->errors) ? SSHD_VERDICT_OUR_FILE_REFUSED
                                                                  : SSHD_VERDICT_REFUSED;
        sshd_errors_choose(result->errors, q->answer.detail, sizeof(q->answer.detail));
        r = sshd_query_run(q, "-G", sshd_query_on_ports);
        if (r < 0)
                sshd_query_finish(q);
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
        WORDS_FOREACH (word, options)
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

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)

static int find_line_in(const char *path, bool (*matches)(const char *line), char *ret_line, size_t size,
                        unsigned *ret_number) {
        _cleanup_free_ char *text = malloc(CONFIG_SIZE_MAX);
        unsigned number = 1;

        if (!text || fs_read(path, text, CONFIG_SIZE_MAX) < 0)
                return 0;

        for (char *line = text; *line; number++) {
                size_t length = strcspn(line, "\n");
                bool more = line[length] == '\n';

                line[length] = '\0';
                if (matches(line)) {
                        snprintf(ret_line, size, "%s", line + strspn(line, " \t"));
                        *ret_number = number;
                        return 1;
                }
                line += length + more;
        }
        return 0;
}

static int find_line(bool (*matches)(const char *line), char *ret_path, size_t path_size, char *ret_line,
                     size_t line_size, unsigned *ret_number) {
        static const char *const patterns[] = { "/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config",
                                                "/usr/etc/ssh/sshd_config.d/*.conf", "/usr/etc/ssh/sshd_config" };
        int found = 0;

        for (size_t i = 0; i < ELEMENTSOF(patterns) && !found; i++) {
                glob_t paths = { 0 };

                if (glob(patterns[i], 0, NULL, &paths) == 0)
                        for (size_t k = 0; k < paths.gl_pathc && !found; k++)
                                found = strlen(paths.gl_pathv[k]) < path_size &&
                                        find_line_in(paths.gl_pathv[k], matches, ret_line, line_size, ret_number) &&
                                        strcpy(ret_path, paths.gl_pathv[k]);
                globfree(&paths);
        }
        return found;
}

int sshd_find_fixed(char *ret, size_t size) {
        char path[PATH_MAX], line[81];
        unsigned number;

        if (!find_line(sshd_line_fixes_port, path, sizeof(path), line, sizeof(line), &number))
                return 0;

        snprintf(ret, size, "%s:%u (%s)", path, number, line);
        for (char *c = ret; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = ' ';
        return 1;
}

int sshd_find_loopback(char *ret_path, size_t size, unsigned *ret_line) {
        char line[81];

        return find_line(sshd_line_is_loopback, ret_path, size, line, sizeof(line), ret_line);
}
