/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"
#include "diagnose/finding.h"

#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define TIMEOUT (25 * USEC_PER_SEC)

typedef struct Findings {
        Finding list[FINDINGS_MAX];
        size_t n;
} Findings;

/* The program sees what its user may. Root's own sees as much as the one that the daemon runs. */
static bool run_program(const char *argument, Findings *findings) {
        const char *const argv[] = { PROGRAM, argument, NULL };
        _cleanup_free_ char *text = ctl_run(argv, TIMEOUT);
        const char *rest = strempty(text);

        for (findings->n = 0;
             findings->n < FINDINGS_MAX && finding_read(&rest, &findings->list[findings->n]);)
                findings->n++;
        return findings->n > 0;
}

static json_object *findings_array(const Findings *findings) {
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < findings->n; i++) {
                json_object *object = json_object_new_object();

                ctl_json_add_text(object, "Check", findings->list[i].check);
                ctl_json_add_text(object, "Verdict", verdict_to_string(findings->list[i].verdict));
                ctl_json_add_text(object, "Finding", findings->list[i].finding);
                ctl_json_add_text(object, "Remedy", findings->list[i].remedy);
                json_object_array_add(array, object);
        }
        return array;
}

static void print_for_people(const Ctl *ctl, const Finding *finding) {
        static const struct {
                const char *mark;
                Style style;
        } marks[_VERDICT_MAX] = {
                [VERDICT_UNKNOWN] = { "?", STYLE_STRONG }, [VERDICT_OK] = { "✓", STYLE_GOOD },
                [VERDICT_WARNING] = { "!", STYLE_STRONG }, [VERDICT_PROBLEM] = { "✗", STYLE_BAD },
                [VERDICT_SKIPPED] = { "–", STYLE_FAINT },
        };
        const char *plain = ctl_style(ctl, STYLE_PLAIN);
        const char *text = finding->verdict == VERDICT_SKIPPED ? ctl_style(ctl, STYLE_FAINT) : plain;

        printf("%s%s%s %-16s  %s%s%s\n", ctl_style(ctl, marks[finding->verdict].style),
               marks[finding->verdict].mark, plain, finding->check, text, finding->finding, plain);
        if (finding->remedy[0])
                printf("%20s%s%s%s\n", "", ctl_style(ctl, STYLE_STRONG), finding->remedy, plain);
}

int verb_diagnose(Ctl *ctl) {
        Findings findings = { .n = 0 };
        int found = CTL_OK;

        if (!run_program(NULL, &findings))
                return ctl_error(CTL_FAILED, "there is no diagnosis: " PROGRAM " can't be run");

        for (size_t i = 0; i < findings.n; i++) {
                /* Root needs no sudo. Whoever came here by sudo needs it again for the remedy. */
                if (geteuid() == 0 && isempty(getenv("SUDO_USER")))
                        remedy_without_sudo(findings.list[i].remedy);
                if (findings.list[i].verdict == VERDICT_PROBLEM)
                        found = CTL_FOUND;
        }
        if (ctl->line.options[OPTION_JSON]) {
                ctl_json_print(findings_array(&findings));
                return found;
        }

        for (size_t i = 0; i < findings.n; i++)
                print_for_people(ctl, &findings.list[i]);
        return found;
}

int verb_who(Ctl *ctl) {
        PortFact fact = { 0 };
        Findings findings;
        const char *detail = findings.list[0].finding;
        char text[200];
        int r;

        r = ctl_parse_port(&ctl->line, &fact.port);
        if (r != CTL_OK)
                return r;
        if (!run_program(ctl->line.argument, &findings) ||
            holder_from_string(findings.list[0].check, &fact.holder) < 0)
                return ctl_error(CTL_FAILED, "nobody can tell: " PROGRAM " can't be run");

        if (ctl->line.options[OPTION_JSON]) {
                json_object *object = json_object_new_object();

                ctl_json_add_number(object, "Port", fact.port);
                ctl_json_add_text(object, "Holder", holder_to_string(fact.holder));
                ctl_json_add_text(object, "Detail", detail);
                ctl_json_print(object);
                return CTL_OK;
        }

        snprintf(fact.detail, sizeof(fact.detail), "%.79s", detail);
        port_fact_describe(&fact, text, sizeof(text));
        if (fact.holder == HOLDER_UNKNOWN || fact.holder == HOLDER_NONE)
                snprintf(text, sizeof(text), "port %u: %.180s", fact.port, detail);
        puts(text);
        return CTL_OK;
}
