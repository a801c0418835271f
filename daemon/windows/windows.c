/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/windows.h"

#include "windows/interop.h"

#define ENCODED_SIZE 8192

#define SSHD_KEY "HKLM\\SYSTEM\\CurrentControlSet\\Services\\sshd"

struct Windows {
        sd_event *event;
        Interop *interop;
        WindowsQuestion question;
        uint16_t port;
        uint32_t pid;      /* of the holder; 0: not known yet */
        bool ipv6;         /* it isn't among those of IPv4 */
        uint64_t deadline; /* µs of CLOCK_MONOTONIC */
        WindowsHandler handler;
        void *userdata;
        WindowsAnswer answer;
};

static int windows_step(Windows *w);

Windows *windows_free(Windows *w) {
        if (!w)
                return NULL;

        interop_free(w->interop);
        sd_event_unref(w->event);
        free(w);
        return NULL;
}

/* What the program has printed. Returns 1 where another one is to be run, 0 where the answer is there, or a
 * negative errno. */
static int windows_take(Windows *w, int exit_status, const char *output) {
        WindowsAnswer *answer = &w->answer;
        size_t n;
        int r;

        /* reg fails for a key that isn't there. */
        if (w->question == WINDOWS_SSHD_START && exit_status == 1 && isempty(output)) {
                answer->sshd_start = WINDOWS_START_ABSENT;
                return 0;
        }
        if (exit_status != 0)
                return -EIO;

        switch (w->question) {
        case WINDOWS_EXCLUDED_RANGES:
                n = windows_parse_excluded_ranges(output, answer->ranges, WINDOWS_RANGES_MAX);
                answer->n_ranges = n < WINDOWS_RANGES_MAX ? n : WINDOWS_RANGES_MAX;
                return 0;
        case WINDOWS_DYNAMIC_RANGE:
                r = windows_parse_dynamic_range(output, answer->ranges);
                if (r >= 0)
                        answer->n_ranges = 1;
                return r;
        case WINDOWS_SSHD_START:
                return windows_parse_start(output, &answer->sshd_start);
        case WINDOWS_RULES:
                return windows_parse_rules(output, w->port, &answer->rules);
        case WINDOWS_HOLDER:
                if (w->pid != 0) {
                        (void) windows_parse_task(output, w->pid, answer->holder);
                        return 0;
                }
                if (windows_parse_listener(output, w->port, &w->pid) > 0)
                        return 1;
                if (w->ipv6)
                        return 0;
                w->ipv6 = true;
                return 1;
        case _WINDOWS_QUESTION_MAX:
        default:
                return -EINVAL;
        }
}

static void windows_on_end(int error, int exit_status, const char *output, void *userdata) {
        Windows *w = userdata;
        int r = error < 0 ? error : windows_take(w, exit_status, output);

        w->interop = interop_free(w->interop);
        if (r > 0) {
                r = windows_step(w);
                if (r >= 0)
                        return;
        }
        w->answer.error = r;
        w->handler(&w->answer, w->userdata);
}

static int windows_step(Windows *w) {
        static const char *const excluded[] = { "int",          "ipv4", "show", "excludedportrange",
                                                "protocol=tcp", NULL };
        static const char *const dynamic[] = { "int", "ipv4", "show", "dynamicport", "tcp", NULL };
        static const char *const start[] = { "query", SSHD_KEY, "/v", "Start", NULL };
        static const char *const tcp[] = { "-ano", "-p", "TCP", NULL };
        static const char *const tcp6[] = { "-ano", "-p", "TCPv6", NULL };
        char filter[40], encoded[ENCODED_SIZE];
        const char *const task[] = { "/FI", filter, "/FO", "CSV", "/NH", NULL };
        const char *const script[] = { "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded, NULL };
        InteropProgram program = INTEROP_NETSH;
        const char *const *arguments = excluded;
        uint64_t now;
        int r;

        switch (w->question) {
        case WINDOWS_DYNAMIC_RANGE:
                arguments = dynamic;
                break;
        case WINDOWS_HOLDER:
                program = w->pid != 0 ? INTEROP_TASKLIST : INTEROP_NETSTAT;
                arguments = w->pid != 0 ? task : w->ipv6 ? tcp6 : tcp;
                snprintf(filter, sizeof(filter), "PID eq %u", w->pid);
                break;
        case WINDOWS_SSHD_START:
                program = INTEROP_REG;
                arguments = start;
                break;
        case WINDOWS_RULES:
                program = INTEROP_POWERSHELL;
                arguments = script;
                r = windows_encode_command(windows_rules_script, encoded, sizeof(encoded));
                if (r < 0)
                        return r;
                break;
        case WINDOWS_EXCLUDED_RANGES:
        case _WINDOWS_QUESTION_MAX:
        default:
                break;
        }

        r = sd_event_now(w->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        return interop_start(w->event, program, arguments, w->deadline > now ? w->deadline - now : 0,
                             windows_on_end, w, &w->interop);
}

int windows_ask(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                WindowsHandler handler, void *userdata, Windows **ret) {
        _cleanup_(windows_freep) Windows *w = NULL;
        uint64_t now;
        int r;

        r = sd_event_now(event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;

        w = malloc(sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (Windows){
                .event = sd_event_ref(event),
                .question = question,
                .port = port,
                .deadline = now + timeout,
                .handler = handler,
                .userdata = userdata,
        };

        r = windows_step(w);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}

/* ── for programs that wait ── */

typedef struct Waiting {
        sd_event *event;
        WindowsAnswer *answer;
        int error, exit_status;
} Waiting;

static void on_answer(const WindowsAnswer *answer, void *userdata) {
        Waiting *waiting = userdata;

        *waiting->answer = *answer;
        (void) sd_event_exit(waiting->event, 0);
}

int windows_ask_and_wait(WindowsQuestion question, uint16_t port, usec_t timeout, WindowsAnswer *ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(windows_freep) Windows *w = NULL;
        Waiting waiting = { .answer = ret };
        int r;

        *ret = (WindowsAnswer){ 0 };
        r = sd_event_new(&event);
        waiting.event = event;
        if (r >= 0)
                r = windows_ask(event, question, port, timeout, on_answer, &waiting, &w);
        if (r >= 0)
                r = sd_event_loop(event);
        if (r < 0)
                ret->error = r;
        return ret->error;
}

static void on_elevated(int error, int exit_status, const char *output, void *userdata) {
        Waiting *waiting = userdata;

        (void) output;
        waiting->error = error;
        waiting->exit_status = exit_status;
        (void) sd_event_exit(waiting->event, 0);
}

int windows_run_elevated(const char *command, usec_t timeout, int *ret_exit_status) {
        char script[ENCODED_SIZE];
        const char *const arguments[] = { "-NoProfile", "-NonInteractive", "-Command", script, NULL };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(interop_freep) Interop *interop = NULL;
        Waiting waiting = { .error = -EIO };
        int r;

        r = windows_elevated_script(command, script, sizeof(script));
        if (r >= 0)
                r = sd_event_new(&event);
        waiting.event = event;
        if (r >= 0)
                r = interop_start(event, INTEROP_POWERSHELL, arguments, timeout, on_elevated, &waiting,
                                  &interop);
        if (r >= 0)
                r = sd_event_loop(event);
        if (r < 0)
                return r;
        if (waiting.error == 0)
                *ret_exit_status = waiting.exit_status;
        return waiting.error;
}
