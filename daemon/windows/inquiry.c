/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/inquiry.h"

#include "windows/wsl.h"
#include "windows/wslconfig.h"

#define ENCODED_SIZE 8192
#define ARGUMENTS_MAX 8

/* WSL's first session listens there for as long as the distro runs. (microsoft/WSL, util.cpp) */
#define INTEROP_SOCKET "/run/WSL/1_interop"

#define POWERSHELL "WindowsPowerShell/v1.0/powershell.exe"
#define SSHD_KEY "HKLM\\SYSTEM\\CurrentControlSet\\Services\\sshd"

struct Inquiry {
        sd_event *event;
        Child *child;
        WindowsQuestion question;
        uint16_t port;
        uint32_t pid; /* of WINDOWS_HOLDER: the process that netstat has named; 0: it has not run yet */
        usec_t deadline;
        WslConf conf;
        InquiryHandler handler;
        void *userdata;
        WindowsAnswer answer;
};

Inquiry *inquiry_free(Inquiry *q) {
        if (!q)
                return NULL;

        child_free(q->child);
        sd_event_unref(q->event);
        free(q);
        return NULL;
}

/* Returns 1 where another program is to be run, 0 where the answer is complete, or a negative errno. */
static int read_holder(Inquiry *q, const char *output) {
        if (q->pid == 0)
                return windows_parse_listener(output, q->port, &q->pid);
        return windows_parse_task(output, q->pid, q->answer.holder);
}

/* Makes the answer of the program's output. Returns as read_holder() does. */
static int read_output(Inquiry *q, const ChildResult *result) {
        WindowsAnswer *answer = &q->answer;

        if (result->error < 0)
                return result->error;
        /* reg fails for a key that isn't there. */
        if (q->question == WINDOWS_SSHD_START && result->exit_status == 1 && isempty(result->output)) {
                answer->sshd_start = WINDOWS_START_ABSENT;
                return 0;
        }
        if (result->exit_status != 0)
                return -EIO;

        switch (q->question) {
        case WINDOWS_EXCLUDED_RANGE:
                return windows_parse_excluded_range(result->output, q->port, &answer->range,
                                                    &answer->administered);
        case WINDOWS_DYNAMIC_RANGE:
                return windows_parse_dynamic_range(result->output, &answer->range);
        case WINDOWS_SSHD_START:
                return windows_parse_start(result->output, &answer->sshd_start);
        case WINDOWS_PROFILE:
                return windows_parse_profile(result->output, q->conf.root, answer->profile,
                                             sizeof(answer->profile));
        case WINDOWS_RULES:
                return windows_parse_rules(result->output, q->port, &answer->rules);
        case WINDOWS_GREETING:
                return windows_parse_greeting(result->output, &answer->greeting);
        case WINDOWS_HOLDER:
                return read_holder(q, result->output);
        case _WINDOWS_QUESTION_MAX:
        default:
                return -EINVAL;
        }
}

/* A program below Windows/System32, with its arguments. */
typedef struct Command {
        const char *program;
        const char *arguments[ARGUMENTS_MAX + 1];
} Command;

static int run_command(sd_event *event, const WslConf *conf, const Command *command, usec_t timeout,
                       ChildHandler handler, void *userdata, Child **ret) {
        const char *argv[ARGUMENTS_MAX + 2], *own = getenv("WSL_INTEROP");
        char path[WSL_CONF_ROOT_SIZE + 80], variable[300];

        snprintf(path, sizeof(path), "%sc/Windows/System32/%s", conf->root, command->program);
        argv[0] = path;
        memcpy(&argv[1], command->arguments, sizeof(command->arguments));

        /* A shell whose session has ended names a socket that is gone. */
        if (isempty(own) || strlen(own) > sizeof(variable) - 20 || access(own, F_OK) < 0)
                own = INTEROP_SOCKET;
        snprintf(variable, sizeof(variable), "WSL_INTEROP=%s", own);
        return child_spawn(event, argv, variable, PROGRAM_ALL, timeout, handler, userdata, ret);
}

/* Returns -EOPNOTSUPP where there is no way to Windows, or another negative errno. */
static int find_windows(WslConf *ret) {
        NetworkingMode mode;
        int r;

        r = wsl_detect(&mode);
        if (r >= 0)
                r = wsl_conf_read(ret);
        if (r < 0)
                return r;
        return mode == MODE_NOT_WSL || mode == MODE_WSL1 || !ret->automount || !ret->interop ? -EOPNOTSUPP
                                                                                             : 0;
}

static int run_program(Inquiry *q);

