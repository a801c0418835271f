/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "systemd/bus.h"
#include "ctl/ctl.h"
#include "diagnose/gather.h"

/* The daemon answers from memory; it may be the one that waits for us. */
#define DAEMON_TIMEOUT (2 * USEC_PER_SEC)

static bool ask_daemon(Status *ret, bool *ret_can_ask) {
        Ctl ctl = { 0 };
        int status;

        *ret_can_ask = bus_open_system(NULL, &ctl.bus) >= 0;
        if (!*ret_can_ask)
                return false;
        (void) sd_bus_set_method_call_timeout(ctl.bus, DAEMON_TIMEOUT);
        status = ctl_get_status(&ctl, true, ret);
        ctl_done(&ctl);
        return status == CTL_OK;
}

int main(int argc, char *argv[]) {
        Finding findings[CHECKS_MAX];
        CheckFacts facts;
        Status status;
        bool answers, can_ask;
        sigset_t mask;
        size_t n;
        int r;

        if (argc > 1 && streq(argv[1], GATHER_PROFILE_OPTION))
                return gather_profile_main(argc, argv);
        if (argc > 1) {
                fprintf(stderr, "wslportd-diagnose takes no argument; wslportctl diagnose runs it\n");
                return EXIT_FAILURE;
        }

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return EXIT_FAILURE;

        answers = ask_daemon(&status, &can_ask);
        r = gather_facts(answers ? &status : NULL, can_ask, &facts);
        if (r < 0) {
                fprintf(stderr, "wslportd-diagnose: %s\n", strerrordesc_np(-r));
                return EXIT_FAILURE;
        }

        n = checks_run(&facts, findings);
        for (size_t i = 0; i < n; i++)
                printf("%s\t%s\t%s\t%s\n", findings[i].check, verdict_to_string(findings[i].verdict),
                       findings[i].finding, findings[i].remedy);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
