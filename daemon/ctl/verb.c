/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verb.h"

#include <sys/ioctl.h>

#include "process/child.h"

#define SENTENCE_SIZE 2048

unsigned ctl_columns(int fd) {
        struct winsize size;

        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WRAP_NEVER;
}

void ctl_say(const char *format, ...) {
        const char *name = program_invocation_short_name;
        char text[SENTENCE_SIZE];

        (void) format_arguments(text, sizeof(text), format);
        fprintf(stderr, "%s: ", name);
        wrap_text(stderr, text, (unsigned) strlen(name) + 2, ctl_columns(STDERR_FILENO), WRAP_NEVER);
}

int ctl_parse_port(const CommandLine *line, uint16_t *ret) {
        const char *word = strempty(line->argument);
        char text[41];

        if (parse_port(word, ret) >= 0)
                return CTL_OK;
        return ctl_error(CTL_USAGE, "\"%s\" is no port: a port is a number from 1 to 65535",
                         printable(word, text, sizeof(text)));
}

int ctl_parse_scope(const CommandLine *line, FirewallScope *ret) {
        const char *word = line->options[OPTION_SCOPE];

        *ret = FIREWALL_LAN;
        if (!word || firewall_scope_from_string(word, ret) >= 0)
                return CTL_OK;
        return ctl_error(CTL_USAGE, "--scope has to be lan, tailscale or any");
}

static void copy_output(const ChildResult *result, void *userdata) {
        if (result->exit_status == 0)
                *(char **) userdata = strdup(result->output);
}

static int on_second(sd_event_source *, uint64_t, void *userdata) {
        const Wait *wait = userdata;

        ctl_say("waiting for %s, %u s at most", wait->whom, (unsigned) (wait->timeout / USEC_PER_SEC));
        return 0;
}

int ctl_event_new(const Wait *wait, sd_event **ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0 && isatty(STDERR_FILENO))
                r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, USEC_PER_SEC, 0, on_second,
                                               (void *) wait);
        if (r >= 0)
                *ret = TAKE_PTR(event);
        return r;
}

char *ctl_run(const char *const argv[], usec_t timeout) {
        const Wait wait = { basename(argv[0]), timeout };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(child_freep) Child *child = NULL;
        char *output = NULL;

        if (ctl_event_new(&wait, &event) >= 0 &&
            child_spawn(event, argv, NULL, PROGRAM_ALL, timeout, copy_output, &output, &child) >= 0)
                (void) child_wait(event, child);
        return output;
}
