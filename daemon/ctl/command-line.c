/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verb.h"

static const Verb verbs[] = {
        { "status", verb_status, NULL, "show who holds sshd's port, and where sshd is",
          "With --json, it prints the properties of org.wslport1 as one object." },
        { "listeners", verb_listeners, NULL, "list who listens on sshd's ports in Linux",
          "With --json, it prints a list of objects: Address, Port, Holder, Unit." },
        { "monitor", verb_monitor, NULL, "print a line for each change, until interrupted",
          "It goes on when wslportd is restarted. With --json, each line is an object. "
          "Its Event is Status (with the whole Status), Conflict, Relocated, Restored, "
          "Stopped or Started." },
        { "probe", verb_call, NULL, "find out again who holds the home port",
          "The home port is never bound for this, so Windows doesn't lose it." },
        { "relocate", verb_call, "[PORT]", "move sshd to PORT, or to where the policy says",
          "PORT has to be one of CandidatePorts= of wslportd.conf(5). Open sessions go on." },
        { "restore", verb_call, NULL, "move sshd back to its home port, if it is free",
          "Open sessions go on." },
        { "reload", verb_call, NULL, "read wslportd's configuration again",
          "If it has an error, the error is shown, and the old configuration stays in force." },
        { "diagnose", verb_diagnose, NULL, "find out why sshd can't be reached, and what to do",
          "It works without the daemon, too. With --json, it prints a list of objects: Check, Verdict, "
          "Finding, Remedy." },
        { "who", verb_who, "PORT", "tell who has PORT, in Linux or on Windows",
          "It binds nothing, so it can't promise that a port is free. It works without the "
          "daemon, too. With --json, it prints an object: Port, Holder, Detail." },
        { "report", verb_report, NULL, "write a file for a bug report",
          "The file goes into the current folder. Names, addresses and keys in it are replaced. Root sees "
          "more than other users." },
        { "firewall", verb_firewall, NULL, "print the rule that opens Windows' firewall",
          "An administrator of Windows has to run it there, in PowerShell." },
        { "ssh-config", verb_ssh_config, NULL, "print what a client needs in ~/.ssh/config",
          "A client needs Windows' firewall open, too: `wslportctl firewall`." },
        { "help", verb_help, "[VERB]", "print this, or what a verb does", "See wslportctl(1) for more." },
};

static const struct {
        const char *verbs; /* whose option it is; "": of all verbs */
        const char *name, *value, *help;
} options[_OPTION_MAX] = {
        [OPTION_JSON] = { "", "--json", "", "print JSON, for programs" },
        [OPTION_VERSION] = { "", "--version", "", "print the version" },
        [OPTION_HELP] = { "", "--help", "", "print this, or what the verb does" },

        [OPTION_QUIET] = { "status", "--quiet", "",
                           "print no status; 0: clear or relocated, 1: another state" },
        [OPTION_ALL] = { "diagnose", "--all", "", "show the checks that pass, too" },

        [OPTION_SCOPE] = { "firewall ssh-config", "--scope", "lan|tailscale|any",
                           "where the clients are (lan)" },
        [OPTION_HYPERV] = { "firewall", "--hyperv", "", "a rule of the Hyper-V firewall: for WSL only" },
        [OPTION_MOSH] = { "firewall", "--mosh", "", "a rule for mosh's UDP ports, too" },
        [OPTION_PORT] = { "firewall", "--port", "PORT", "a port other than sshd's" },
        [OPTION_REMOVE] = { "firewall", "--remove", "", "print the command that removes the rule" },
        [OPTION_CHECK] = { "firewall", "--check", "", "ask Windows whether it lets the port in" },
        [OPTION_APPLY] = { "firewall", "--apply", "", "show the command, ask, and run it on Windows" },
        [OPTION_YES] = { "firewall", "--yes", "", "with --apply: don't ask" },
        [OPTION_TIMEOUT] = { "firewall", "--timeout", "SECONDS", "how long to wait for Windows" },

        [OPTION_HOST] = { "ssh-config", "--host", "NAME", "the client's name for this machine (wsl)" },
        [OPTION_USER] = { "ssh-config", "--user", "NAME", "who logs in here (you)" },
        [OPTION_KNOWN_HOSTS] = { "ssh-config", "--known-hosts", "", "print lines for ~/.ssh/known_hosts" },
        [OPTION_WINDOWS] = { "ssh-config", "--windows", "", "for Windows on this machine" },
};

/* True for an option of that verb, or with "" for one of all verbs. No verb's name is a part of another's. */
static bool is_option_of(size_t option, const char *verb) {
        return *verb ? strstr(options[option].verbs, verb) != NULL : streq(options[option].verbs, "");
}

/* True if @a is @b with one letter too many, one missing or one replaced, or with two neighbours swapped. */
static bool is_nearly(const char *a, const char *b) {
        for (; *a && *a == *b; a++)
                b++;
        return (*a && streq(a + 1, b)) || (*b && streq(a, b + 1)) ||
               (*a && *b && (streq(a + 1, b + 1) || (a[0] == b[1] && a[1] == b[0] && streq(a + 2, b + 2))));
}

