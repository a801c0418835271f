/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/gather.h"

#include "diagnose/finding.h"
#include "windows/greeting.h"
#include "windows/inquiry.h"

#define CHILD_TIMEOUT (3 * USEC_PER_SEC)
#define GREETING_TIMEOUT (1 * USEC_PER_SEC)
#define WINDOWS_TIMEOUT (8 * USEC_PER_SEC) /* PowerShell takes seconds to start */

/* If nothing listens, one of Windows' ranges may still be in the way; check_windows_range() looks at
 * those. */
static void on_greeting(const ChildResult *result, void *userdata) {
        ListenFacts *f = userdata;
        char detail[GREETING_SOFTWARE_SIZE];

        f->holder = greeter_read(result, detail);
        snprintf(f->holder_detail, sizeof(f->holder_detail), "%s", detail);
}

static void greet(sd_event *event, ListenFacts *f) {
        _cleanup_(child_freep) Child *child = NULL;

        f->holder = HOLDER_UNKNOWN;
        if (greeter_start(event, f->number, GREETING_TIMEOUT, on_greeting, f, &child) >= 0)
                (void) child_wait(event, child);
}

/* Windows may have given the port up since, or hand its clients on to sshd. */
static void greet_home(sd_event *event, ListenFacts *f) {
        ListenFacts home = { .number = f->home }, own = { .number = f->number };

        greet(event, &home);
        if (home.holder == HOLDER_NONE)
                f->home_greeting = HOME_SILENT;
        if (home.holder != HOLDER_WINDOWS || f->listens != FACT_YES)
                return;
        greet(event, &own);
        if (startswith(own.holder_detail, "OpenSSH") && streq(own.holder_detail, home.holder_detail))
                f->home_greeting = HOME_GREETS_AS_SSHD;
}

void gather_windows_holder(sd_event *event, const Status *status, CheckFacts *facts) {
        ListenFacts *f = &facts->port;

        if (!facts->machine.for_everyone && mode_shares_ports(facts->machine.mode) &&
            holder_is_windows(f->home_holder) && f->home != f->number)
                greet_home(event, f);
        if (!mode_shares_ports(facts->machine.mode) || f->number == 0 || f->listens != FACT_NO ||
            f->holder != HOLDER_NONE)
                return;

        f->holder = status && f->number == status->home_port ? status->home_holder : HOLDER_UNKNOWN;
        if (f->holder != HOLDER_UNKNOWN)
                snprintf(f->holder_detail, sizeof(f->holder_detail), "%s", status->home_detail);
        else if (!facts->machine.for_everyone)
                greet(event, f);
}

/* A range that only may be in the way is a cause where sshd was refused, and no other cause is known. */
static bool was_refused(const CheckFacts *facts) {
        Holder holder = facts->port.holder;

        return holder == HOLDER_WINDOWS || ((holder == HOLDER_UNKNOWN || holder == HOLDER_NONE) &&
                                            strstr(facts->sshd.last_error, "Address already in use"));
}

static void read_ranges(const WindowsAnswer *excluded, const WindowsAnswer *dynamic, CheckFacts *facts) {
        WindowsFacts *f = &facts->windows;
        uint16_t port = facts->port.number;
        bool may = true;

        if (facts->port.listens == FACT_YES) /* Windows has given sshd the port */
                return;
        if (excluded->error == 0 && excluded->range.last != 0) {
                f->range = excluded->range;
                may = excluded->administered;
        } else if (dynamic->error == 0 && dynamic->range.first <= port && port <= dynamic->range.last)
                f->range = dynamic->range;

        if (f->range.last == 0)
                f->refuses = excluded->error == 0 && dynamic->error == 0 ? FACT_NO : FACT_UNKNOWN;
        else
                f->refuses = !may || was_refused(facts) ? FACT_YES : FACT_UNKNOWN;
}

void gather_windows_program(sd_event *event, CheckFacts *facts) {
        ListenFacts *f = &facts->port;
        WindowsAnswer answer;
        char greeting[44];

        if (!facts->config.values.interop || facts->machine.for_everyone ||
            !mode_shares_ports(facts->machine.mode) || f->listens != FACT_NO ||
            holder_is_stranger(f->holder))
                return;

        if (inquiry_wait(event, WINDOWS_HOLDER, f->number, WINDOWS_TIMEOUT, &answer) >= 0 &&
            answer.holder[0]) {
                snprintf(greeting, sizeof(greeting), "%.43s", f->holder_detail);
                snprintf(f->holder_detail, sizeof(f->holder_detail), "%s%s%s", answer.holder,
                         greeting[0] ? ", " : "", greeting);
                f->holder = holder_is_windows(f->holder) ? f->holder : HOLDER_WINDOWS;
        } else if (!holder_is_windows(f->holder) &&
                   inquiry_wait(event, WINDOWS_EXCLUDED_RANGE, f->number, WINDOWS_TIMEOUT, &answer) >= 0)
                facts->windows.range = answer.range;
}

