/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "ctl.h"

#include <getopt.h>
#include <signal.h>
#include <systemd/sd-event.h>

#include "bus.h"
#include "child.h"

#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define TIMEOUT (20 * USEC_PER_SEC)

/* What is printed, one check after the other. */
typedef struct Output {
        const Ctl *ctl;
        bool json;
        unsigned n, n_problems;
} Output;

static void print_json_text(const char *name, const char *text, const char *after) {
        printf("\"%s\":\"", name);
        for (; *text; text++)
                if (*text == '"' || *text == '\\')
                        printf("\\%c", *text);
                else
                        putchar(*text);
        printf("\"%s", after);
}

static void print_check(Output *o, const char *check, const char *verdict, const char *finding, const char *remedy) {
        static const struct {
                const char *mark;
                CtlStyle style;
        } marks[_VERDICT_MAX] = {
                [VERDICT_UNKNOWN] = { "?", STYLE_STRONG }, [VERDICT_OK] = { "✓", STYLE_GOOD },
                [VERDICT_WARNING] = { "!", STYLE_STRONG }, [VERDICT_PROBLEM] = { "✗", STYLE_BAD },
                [VERDICT_SKIPPED] = { "–", STYLE_FAINT },
        };
        char name[64], text[700], command[700];
        Verdict v = VERDICT_UNKNOWN;

        (void) verdict_from_string(verdict, &v);
        ctl_printable(check, name, sizeof(name));
        ctl_printable(finding, text, sizeof(text));
        ctl_printable(remedy, command, sizeof(command));
        if (geteuid() == 0)
                remedy_without_sudo(command);

        if (o->json) {
                printf("%s\n  {", o->n ? "," : "");
                print_json_text("check", name, ",");
                print_json_text("verdict", verdict_to_string(v), ",");
                print_json_text("finding", text, ",");
                print_json_text("remedy", command, "}");
        } else {
                printf("%s%s%s %-16s  %s%s%s\n", ctl_style(o->ctl, marks[v].style), marks[v].mark,
                       ctl_style(o->ctl, STYLE_PLAIN), name, v == VERDICT_SKIPPED ? ctl_style(o->ctl, STYLE_FAINT) : "",
                       text, v == VERDICT_SKIPPED ? ctl_style(o->ctl, STYLE_PLAIN) : "");
                if (command[0])
                        printf("%20s%s%s%s\n", "", ctl_style(o->ctl, STYLE_STRONG), command,
                               ctl_style(o->ctl, STYLE_PLAIN));
        }
        o->n++;
        o->n_problems += v == VERDICT_PROBLEM;
}

static bool print_reply(Output *o, sd_bus_message *m) {
        const char *check, *verdict, *finding, *remedy;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ssss)", &check, &verdict, &finding, &remedy)) > 0)
                print_check(o, check, verdict, finding, remedy);
        return o->n > 0;
}

/* The daemon isn't started for it, and why it can't answer is what the program tells. */
static bool ask_daemon(Ctl *ctl, Output *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;

        if (!ctl->bus && bus_open_system(NULL, &ctl->bus) < 0)
                return false;
        return sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, "Diagnose") >= 0 &&
               sd_bus_message_set_auto_start(call, false) >= 0 &&
               sd_bus_call(ctl->bus, call, TIMEOUT, NULL, &reply) >= 0 && print_reply(o, reply);
}

static void print_lines(Output *o, char *text) {
        for (char *line; (line = strsep(&text, "\n"));) {
                const char *check = strsep(&line, "\t"), *verdict = line ? strsep(&line, "\t") : NULL,
                           *finding = line ? strsep(&line, "\t") : NULL;

                if (line)
                        print_check(o, check, verdict, finding, line);
        }
}

typedef struct Run {
        bool ended;
        char *text; /* NULL where it failed */
} Run;

static void on_end(const ChildResult *result, void *userdata) {
        Run *run = userdata;

        run->ended = true;
        run->text = result->exit_status == 0 ? strdup(result->output) : NULL;
}

static int run_program(Output *o) {
        static const char *const argv[] = { PROGRAM, NULL };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(child_freep) Child *child = NULL;
        Run run = { 0 };
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_new(&event);
        if (r >= 0)
                r = child_spawn(event, argv, false, TIMEOUT, on_end, &run, &child);
        while (r >= 0 && !run.ended)
                r = sd_event_run(event, UINT64_MAX);
        if (r >= 0 && !run.text)
                r = -ENOEXEC;
        if (r >= 0)
                print_lines(o, run.text);
        free(run.text);
        return r < 0 ? r : 0;
}

int verb_diagnose(Ctl *ctl, int argc, char *argv[]) {
        static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
        Output output = { .ctl = ctl, .json = ctl->json };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (c == 'j')
                        output.json = true;
                else
                        return CTL_USAGE;
        if (optind < argc)
                return ctl_error(CTL_USAGE, "diagnose takes no argument");

        if (output.json)
                putchar('[');
        if (!ask_daemon(ctl, &output) && run_program(&output) < 0)
                return ctl_error(CTL_FAILED, PROGRAM " can't be run");
        if (output.json)
                puts(output.n ? "\n]" : "]");
        if (output.n == 0)
                return ctl_error(CTL_FAILED, "there is no diagnosis");
        return output.n_problems ? CTL_FOUND : CTL_OK;
}
