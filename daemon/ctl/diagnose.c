/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"
#include "diagnose/finding.h"

/* It sees what its user may. Root's own sees as much as the one that the daemon runs. */
#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define TIMEOUT (25 * USEC_PER_SEC)

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

        printf("%s%s%s %-16s  %s", ctl_style(ctl, marks[finding->verdict].style),
               ctl->ascii ? marks[finding->verdict].ascii : marks[finding->verdict].mark, plain,
               finding->check, text);
        wrap_text(stdout, finding->finding, 20, ctl->columns, WRAP_NEVER);
        fputs(plain, stdout);
        if (finding->remedy[0]) /* a command, for people to copy: the terminal breaks it if it has to */
                printf("%*s%s%s%s\n", ctl->columns < 80 ? 4 : 20, "", ctl_style(ctl, STYLE_STRONG),
                       finding->remedy, plain);
}

int verb_diagnose(Ctl *ctl) {
        _cleanup_free_ char *text = ctl_run((const char *const[]){ PROGRAM, NULL }, TIMEOUT);
        const char *rest = strempty(text);
        json_object *array = NULL;
        int found = CTL_OK;
        Finding finding;

        if (!finding_read(&rest, &finding))
                return ctl_error(CTL_FAILED, "there is no diagnosis: " PROGRAM " can't be run");

        if (ctl->line.options[OPTION_JSON])
                array = json_object_new_array();
        do {
                /* Root needs no sudo. Whoever came here by sudo needs it again for the remedy. */
                if (geteuid() == 0 && isempty(getenv("SUDO_USER")))
                        remedy_without_sudo(finding.remedy);
                if (finding.verdict == VERDICT_PROBLEM)
                        found = CTL_FOUND;
                if (array)
                        json_object_array_add(array, finding_object(&finding));
                else
                        print_for_people(ctl, &finding);
        } while (finding_read(&rest, &finding));
        if (array)
                ctl_json_print(array);
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
