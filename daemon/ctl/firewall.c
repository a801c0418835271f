/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/firewall.h"
#include "ctl/verb.h"
#include "windows/inquiry.h"

/* A cold PowerShell takes seconds to start. */
#define CHECK_TIMEOUT_SEC 30

/* Windows closes its own prompt for the administrator's consent after two minutes. */
#define APPLY_TIMEOUT_SEC 150

#define COMMAND_SIZE (2 * FIREWALL_LINE_SIZE + sizeof("; "))

typedef struct Wanted {
        FirewallScope scope;
        uint16_t port;    /* 0: sshd's */
        uint16_t timeout; /* s */
        bool remove, mosh;
} Wanted;

/* Prints why Windows can't be asked. */
static int windows_error(int r, unsigned timeout) {
        if (r == -ETIMEDOUT)
                return ctl_error(CTL_FAILED, "Windows has not answered within %u s", timeout);
        if (r == -EBADMSG)
                return ctl_error(CTL_FAILED, "the answer of Windows can't be read");
        return ctl_error(CTL_FAILED, "Windows can't be asked: %s",
                         r == -EOPNOTSUPP ? "this isn't WSL 2, or /etc/wsl.conf has enabled=false in "
                                            "[interop] or [automount]"
                         : r == -ENOENT   ? "its PowerShell can't be run from here"
                                          : strerrordesc_np(-r));
}

/* Prints what the firewall does with the port. Returns CTL_OK, CTL_FOUND if it doesn't let the port in, or CTL_FAILED if
 * Windows can't be asked. */
static int check(const Wanted *wanted, WindowsRules *ret) {
        const Wait wait = { "Windows", wanted->timeout * USEC_PER_SEC };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        WindowsAnswer answer;
        int r;

        r = ctl_event_new(&wait, &event);
        if (r >= 0)
                r = inquiry_wait(event, WINDOWS_RULES, wanted->port, wait.timeout, &answer);
        if (r < 0) {
                printf("port %u: unknown\n", wanted->port);
                return windows_error(r, wanted->timeout);
        }

        for (size_t i = 0; i < answer.rules.n; i++)
                printf("port %u: %s from %s by \"%s\"\n", wanted->port,
                       answer.rules.rules[i].blocks ? "kept out, whatever others allow," : "let in",
                       answer.rules.rules[i].remote, answer.rules.rules[i].name);
        if (answer.rules.off || answer.rules.open)
                printf("port %u: let in, as Windows' firewall %s\n", wanted->port,
                       answer.rules.off ? "is off for WSL" : "lets in what no rule names");
        else if (answer.rules.ignored)
                printf("port %u: a policy on Windows ignores local rules (AllowLocalFirewallRules)\n",
                       wanted->port);
        else if (!windows_rules_find(&answer.rules, false))
                printf("port %u: no rule of Windows' firewall lets it in\n", wanted->port);
        *ret = answer.rules;
        return windows_rules_let_in(&answer.rules) ? CTL_OK : CTL_FOUND;
}

static bool confirm(void) {
        char answer[8];

        fputs("Run this on Windows as an administrator? [y/N] ", stderr);
        return fgets(answer, sizeof(answer), stdin) && (streq(answer, "y\n") || streq(answer, "Y\n"));
}

/* True if a rule that has the name in @rule, the command that makes it, is among @rules. Another may have made it. */
static bool is_there(const char *rule, const WindowsRules *rules) {
        char name[sizeof(rules->rules[0].name) + 2];

        for (size_t i = 0; i < rules->n; i++) {
                snprintf(name, sizeof(name), "\"%s\"", rules->rules[i].name);
                if (strstr(rule, name))
                        return true;
        }
        return false;
}

