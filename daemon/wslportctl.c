/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>

#include "ctl/ctl.h"

static int verb_help(Ctl *ctl, int argc, char *argv[]);

/* Of .help, the first line is for the list, the rest for --help behind the verb. */
static const struct {
        const char *name;
        CtlVerb run;
        const char *arguments, *help;
} verbs[] = {
        { "status", verb_status, "",
          "who has sshd's port, and where sshd is\n"
          "With --json, the properties of org.wslport1 in one object." },
        { "listeners", verb_listeners, "",
          "who listens on the ports that matter\n"
          "With --json, a list of objects: Address, Port, Holder, Unit." },
        { "monitor", verb_monitor, "",
          "print a line at each change, until interrupted\n"
          "It goes on when wslportd is restarted. With --json, each line is an object: its Event is\n"
          "Status (with all of Status), Conflict, Relocated, Restored, Stopped or Started." },
        { "probe", verb_probe, "",
          "look again who has the home port\n"
          "Windows isn't disturbed: the home port is never bound for that." },
        { "relocate", verb_relocate, "[PORT]",
          "move sshd to PORT, or to where the policy says\n"
          "PORT must be among CandidatePorts of /etc/wslportd.conf. Sessions go on." },
        { "restore", verb_restore, "",
          "move sshd back to its home port, if it can be had\n"
          "Sessions go on." },
        { "reload", verb_reload, "",
          "read /etc/wslportd.conf again\n"
          "Where it has an error, that is told, and what was in force stays in force." },
        { "diagnose", verb_diagnose, "",
          "what is wrong where sshd can't be reached, and what mends it\n"
          "With --json, a list of objects: Check, Verdict, Finding, Remedy. It works without the daemon, too." },
        { "firewall", verb_firewall, "[OPTION]",
          "the rule of Windows' firewall for sshd's port\n"
          "  --scope lan|tailscale|any  who is let in (lan)\n"
          "  --hyperv                   for the Hyper-V firewall, so for WSL alone\n"
          "  --port PORT                another port than the one in force\n"
          "  --remove                   what takes the rule away again\n"
          "  --check                    ask Windows whether there is such a rule\n"
          "  --apply [--yes]            have Windows run it, elevated; it is shown and asked for before\n"
          "  --timeout SECONDS          how long Windows may take" },
        { "ssh-config", verb_ssh_config, "[OPTION]",
          "what a client's ~/.ssh/config needs to come here\n"
          "  --host NAME    what the client calls this machine (wsl)\n"
          "  --user NAME    who logs in here (you)\n"
          "  --known-hosts  the lines for ~/.ssh/known_hosts instead" },
        { "help", verb_help, "[VERB]", "print this, or what a verb does" },
};

static void print_help(void) {
        printf("wslportctl [OPTION…] [VERB …]\n\n"
               "Shows and steers wslportd, which keeps WSL's sshd reachable where Windows holds its port.\n\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-10s %-10s  %.*s\n", verbs[i].name, verbs[i].arguments,
                       (int) strcspn(verbs[i].help, "\n"), verbs[i].help);
        printf("\n  --json      for programs\n"
               "  --version   print the version\n"
               "  --help      print this, or what the verb does\n\n"
               "Without a verb: status. See wslportctl(1).\n");
}

static int unknown_verb(const char *name) {
        char text[41];

        return ctl_error(CTL_USAGE, "there is no verb \"%s\"; see wslportctl --help",
                         printable(name, text, sizeof(text)));
}

static int print_verb_help(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(name, verbs[i].name)) {
                        printf("wslportctl %s%s%s: %s\n", name, isempty(verbs[i].arguments) ? "" : " ",
                               verbs[i].arguments, verbs[i].help);
                        return CTL_OK;
                }
        return unknown_verb(name);
}

static int verb_help(Ctl *ctl, int argc, char *argv[]) {
        int r;

        (void) ctl;
        r = ctl_check_arguments(argc, argv, 1);
        if (r != CTL_OK)
                return r;
        if (argc > 1)
                return print_verb_help(argv[1]);
        print_help();
        return CTL_OK;
}

/* CTL_OK and *@ret_run where there is a verb to be run, else how to end. */
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

/* Takes out of a verb's arguments what each verb understands. Returns how many are left. */
static int take_common_options(Ctl *ctl, int argc, char *argv[], bool *ret_help) {
        int n = 1;

        for (int i = 1; i < argc; i++)
                if (streq(argv[i], "--")) {
                        while (i < argc)
                                argv[n++] = argv[i++];
                } else if (streq(argv[i], "--json"))
                        ctl->json = true;
                else if (streq(argv[i], "--help") || streq(argv[i], "-h"))
                        *ret_help = true;
                else
                        argv[n++] = argv[i];
        argv[n] = NULL;
        return n;
}

static int run_verb(Ctl *ctl, int argc, char *argv[]) {
        static char *status[] = { (char *) "status", NULL };
        bool help = false;

        if (argc == 0)
                return verb_status(ctl, 1, status);

        argc = take_common_options(ctl, argc, argv, &help);
        if (help)
                return print_verb_help(argv[0]);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(argv[0], verbs[i].name)) {
                        optind = 0; /* a verb with options reads them anew, from its own argv[1] */
                        return verbs[i].run(ctl, argc, argv);
                }
        return unknown_verb(argv[0]);
}

/* Where the shell has closed one of the three, the bus would get its number, and what is printed. Read-only:
 * to print is an error then. */
static int open_standard_descriptors(void) {
        int fd;

        do {
                fd = open("/dev/null", O_RDONLY);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO);
        close(fd);
        return 0;
}

int main(int argc, char *argv[]) {
        bool terminal, run = false;
        Ctl ctl = { 0 };
        sigset_t signals;
        int status;

        if (open_standard_descriptors() < 0)
                return CTL_FAILED;

        /* sd_event_add_child(3) wants it for the programs that verbs run. */
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);

        terminal = isatty(STDOUT_FILENO);
        ctl.terminal = terminal;
        ctl.color = terminal && isempty(getenv("NO_COLOR")) && !streq(strempty(getenv("TERM")), "dumb");

        status = parse_options(argc, argv, &ctl, &run);
        if (run)
                status = run_verb(&ctl, argc - optind, argv + optind);
        ctl_done(&ctl);

        /* A full disk is no success, nor is a closed pipe, whose reader has seen enough. */
        errno = 0;
        if ((fflush(stdout) != 0 || ferror(stdout)) && (status == CTL_OK || status == CTL_FAILED)) {
                status = CTL_FAILED;
                if (errno != EPIPE)
                        (void) ctl_error(status, "what was to be printed is lost%s%s", errno == 0 ? "" : ": ",
                                         errno == 0 ? "" : strerrordesc_np(errno));
        }
        return status;
}
