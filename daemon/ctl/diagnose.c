/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/ioctl.h>

#include "ctl/json.h"
#include "diagnose/finding.h"

/* This program sees what its user may see. Where root runs it, it sees as much as when the daemon does. */
#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define REPORTER LIBEXECDIR "/wslportd-report"
#define TIMEOUT (25 * USEC_PER_SEC)

#define INDENT 20 /* of what stands below or beside a check's name */

static json_object *finding_object(const Finding *finding) {
        json_object *object = json_object_new_object();

        ctl_json_add_text(object, "Check", finding->check);
        ctl_json_add_text(object, "Verdict", verdict_to_string(finding->verdict));
        ctl_json_add_text(object, "Finding", finding->finding);
        ctl_json_add_text(object, "Remedy", finding->remedy);
        return object;
}

static void print_for_people(const Ctl *ctl, const Finding *finding) {
        static const struct {
                const char *mark, *ascii;
                Style style;
        } marks[_VERDICT_MAX] = {
                [VERDICT_UNKNOWN] = { "?", "?", STYLE_STRONG }, [VERDICT_OK] = { "✓", "+", STYLE_GOOD },
                [VERDICT_WARNING] = { "!", "!", STYLE_STRONG }, [VERDICT_PROBLEM] = { "✗", "x", STYLE_BAD },
                [VERDICT_SKIPPED] = { "–", "-", STYLE_FAINT },
        };
        const char *plain = ctl_style(ctl, STYLE_PLAIN);
        const char *text = finding->verdict == VERDICT_SKIPPED ? ctl_style(ctl, STYLE_FAINT) : plain;

        printf("%s%s%s %-*s%s", ctl_style(ctl, marks[finding->verdict].style),
               ctl->ascii ? marks[finding->verdict].ascii : marks[finding->verdict].mark, plain,
               wrap_goes_below(INDENT, ctl->columns) ? 0 : INDENT - 2, finding->check, text);
        wrap_text(stdout, finding->finding, INDENT, ctl->columns, WRAP_NEVER);
        fputs(plain, stdout);
        if (finding->remedy[0]) /* a command, for people to copy: the terminal breaks it if it has to */
                printf("%*s%s%s%s\n", ctl->columns < COLUMNS_FULL ? 4 : INDENT, "",
                       ctl_style(ctl, STYLE_STRONG), finding->remedy, plain);
}

/* True if standard output is a terminal that shows all findings at once. */
static bool all_fit(const Ctl *ctl, const Finding findings[], size_t n) {
        unsigned room = ctl->columns - INDENT - 10; /* a word that doesn't fit goes to the next line */
        struct winsize window;
        size_t lines = 2; /* the sum, and the prompt */

        if (ctl->columns < COLUMNS_FULL || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                lines += 1 + strlen(findings[i].finding) / room;
                if (findings[i].remedy[0])
                        lines += 1 + strlen(findings[i].remedy) / room;
        }
        return lines <= window.ws_row;
}

/* Problems come last, directly above the sum, where a person looks first. */
static void print_all(const Ctl *ctl, const Finding findings[], size_t n) {
        static const Verdict order[] = { VERDICT_SKIPPED, VERDICT_OK, VERDICT_UNKNOWN, VERDICT_WARNING,
                                         VERDICT_PROBLEM };
        bool all = ctl->line.options[OPTION_ALL] || all_fit(ctl, findings, n);
        size_t counts[_VERDICT_MAX] = { 0 };
        char warnings[40] = "", more[80] = "", text[200];

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                for (size_t k = 0; k < n; k++)
                        if (findings[k].verdict == order[i]) {
                                counts[order[i]]++;
                                if (all || (order[i] != VERDICT_SKIPPED && order[i] != VERDICT_OK))
                                        print_for_people(ctl, &findings[k]);
                        }

        if (counts[VERDICT_WARNING] > 0)
                snprintf(warnings, sizeof(warnings), "%zu warning%s, ", counts[VERDICT_WARNING],
                         counts[VERDICT_WARNING] == 1 ? "" : "s");
        if (!all)
                snprintf(more, sizeof(more), "; `wslportctl diagnose --all` shows %zu more",
                         counts[VERDICT_OK] + counts[VERDICT_SKIPPED]);
        snprintf(text, sizeof(text), "%zu problem%s, %s%zu unknown%s", counts[VERDICT_PROBLEM],
                 counts[VERDICT_PROBLEM] == 1 ? "" : "s", warnings, counts[VERDICT_UNKNOWN], more);
        wrap_text(stdout, text, 0, ctl->columns, WRAP_NEVER);
}

int verb_diagnose(Ctl *ctl) {
        _cleanup_free_ char *text = ctl_run((const char *const[]){ PROGRAM, NULL }, TIMEOUT);
        const char *rest = strempty(text);
        Finding findings[FINDINGS_MAX];
        int found = CTL_OK;
        size_t n = 0;

        while (n < ELEMENTSOF(findings) && finding_read(&rest, &findings[n])) {
                /* Root needs no sudo. Whoever came here by sudo needs it again for the remedy. */
                if (geteuid() == 0 && isempty(getenv("SUDO_USER")))
                        remedy_without_sudo(findings[n].remedy);
                if (findings[n++].verdict == VERDICT_PROBLEM)
                        found = CTL_FOUND;
        }
        if (n == 0)
                return ctl_error(CTL_FAILED, "there is no diagnosis: " PROGRAM " can't be run");

        if (ctl->line.options[OPTION_JSON]) {
                json_object *array = json_object_new_array();

                for (size_t i = 0; i < n; i++)
                        json_object_array_add(array, finding_object(&findings[i]));
                ctl_json_print(array);
        } else
                print_all(ctl, findings, n);
        return found;
}

int verb_who(Ctl *ctl) {
        _cleanup_free_ char *answer = NULL;
        PortFact fact = { 0 };
        const char *rest;
        Finding finding;
        char text[200];
        int r;

        r = ctl_parse_port(&ctl->line, &fact.port);
        if (r != CTL_OK)
                return r;
        answer = ctl_run((const char *const[]){ PROGRAM, ctl->line.argument, NULL }, TIMEOUT);
        rest = strempty(answer);
        if (!finding_read(&rest, &finding) || holder_from_string(finding.check, &fact.holder) < 0)
                return ctl_error(CTL_FAILED, "nobody can tell: " PROGRAM " can't be run");

        if (ctl->line.options[OPTION_JSON]) {
                json_object *object = json_object_new_object();

                ctl_json_add_number(object, "Port", fact.port);
                ctl_json_add_text(object, "Holder", holder_to_string(fact.holder));
                ctl_json_add_text(object, "Detail", finding.finding);
                ctl_json_print(object);
                return CTL_OK;
        }

        snprintf(fact.detail, sizeof(fact.detail), "%.79s", finding.finding);
        port_fact_describe(&fact, text, sizeof(text));
        if (fact.holder == HOLDER_UNKNOWN || fact.holder == HOLDER_NONE)
                snprintf(text, sizeof(text), "port %u: %.180s", fact.port, finding.finding);
        wrap_text(stdout, text, 0, ctl->columns, WRAP_NEVER);
        return CTL_OK;
}

int verb_report(Ctl *ctl) {
        sigset_t none;

        if (ctl->line.options[OPTION_JSON])
                return ctl_error(CTL_USAGE, "report has no --json; its file is for people");
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        execl(REPORTER, REPORTER, NULL);
        return ctl_error(CTL_FAILED, "there is no report: " REPORTER " can't be run");
}