/* Runs @removal or @rule, then looks at the rules: only these tell whether it failed. */
static int apply(const Ctl *ctl, const Wanted *wanted, const char *rule, const char *removal) {
        const char *command = wanted->remove ? removal : rule;
        const Wait wait = { "Windows", wanted->timeout * USEC_PER_SEC };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        WindowsRules rules = { .n = 0 };
        int status, r;

        puts(command);
        fflush(stdout);
        if (!ctl->line.options[OPTION_YES]) {
                if (!isatty(STDIN_FILENO))
                        return ctl_error(CTL_USAGE,
                                         "there is no terminal to ask on; to run it without: --yes");
                if (!confirm())
                        return ctl_error(CTL_FAILED, "nothing was changed");
        }

        r = ctl_event_new(&wait, &event);
        if (r >= 0)
                r = windows_run_elevated(event, command, wait.timeout, &status);
        if (r == -ETIMEDOUT)
                return ctl_error(CTL_FAILED,
                                 "Windows has not answered within %u s; it may still run the command",
                                 wanted->timeout);
        if (r < 0)
                return windows_error(r, wanted->timeout);

        r = check(wanted, &rules);
        if (status != 0 && (r == CTL_FAILED || wanted->mosh || is_there(rule, &rules) == wanted->remove))
                return ctl_error(CTL_FAILED,
                                 "Windows did not run the command (exit status %d): its user may have "
                                 "refused",
                                 status);
        if (!wanted->remove)
                return r;
        if (is_there(rule, &rules))
                return ctl_error(CTL_FAILED, "the rule is still there");
        /* Another rule may still let the port in. */
        return r == CTL_FOUND ? CTL_OK : r;
}

static int parse_options(const CommandLine *line, Wanted *ret) {
        const char *const *options = line->options;

        *ret = (Wanted){
                .timeout = options[OPTION_CHECK] ? CHECK_TIMEOUT_SEC : APPLY_TIMEOUT_SEC,
                .remove = options[OPTION_REMOVE],
                .mosh = options[OPTION_MOSH],
        };

        if (options[OPTION_JSON])
                return ctl_error(CTL_USAGE, "firewall has no --json; its exit status tells");
        if (options[OPTION_PORT] && parse_port(options[OPTION_PORT], &ret->port) < 0)
                return ctl_error(CTL_USAGE, "--port has to be a number from 1 to 65535");
        if (options[OPTION_TIMEOUT] &&
            (parse_port(options[OPTION_TIMEOUT], &ret->timeout) < 0 || ret->timeout > 3600))
                return ctl_error(CTL_USAGE, "--timeout has to be a number of seconds from 1 to 3600");
        if (options[OPTION_CHECK] && (options[OPTION_APPLY] || ret->remove || ret->mosh))
                return ctl_error(CTL_USAGE,
                                 "--check only looks at the rules for the port, and can't go with "
                                 "--apply, --remove or --mosh");
        if (options[OPTION_YES] && !options[OPTION_APPLY])
                return ctl_error(CTL_USAGE, "--yes goes with --apply only");
        return ctl_parse_scope(line, &ret->scope);
}

/* Writes the command that makes the rules, or @removes them. */
static void write_command(const Wanted *wanted, FirewallForm form, bool removes,
                          char ret[static COMMAND_SIZE]) {
        __typeof__(firewall_rule) *print = removes ? firewall_removal : firewall_rule;

        print(form, wanted->scope, wanted->port, ret);
        if (wanted->mosh) {
                strcat(ret, "; ");
                print(form, wanted->scope, FIREWALL_MOSH, ret + strlen(ret));
        }
}

int verb_firewall(Ctl *ctl) {
        const char *const *options = ctl->line.options;
        FirewallForm form = options[OPTION_HYPERV] ? FIREWALL_HYPERV : FIREWALL_WINDOWS;
        char rule[COMMAND_SIZE], removal[COMMAND_SIZE];
        WindowsRules rules;
        Status status;
        Wanted wanted;
        int r;

        r = parse_options(&ctl->line, &wanted);
        if (r == CTL_OK && wanted.port == 0) {
                r = ctl_get_status(ctl, &status);
                if (r == CTL_OK && status.port == 0)
                        r = ctl_error(CTL_NOT_POSSIBLE, "sshd listens nowhere; name a port with --port");
                if (r == CTL_OK && !wanted.remove && status.mode != MODE_UNKNOWN &&
                    !mode_shares_ports(status.mode))
                        r = ctl_error(CTL_NOT_POSSIBLE,
                                      "networking mode %s shares no ports with Windows, so a rule for %u "
                                      "helps nothing (for one all the same: --port %u)",
                                      networking_mode_to_string(status.mode), status.port, status.port);
                if (r == CTL_OK)
                        wanted.port = status.port;
        }
        if (r != CTL_OK)
                return r;

        if (options[OPTION_CHECK])
                return check(&wanted, &rules);

        write_command(&wanted, form, false, rule);
        write_command(&wanted, form, true, removal);
        if (options[OPTION_APPLY])
                return apply(ctl, &wanted, rule, removal);

        printf("# In an elevated PowerShell on Windows:\n%s\n", wanted.remove ? removal : rule);
        if (!wanted.remove)
                printf("# This removes it again:\n# %s\n", removal);
        return CTL_OK;
}
