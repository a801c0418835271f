/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/inquiry.h"
#include "fuzz/fuzz.h"
#include "windows/wsl.h"
#include "windows/wslconfig.h"

/* A question to Windows, with any output and any end of Windows' programs. After a few programs at most
 * comes an answer that is sound and printable, or an error.
 *
 * The input: the question and the port, and for each program its end, its exit status and its output, up
 * to a NUL. This file stands in for process/child.c, wsl.c and wslconfig.c, which aren't linked. */

#define PROGRAMS_MAX 2 /* netstat and tasklist */

struct Child {
        ChildHandler handler;
        void *userdata;
};

static struct {
        Child *child; /* the program that runs */
        unsigned n;
        bool refuse; /* no program can be started */
} programs;

int child_spawn(sd_event *event, const char *const argv[], const char *variable, ProgramRights rights,
                     usec_t timeout, ChildHandler handler, void *userdata, Child **ret) {
        (void) event;
        require(!programs.child && rights == PROGRAM_ALL && timeout <= USEC_PER_SEC);
        require(startswith(argv[0], "/mnt/c/Windows/System32/") && startswith(variable, "WSL_INTEROP="));
        require(argv[1]);
        for (size_t i = 1; argv[i]; i++)
                require(i <= 8 && !isempty(argv[i]));
        require(++programs.n <= PROGRAMS_MAX);
        if (programs.refuse)
                return -EAGAIN;

        programs.child = malloc(sizeof(*programs.child));
        require(programs.child);
        *programs.child = (Child){ .handler = handler, .userdata = userdata };
        *ret = programs.child;
        return 0;
}

int wsl_detect(NetworkingMode *ret) {
        *ret = MODE_UNKNOWN;
        return 0;
}

int wsl_conf_read(WslConf *ret) {
        *ret = (WslConf){ .automount = true, .interop = true, .root = "/mnt/" };
        return 0;
}

Child *child_free(Child *child) {
        if (child && child == programs.child)
                programs.child = NULL;
        free(child);
        return NULL;
}

/* Only windows_run_elevated() would call this. */
int child_wait(sd_event *event, const Child *child) {
        (void) event, (void) child;
        abort();
}

typedef struct Answered {
        WindowsAnswer answer;
        unsigned n;
} Answered;

static void on_answer(const WindowsAnswer *answer, void *userdata) {
        Answered *answered = userdata;

        answered->answer = *answer;
        answered->n++;
}

static void require_answer(WindowsQuestion question, const WindowsAnswer *answer) {
        require(answer->range.first <= answer->range.last);
        require(question == WINDOWS_EXCLUDED_RANGE ||
                (answer->range.last != 0) == (question == WINDOWS_DYNAMIC_RANGE));
        require((answer->greeting != GREETING_UNKNOWN) == (question == WINDOWS_GREETING));
        require(fuzz_is_printable(answer->holder, sizeof(answer->holder)));
        require(question == WINDOWS_HOLDER || isempty(answer->holder));
        require(question == WINDOWS_SSHD_START ? answer->sshd_start >= WINDOWS_START_ABSENT
                                               : answer->sshd_start == WINDOWS_START_UNKNOWN);
        require(question == WINDOWS_PROFILE ? startswith(answer->profile, "/mnt/") != NULL
                                            : isempty(answer->profile));
        require(fuzz_is_printable(answer->profile, sizeof(answer->profile)));
        require(answer->rules.n <= (question == WINDOWS_RULES ? WINDOWS_RULES_MAX : 0));
        for (size_t i = 0; i < answer->rules.n; i++) {
                require(fuzz_is_printable(answer->rules.rules[i].name, sizeof(answer->rules.rules[i].name)));
                require(fuzz_is_printable(answer->rules.rules[i].remote,
                                          sizeof(answer->rules.rules[i].remote)));
        }
}

static void end_program(FuzzInput *input) {
        static const int errors[] = { 0, 0, 0, -ETIMEDOUT, -ENOENT, -EIO };
        int error = errors[fuzz_byte(input) % ELEMENTSOF(errors)], exit_status = fuzz_byte(input);
        _cleanup_free_ char *output = fuzz_text(input, '\0');
        const Child *child = programs.child;

        programs.refuse = fuzz_byte(input) == 1;
        child->handler(&(ChildResult){ .error = error,
                                       .exit_status = error < 0 ? -1 : exit_status,
                                       .output = error < 0 ? "" : output,
                                       .errors = "" },
                       child->userdata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        WindowsQuestion question = fuzz_byte(&input) % _WINDOWS_QUESTION_MAX;
        uint16_t port = fuzz_u16(&input);
        Answered answered = { .n = 0 };
        sd_event *event = NULL;
        Inquiry *inquiry = NULL;

        programs.n = 0;
        programs.refuse = false;
        require(sd_event_default(&event) >= 0); /* kept by this reference, and never run */
        require(inquiry_start(event, question, port, USEC_PER_SEC, on_answer, &answered, &inquiry) == 0);
        while (programs.child) {
                require(answered.n == 0);
                end_program(&input);
        }
        require(answered.n == 1);
        require(answered.answer.error <= 0);
        if (answered.answer.error == 0)
                require_answer(question, &answered.answer);

        inquiry_free(inquiry);
        sd_event_unref(event);
        return 0;
}
