/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client.h"
#include "diagnose/checks.h"
#include "diagnose/diagnosis.h"
#include "diagnose/gather.h"
#include "systemd/bus.h"

/* The daemon answers from memory. It may itself be waiting for this program. */
#define DAEMON_TIMEOUT (2 * USEC_PER_SEC)

int main(int argc, char *argv[]) {
        bool for_everyone = argc > 1 && streq(argv[1], DIAGNOSE_FOR_EVERYONE), answers;
        const char *word = argv[for_everyone ? 2 : 1]; /* NULL: none */
        uint16_t port = 0;
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        Finding findings[FINDINGS_MAX] = { 0 };
        CheckFacts facts;
        Status status;
        size_t n = 1;
        int r;

        if (argc > 1 && streq(argv[1], GATHER_WSLCONFIG_OPTION))
                return gather_wslconfig_main(argc, argv);
        if (word && parse_port(word, &port) < 0) {
                fprintf(stderr,
                        "wslportd-diagnose takes a port; wslportctl diagnose and wslportctl who run it\n");
                return EXIT_FAILURE;
        }

        if (block_signals((const int[]){ SIGCHLD, 0 }) < 0)
                return EXIT_FAILURE;

        /* The bus lets nobody in whom passwd(5) doesn't have, so it comes first. It tells everyone the same. */
        (void) bus_open_system(&bus);
        answers = bus && sd_bus_set_method_call_timeout(bus, DAEMON_TIMEOUT) >= 0 &&
                  client_get_status(bus, NULL, &status) >= 0;
        r = for_everyone ? program_drop_privileges(PROGRAM_NONE) : 0;
        if (r >= 0)
                r = gather_facts(bus, answers ? &status : NULL, for_everyone, port, &facts);
        if (r < 0) {
                fprintf(stderr, "wslportd-diagnose: %s\n", strerrordesc_np(-r));
                return EXIT_FAILURE;
        }

        if (port != 0)
                check_who(&facts, &findings[0]);
        else
                n = checks_run(&facts, findings);
        for (size_t i = 0; i < n; i++)
                finding_print(&findings[i], stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