static const Verb *find_verb(const char *name) {
        const char *nearest = NULL;
        char text[41];

        for (const Verb *verb = verbs; verb < verbs + ELEMENTSOF(verbs); verb++)
                if (streq(name, verb->name))
                        return verb;
                else if (is_nearly(name, verb->name))
                        nearest = verb->name;

        ctl_say("there is no verb \"%s\"; %s%s%s", printable(name, text, sizeof(text)),
                nearest ? "did you mean \"" : "see `wslportctl --help`", strempty(nearest),
                nearest ? "\"?" : "");
        return NULL;
}

/* ── help ── */

/* Prints @label, and @text from column @indent on. */
static void help_print(const Ctl *ctl, const char *label, unsigned indent, const char *text) {
        unsigned columns = ctl->columns < COLUMNS_FULL ? ctl->columns : COLUMNS_FULL;

        printf("%-*s", wrap_goes_below(indent, columns) ? 0 : (int) indent, label);
        wrap_text(stdout, text, indent, columns, WRAP_NEVER);
}

static void print_options(const Ctl *ctl, const char *verb) {
        char usage[40];

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (is_option_of(i, verb)) {
                        snprintf(usage, sizeof(usage), "  %s%s%s", options[i].name,
                                 options[i].value[0] ? " " : "", options[i].value);
                        help_print(ctl, usage, 30, options[i].help);
                }
}

int verb_help(Ctl *ctl) {
        const Verb *verb;
        char text[160];

        if (ctl->line.argument) {
                verb = find_verb(ctl->line.argument);
                if (!verb)
                        return CTL_USAGE;
                snprintf(text, sizeof(text), "wslportctl %s%s%s: %s", verb->name, verb->argument ? " " : "",
                         strempty(verb->argument), verb->summary);
                help_print(ctl, "", 0, text);
                help_print(ctl, "", 0, verb->details);
                print_options(ctl, verb->name);
                return CTL_OK;
        }

        printf("wslportctl [OPTION ...] [VERB ...]\n\n");
        help_print(ctl, "", 0,
                   "Shows and controls wslportd, which keeps WSL's sshd reachable where Windows holds its "
                   "port.");
        putchar('\n');
        for (verb = verbs; verb < verbs + ELEMENTSOF(verbs); verb++) {
                snprintf(text, sizeof(text), "  %-*s%s", verb->argument ? 11 : 0, verb->name,
                         strempty(verb->argument));
                help_print(ctl, text, 22, verb->summary);
        }
        putchar('\n');
        print_options(ctl, "");
        help_print(ctl, "\n", 0, "Without a verb: status. See wslportctl(1).");
        return CTL_OK;
}

/* ── parsing ── */

/* Takes the option at argv[*@i], which is "--name", "--name=value", or "--name" with a value behind it. */
static int parse_option(int argc, char *argv[], int *i, CommandLine *line) {
        const char *word = streq(argv[*i], "-h") ? "--help" : argv[*i];
        const char *verb = line->verb ? line->verb->name : "status"; /* without one, it is that */
        size_t length = strcspn(word, "="), k;
        char text[41];

        for (k = 0; k < ELEMENTSOF(options); k++)
                if (length == strlen(options[k].name) && strncmp(word, options[k].name, length) == 0 &&
                    (is_option_of(k, "") || is_option_of(k, verb)))
                        break;
        if (k == ELEMENTSOF(options))
                return ctl_error(CTL_USAGE, "there is no option \"%s\"; see `wslportctl help %s`",
                                 printable(word, text, sizeof(text)), verb);
        if (options[k].value[0] == '\0' && word[length] == '=')
                return ctl_error(CTL_USAGE, "%s takes no value", options[k].name);

        if (options[k].value[0] == '\0')
                line->options[k] = "";
        else if (word[length] == '=')
                line->options[k] = word + length + 1;
        else if (*i + 1 < argc)
                line->options[k] = argv[++*i];
        else
                return ctl_error(CTL_USAGE, "%s needs a value: %s", options[k].name, options[k].value);
        return CTL_OK;
}

int command_line_parse(int argc, char *argv[], CommandLine *ret) {
        CommandLine line = { 0 };
        size_t n_arguments = 0;
        bool options_end = false; /* by "--" */
        int r = CTL_OK;

        for (int i = 1; i < argc && r == CTL_OK; i++)
                if (!options_end && streq(argv[i], "--"))
                        options_end = true;
                else if (!options_end && argv[i][0] == '-')
                        r = parse_option(argc, argv, &i, &line);
                else if (line.verb) {
                        line.argument = argv[i];
                        n_arguments++;
                } else {
                        line.verb = find_verb(argv[i]);
                        r = line.verb ? CTL_OK : CTL_USAGE;
                }
        if (r != CTL_OK)
                return r;

        if (line.options[OPTION_HELP]) { /* whatever else there is */
                line.argument = line.verb ? line.verb->name : NULL;
                line.verb = find_verb("help");
        } else if (!line.verb)
                line.verb = find_verb("status");
        else if (n_arguments > (line.verb->argument ? 1 : 0))
                return ctl_error(CTL_USAGE, "%s takes %s; see `wslportctl help %s`", line.verb->name,
                                 line.verb->argument ? "one argument at most" : "no argument",
                                 line.verb->name);
        *ret = line;
        return CTL_OK;
}