static void on_end(const ChildResult *result, void *userdata) {
        Inquiry *q = userdata;
        int r = read_output(q, result);

        q->child = child_free(q->child); /* *@result ends with it */
        if (r > 0) {
                r = run_program(q);
                if (r >= 0)
                        return;
        }
        q->answer.error = r;
        q->handler(&q->answer, q->userdata);
}

/* Returns the next program to run. @buffer holds the text of an argument. */
static Command choose_program(const Inquiry *q, char buffer[static ENCODED_SIZE]) {
        static const Command commands[_WINDOWS_QUESTION_MAX] = {
                [WINDOWS_EXCLUDED_RANGE] = { "netsh.exe",
                                             { "int", "ipv4", "show", "excludedportrange",
                                               "protocol=tcp" } },
                [WINDOWS_DYNAMIC_RANGE] = { "netsh.exe", { "int", "ipv4", "show", "dynamicport", "tcp" } },
                [WINDOWS_SSHD_START] = { "reg.exe", { "query", SSHD_KEY, "/v", "Start" } },
                [WINDOWS_PROFILE] = { "reg.exe",
                                      { "query", "HKCU\\Volatile Environment", "/v", "USERPROFILE" } },
        };
        char script[WINDOWS_SCRIPT_SIZE];

        if (q->question == WINDOWS_RULES || q->question == WINDOWS_GREETING) {
                windows_greeting_script(q->port, script);
                (void) windows_encode_command(q->question == WINDOWS_RULES ? windows_rules_script : script,
                                              buffer, ENCODED_SIZE);
                return (Command){ POWERSHELL,
                                  { "-NoProfile", "-NonInteractive", "-EncodedCommand", buffer } };
        }
        if (q->question != WINDOWS_HOLDER)
                return commands[q->question];
        if (q->pid == 0)
                return (Command){ "NETSTAT.EXE", { "-ano" } };
        snprintf(buffer, ENCODED_SIZE, "PID eq %u", q->pid);
        return (Command){ "tasklist.exe", { "/FI", buffer, "/FO", "CSV", "/NH" } };
}

static int run_program(Inquiry *q) {
        char buffer[ENCODED_SIZE] = "";
        Command command = choose_program(q, buffer);
        usec_t now = clock_usec(CLOCK_MONOTONIC);

        return run_command(q->event, &q->conf, &command, q->deadline > now ? q->deadline - now : 0, on_end,
                           q, &q->child);
}

int inquiry_start(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                  InquiryHandler handler, void *userdata, Inquiry **ret) {
        _cleanup_(inquiry_freep) Inquiry *q = malloc(sizeof(*q));
        int r;

        if (!q)
                return -ENOMEM;
        *q = (Inquiry){
                .event = sd_event_ref(event),
                .question = question,
                .port = port,
                .deadline = clock_usec(CLOCK_MONOTONIC) + timeout,
                .handler = handler,
                .userdata = userdata,
        };

        r = find_windows(&q->conf);
        if (r >= 0)
                r = run_program(q);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(q);
        return 0;
}

/* ── for programs that wait ── */

static void on_answer(const WindowsAnswer *answer, void *userdata) {
        *(WindowsAnswer *) userdata = *answer;
}

int inquiry_wait(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                 WindowsAnswer *ret) {
        _cleanup_(inquiry_freep) Inquiry *q = NULL;
        int r;

        *ret = (WindowsAnswer){ .error = 1 }; /* until on_answer() */
        r = inquiry_start(event, question, port, timeout, on_answer, ret, &q);
        while (r >= 0 && ret->error > 0)
                r = sd_event_run(event, UINT64_MAX);
        if (r < 0)
                ret->error = r;
        return ret->error;
}

/* Keeps the result but for its texts, which end with the call. */
static void on_elevated(const ChildResult *result, void *userdata) {
        *(ChildResult *) userdata = *result;
}

int windows_run_elevated(sd_event *event, const char *command, usec_t timeout, int *ret_exit_status) {
        char script[ENCODED_SIZE];
        const Command powershell = { POWERSHELL, { "-NoProfile", "-NonInteractive", "-Command", script } };
        _cleanup_(child_freep) Child *child = NULL;
        ChildResult result = { .error = -EIO };
        WslConf conf;
        int r;

        r = windows_elevated_script(command, script, sizeof(script));
        if (r >= 0)
                r = find_windows(&conf);
        if (r >= 0)
                r = run_command(event, &conf, &powershell, timeout, on_elevated, &result, &child);
        if (r >= 0)
                r = child_wait(event, child);
        if (r < 0 || result.error < 0)
                return r < 0 ? r : result.error;
        *ret_exit_status = result.exit_status;
        return 0;
}