static void on_answer(const WindowsAnswer *answer, void *userdata) {
        *(WindowsAnswer *) userdata = *answer;
}

void gather_windows(sd_event *event, CheckFacts *facts) {
        enum { EXCLUDED, DYNAMIC, START, RULES, GREETING, N };
        static const WindowsQuestion questions[N] = { WINDOWS_EXCLUDED_RANGE, WINDOWS_DYNAMIC_RANGE,
                                                      WINDOWS_SSHD_START, WINDOWS_RULES, WINDOWS_GREETING };
        WindowsAnswer answers[N];
        Inquiry *inquiries[N] = { NULL };
        int r;

        if (!facts->config.values.interop || !mode_shares_ports(facts->machine.mode) ||
            facts->port.number == 0)
                return;

        for (size_t i = 0; i < N; i++) {
                answers[i] = (WindowsAnswer){ .error = 1 }; /* until on_answer() */
                /* Any user could have sshd connected to, again and again. */
                if (i == GREETING && (facts->machine.for_everyone || facts->port.listens == FACT_NO)) {
                        answers[i].error = -EPERM;
                        continue;
                }
                r = inquiry_start(event, questions[i], facts->port.number, WINDOWS_TIMEOUT, on_answer,
                                  &answers[i], &inquiries[i]);
                if (r < 0)
                        answers[i].error = r;
        }
        for (size_t i = 0; i < N; i++) {
                while (answers[i].error > 0 && sd_event_run(event, UINT64_MAX) >= 0)
                        ;
                inquiry_free(inquiries[i]);
        }

        read_ranges(&answers[EXCLUDED], &answers[DYNAMIC], facts);
        if (answers[START].error == 0)
                facts->windows.sshd_start = answers[START].sshd_start;
        if (answers[GREETING].error == 0)
                facts->windows.greeting = answers[GREETING].greeting;
        if (answers[RULES].error == 0) {
                facts->windows.rules = answers[RULES].rules;
                facts->windows.lets_in = fact(windows_rules_let_in(&answers[RULES].rules));
        }
}

/* ── .wslconfig ── */

#define EXIT_AMBIGUOUS 2

int gather_wslconfig_main(int argc, char *argv[]) {
        _cleanup_free_ char *text = malloc(WSLCONFIG_SIZE_MAX);
        char path[CHECK_PATH_SIZE], clean[CHECK_PATH_SIZE];
        bool wide = false;
        int r;

        if (argc < 3 || !text)
                return EXIT_FAILURE;
        r = profile_read(argv[2], argc > 3 ? argv[3] : NULL, path, sizeof(path), text, &wide);
        if (r < 0)
                return r == -ENOTUNIQ ? EXIT_AMBIGUOUS : EXIT_FAILURE;

        /* The parent reads only what fits into a pipe. No real .wslconfig is that long. */
        printf("%s\n%s\n%s", wide || !streq(printable(path, clean, sizeof(clean)), path) ? "" : path,
               r == 0 ? "absent" : "found", r > 0 ? text : "");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Reads what gather_wslconfig_main() prints. */
static void on_wslconfig(const ChildResult *result, void *userdata) {
        WslConfigFacts *f = userdata;
        const char *second = line_next(result->output);

        f->ambiguous = result->exit_status == EXIT_AMBIGUOUS;
        if (result->exit_status != 0)
                return;
        snprintf(f->path, sizeof(f->path), "%.*s", (int) strcspn(result->output, "\n"), result->output);
        f->found = fact(startswith(second, "found\n"));
        wslconfig_parse(line_next(second), &f->values);
}

void gather_wslconfig(sd_event *event, CheckFacts *facts) {
        char users[WSL_CONF_ROOT_SIZE + sizeof("c/Users")];
        const char *argv[] = { "/proc/self/exe", GATHER_WSLCONFIG_OPTION, users, NULL, NULL };
        _cleanup_(child_freep) Child *child = NULL;
        WindowsAnswer answer;
        WslConf conf;

        (void) wsl_conf_read(&conf);
        facts->machine.systemd_setting = conf.systemd;
        if (!conf.automount || facts->machine.mode == MODE_NOT_WSL)
                return;

        if (facts->config.values.interop &&
            inquiry_wait(event, WINDOWS_PROFILE, 0, CHILD_TIMEOUT, &answer) >= 0)
                argv[3] = answer.profile;
        snprintf(users, sizeof(users), "%sc/Users", conf.root);
        if (child_spawn(event, argv, NULL, PROGRAM_ALL, CHILD_TIMEOUT, on_wslconfig, &facts->wslconfig,
                        &child) >= 0)
                (void) child_wait(event, child);
}
