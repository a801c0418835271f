/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>

#include "ctl/ctl.h"
#include "windows/firewall.h"
#include "windows/inquiry.h"

/* PowerShell takes seconds to start where it wasn't used for a while. */
#define CHECK_TIMEOUT_SEC 30

/* Windows' own question to the user ends after two minutes. */
#define APPLY_TIMEOUT_SEC 150

typedef struct Options {
        FirewallScope scope;
        FirewallForm form;
        uint16_t port; /* 0: the one in force */
        bool remove, apply, check, yes;
        unsigned timeout; /* s, 0: the usual one */
} Options;

static int parse_options(int argc, char *argv[], Options *ret) {
        enum {
                OPTION_SCOPE = 0x100,
                OPTION_HYPERV,
                OPTION_REMOVE,
                OPTION_PORT,
                OPTION_APPLY,
                OPTION_CHECK,
                OPTION_YES,
                OPTION_TIMEOUT,
        };
        static const struct option options[] = {
                { "scope", required_argument, NULL, OPTION_SCOPE },
                { "hyperv", no_argument, NULL, OPTION_HYPERV },
                { "remove", no_argument, NULL, OPTION_REMOVE },
                { "port", required_argument, NULL, OPTION_PORT },
                { "apply", no_argument, NULL, OPTION_APPLY },
                { "check", no_argument, NULL, OPTION_CHECK },
                { "yes", no_argument, NULL, OPTION_YES },
                { "timeout", required_argument, NULL, OPTION_TIMEOUT },
                { NULL, 0, NULL, 0 },
        };
        uint16_t seconds = 0;
        int c;

        *ret = (Options){ .scope = FIREWALL_LAN };
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPTION_SCOPE:
                        if (firewall_scope_from_string(optarg, &ret->scope) < 0)
                                return ctl_error(CTL_USAGE, "--scope is lan, tailscale or any");
                        break;
                case OPTION_HYPERV:
                        ret->form = FIREWALL_HYPERV;
                        break;
                case OPTION_REMOVE:
                        ret->remove = true;
                        break;
                case OPTION_PORT:
                        if (parse_port(optarg, &ret->port) < 0)
                                return ctl_error(CTL_USAGE, "--port is a number from 1 to 65535");
                        break;
                case OPTION_APPLY:
                        ret->apply = true;
                        break;
                case OPTION_CHECK:
                        ret->check = true;
                        break;
                case OPTION_YES:
                        ret->yes = true;
                        break;
                case OPTION_TIMEOUT:
                        if (parse_port(optarg, &seconds) < 0 || seconds > 3600)
                                return ctl_error(CTL_USAGE,
                                                 "--timeout is a number of seconds from 1 to 3600");
                        ret->timeout = seconds;
                        break;
                default:
                        return CTL_USAGE;
                }

        if (optind < argc)
                return ctl_error(CTL_USAGE, "firewall takes options only");
        if (ret->check && (ret->apply || ret->remove))
                return ctl_error(CTL_USAGE, "--check changes nothing: it is for itself");
        if (ret->yes && !ret->apply)
                return ctl_error(CTL_USAGE, "--yes goes with --apply");
        return CTL_OK;
}

/* Why Windows could not be asked. */
static int windows_error(int r, unsigned timeout) {
        switch (r) {
        case -EOPNOTSUPP:
                return ctl_error(CTL_FAILED,
                                 "Windows can't be asked: this isn't WSL 2, or [interop] or [automount] has "
                                 "enabled=false in /etc/wsl.conf");
        case -ENOENT:
                return ctl_error(CTL_FAILED,
                                 "Windows can't be asked: its PowerShell can't be run from here");
        case -ETIMEDOUT:
                return ctl_error(CTL_FAILED, "Windows has not answered within %u s", timeout);
        case -EBADMSG:
                return ctl_error(CTL_FAILED, "what Windows answers isn't understood");
        default:
                return ctl_error(CTL_FAILED, "Windows could not be asked: %s", strerrordesc_np(-r));
        }
}

