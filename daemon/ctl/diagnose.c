/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/daemon.h"
#include "ctl/json.h"
#include "dbus/client.h"
#include "diagnose/checks.h"
#include "diagnose/text.h"

#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define TIMEOUT (25 * USEC_PER_SEC)

typedef struct Diagnosis {
        DiagnosisLine lines[DIAGNOSIS_LINES_MAX];
        size_t n;
} Diagnosis;

static int read_reply(sd_bus_message *m, Diagnosis *d) {
        const char *check, *verdict, *finding, *remedy;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ssss)", &check, &verdict, &finding, &remedy)) > 0) {
                DiagnosisLine *line;

                if (d->n == ELEMENTSOF(d->lines))
                        continue;
                line = &d->lines[d->n++];
                (void) printable(check, line->check, sizeof(line->check));
                (void) printable(verdict, line->verdict, sizeof(line->verdict));
                (void) printable(finding, line->finding, sizeof(line->finding));
                (void) printable(remedy, line->remedy, sizeof(line->remedy));
        }
        return r;
}

/* The daemon sees more than a user's own program does. */
static bool ask_daemon(Ctl *ctl, Diagnosis *d) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        return ctl_connect(ctl, true) == CTL_OK &&
               client_call(ctl->bus, "Diagnose", TIMEOUT, NULL, &reply, "") >= 0 &&
               read_reply(reply, d) >= 0 && d->n > 0;
}

static bool run_program(Diagnosis *d) {
        static const char *const argv[] = { PROGRAM, NULL };
        _cleanup_free_ char *text = ctl_run(argv, TIMEOUT);
        DiagnosisReader reader = { .rest = strempty(text) };

        for (d->n = 0; d->n < ELEMENTSOF(d->lines) && diagnosis_read(&reader, &d->lines[d->n]);)
                d->n++;
        return d->n > 0;
}

static json_object *checks_array(const Diagnosis *d) {
        json_object *array = ctl_json_array();

        for (const DiagnosisLine *line = d->lines; line < d->lines + d->n; line++) {
                json_object *object = ctl_json_object();

                ctl_json_add_text(object, "Check", line->check);
                ctl_json_add_text(object, "Verdict", line->verdict);
                ctl_json_add_text(object, "Finding", line->finding);
                ctl_json_add_text(object, "Remedy", line->remedy);
                ctl_json_append(array, object);
        }
        return array;
}

static void print_check(const Ctl *ctl, const DiagnosisLine *line) {
        static const struct {
                const char *mark;
                Style style;
        } marks[_VERDICT_MAX] = {
                [VERDICT_UNKNOWN] = { "?", STYLE_STRONG }, [VERDICT_OK] = { "✓", STYLE_GOOD },
                [VERDICT_WARNING] = { "!", STYLE_STRONG }, [VERDICT_PROBLEM] = { "✗", STYLE_BAD },
                [VERDICT_SKIPPED] = { "–", STYLE_FAINT },
        };
        Verdict verdict = VERDICT_UNKNOWN;

        (void) verdict_from_string(line->verdict, &verdict);
        printf("%s%s%s %-16s  %s%s%s\n", ctl_style(ctl, marks[verdict].style), marks[verdict].mark,
               ctl_style(ctl, STYLE_PLAIN), line->check,
               ctl_style(ctl, verdict == VERDICT_SKIPPED ? STYLE_FAINT : STYLE_PLAIN), line->finding,
               ctl_style(ctl, STYLE_PLAIN));
        if (line->remedy[0])
                printf("%20s%s%s%s\n", "", ctl_style(ctl, STYLE_STRONG), line->remedy,
                       ctl_style(ctl, STYLE_PLAIN));
}

int verb_diagnose(Ctl *ctl) {
        _cleanup_free_ Diagnosis *d = calloc(1, sizeof(*d));
        int found = CTL_OK;

        if (!d)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(ENOMEM));
        if (!ask_daemon(ctl, d) && !run_program(d))
                return ctl_error(CTL_FAILED, "there is no diagnosis: " PROGRAM " can't be run");

        for (size_t i = 0; i < d->n; i++) {
                if (geteuid() == 0 && isempty(getenv("SUDO_USER"))) /* else who types it isn't root */
                        remedy_without_sudo(d->lines[i].remedy);
                if (streq(d->lines[i].verdict, verdict_to_string(VERDICT_PROBLEM)))
                        found = CTL_FOUND;
        }
        if (ctl->line.options[OPTION_JSON]) {
                ctl_json_print(checks_array(d));
                return found;
        }

        for (size_t i = 0; i < d->n; i++)
                print_check(ctl, &d->lines[i]);
        return found;
}
