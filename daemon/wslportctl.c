/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>

#include "ctl.h"

static const struct {
        const char *name;
        CtlVerb run;
        const char *arguments, *help;
} verbs[] = {
        { "status", verb_status, "", "who has sshd's port, and where sshd is" },
        { "diagnose", verb_diagnose, "[--json]", "what is wrong where sshd can't be reached, and what mends it" },
        { "firewall", verb_firewall, "[OPTION…]", "the rule of Windows' firewall for sshd's port" },
        { "ssh-config", verb_ssh_config, "[OPTION…]", "what a client's ~/.ssh/config needs to come here" },
};

static void print_help(void) {
        printf("wslportctl [OPTION] [VERB …]\n\n"
               "Shows and steers wslportd, which keeps WSL's sshd reachable where Windows holds its port.\n\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-10s %-10s  %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
        printf("\n  --json      for programs\n"
               "  --version   print the version\n"
               "  --help      print this\n\n"
               "Without a verb: status. See wslportctl(1).\n");
}

/* 1 where the verb is to be run, else how to end. */
static int parse_options(int argc, char *argv[], Ctl *ctl, bool *ret_run) {
        enum {
                OPTION_JSON = 0x100,
                OPTION_VERSION,
                OPTION_HELP,
        };
        static const struct option options[] = {
                { "json", no_argument, NULL, OPTION_JSON },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "help", no_argument, NULL, OPTION_HELP },
                { NULL, 0, NULL, 0 },
        };
        int c;

        /* "+": what stands behind the verb is the verb's. */
        while ((c = getopt_long(argc, argv, "+h", options, NULL)) >= 0)
                switch (c) {
                case OPTION_JSON:
                        ctl->json = true;
                        break;
                case OPTION_VERSION:
                        printf("wslportctl %s\n", PROJECT_VERSION);
                        return CTL_OK;
                case 'h':
                case OPTION_HELP:
                        print_help();
                        return CTL_OK;
                default:
                        return CTL_USAGE;
                }

        *ret_run = true;
        return CTL_OK;
}

static int run_verb(Ctl *ctl, int argc, char *argv[]) {
        static char *status[] = { (char *) "status", NULL };

        if (argc == 0)
                return verb_status(ctl, 1, status);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(argv[0], verbs[i].name)) {
                        optind = 0; /* a verb with options reads them anew, from its own argv[1] */
                        return verbs[i].run(ctl, argc, argv);
                }
        return ctl_error(CTL_USAGE, "there is no verb \"%.40s\"; see wslportctl --help", argv[0]);
}

int main(int argc, char *argv[]) {
        bool terminal = isatty(STDOUT_FILENO), run = false;
        Ctl ctl = {
                .terminal = terminal,
                .color = terminal && isempty(getenv("NO_COLOR")) && !streq(strempty(getenv("TERM")), "dumb"),
        };
        int status;

        status = parse_options(argc, argv, &ctl, &run);
        if (run)
                status = run_verb(&ctl, argc - optind, argv + optind);
        ctl_done(&ctl);

        /* A full disk or a closed pipe is no success. */
        if (fflush(stdout) != 0 && status == CTL_OK)
                status = CTL_FAILED;
        return status;
}