/* Prints what lets @port in. CTL_OK, CTL_FOUND where nothing does, CTL_FAILED where it is unknown. */
static int check(uint16_t port, unsigned timeout, WindowsRules *ret) {
        _cleanup_free_ WindowsAnswer *answer = malloc(sizeof(*answer));
        int r;

        if (!answer)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(ENOMEM));

        r = inquiry_wait(WINDOWS_RULES, port, timeout * USEC_PER_SEC, answer);
        if (r < 0) {
                printf("port %u: unknown\n", port);
                return windows_error(r, timeout);
        }

        for (size_t i = 0; i < answer->rules.n; i++)
                printf("port %u: let in from %s by \"%s\"\n", port, answer->rules.rules[i].remote,
                       answer->rules.rules[i].name);
        if (answer->rules.n == 0)
                printf("port %u: no rule of Windows' firewall lets it in\n", port);
        *ret = answer->rules;
        return answer->rules.n > 0 ? CTL_OK : CTL_FOUND;
}

static bool confirm(void) {
        char answer[8];

        fputs("Run this on Windows as an administrator? [y/N] ", stderr);
        return fgets(answer, sizeof(answer), stdin) && (streq(answer, "y\n") || streq(answer, "Y\n"));
}

static int apply(const Options *wanted, const char *command) {
        unsigned timeout = wanted->timeout > 0 ? wanted->timeout : APPLY_TIMEOUT_SEC;
        WindowsRules rules = { .n = 0 };
        char name[sizeof(rules.rules[0].name)];
        int status, r;

        puts(command);
        fflush(stdout);
        if (!wanted->yes) {
                if (!isatty(STDIN_FILENO))
                        return ctl_error(CTL_USAGE,
                                         "nobody can be asked here whether to run it; --yes does without");
                if (!confirm())
                        return ctl_error(CTL_FAILED, "nothing was changed");
        }

        r = windows_run_elevated(command, timeout * USEC_PER_SEC, &status);
        if (r == -ETIMEDOUT)
                return ctl_error(CTL_FAILED, "Windows has not answered within %u s; it may still run it",
                                 timeout);
        if (r < 0)
                return windows_error(r, timeout);
        if (status != 0)
                return ctl_error(CTL_FAILED,
                                 "Windows did not carry it out (exit status %d): its user refused, or %s",
                                 status,
                                 wanted->remove ? "there is no such rule" : "the rule is there already");

        r = check(wanted->port, timeout, &rules);
        if (!wanted->remove)
                return r;

        /* Others may let the port in as well. */
        snprintf(name, sizeof(name), "WSL SSH (%u, %s)", wanted->port,
                 firewall_scope_to_string(wanted->scope));
        for (size_t i = 0; i < rules.n; i++)
                if (streq(rules.rules[i].name, name))
                        return ctl_error(CTL_FAILED, "the rule is still there");
        return r == CTL_FOUND ? CTL_OK : r;
}

int verb_firewall(Ctl *ctl, int argc, char *argv[]) {
        char rule[FIREWALL_LINE_SIZE], removal[FIREWALL_LINE_SIZE];
        WindowsRules rules;
        Options wanted;
        Status status;
        int r;

        r = parse_options(argc, argv, &wanted);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_error(CTL_USAGE, "firewall has no --json; its exit status tells");

        if (wanted.port == 0) {
                r = ctl_get_status(ctl, &status);
                if (r != CTL_OK)
                        return r;
                if (status.port == 0)
                        return ctl_error(CTL_NOT_POSSIBLE, "sshd listens nowhere; --port names one");
                wanted.port = status.port;
        }

        if (wanted.check)
                return check(wanted.port, wanted.timeout > 0 ? wanted.timeout : CHECK_TIMEOUT_SEC, &rules);

        firewall_rule(wanted.form, wanted.scope, wanted.port, rule);
        firewall_removal(wanted.form, wanted.scope, wanted.port, removal);
        if (wanted.apply)
                return apply(&wanted, wanted.remove ? removal : rule);

        if (wanted.remove)
                printf("# For an elevated PowerShell on Windows:\n%s\n", removal);
        else
                printf("# For an elevated PowerShell on Windows:\n%s\n# Takes it away again:\n# %s\n", rule,
                       removal);
        return CTL_OK;
}
