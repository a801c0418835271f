/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <malloc.h>
#include <sysexits.h>

#include "core/config-file.h"
#include "manager/manager.h"
#include "manager/reset.h"
#include "process/program.h"

static void print_help(void) {
        printf("wslportd [OPTION]\n\n"
               "Keeps WSL's sshd reachable where Windows holds its port.\n\n"
               "Without an option it runs as a daemon; systemctl start wslportd does that.\n\n"
               "  --check-config [FILE]  read the configuration, or FILE only, and tell every error in it\n"
               "  --print-config         print each setting, and which file and line it comes from\n"
               "  --reset                take back all that was changed; sshd goes back to its own\n"
               "                         configuration, at once where its port can be had\n"
               "  --mend                 have sshd listen again where that was cut off; the unit\n"
               "                         runs it whenever the daemon has ended\n"
               "  --version              print the version\n"
               "  --help                 print this\n\n"
               "See wslportd(8), wslportd.conf(5).\n");
}

static Log on_stderr = { .max_level = LOG_WARNING };

/* @path: NULL for the whole configuration. */
static int show_config(const char *path, bool print) {
        Config config = config_default();
        int r;

        r = path ? config_load_file(path, manager_log_config_error, &on_stderr, &config)
                 : config_load("", manager_log_config_error, &on_stderr, &config);
        if (path && r > 0)
                config_warn(&config, manager_log_config_error, &on_stderr);
        if (r >= 0 && print)
                config_print(&config, stdout);
        else if (r >= 0)
                printf("%s: %s\n", path ? path : "The configuration", r > 0 ? "no errors" : "no such file");
        return path && r == 0 ? -ENOENT : r;
}

/* Whatever the unit is called: what was changed is taken back. */
static const char *unit_of(const Config *config) {
        return streq(config->unit, CONFIG_NO_UNIT) ? "auto" : config->unit;
}

static int reset(void) {
        Log log = log_open(LOG_ERR);
        char text[RESET_TEXT_SIZE];
        Config config;
        int r;

        (void) config_load("", manager_log_config_error, &log, &config);
        r = reset_all(&log, unit_of(&config), text);
        if (r == -EBUSY)
                log_message(&log, LOG_ERR,
                            "wslportd is running, and nothing is taken back before: "
                            "systemctl disable --now wslportd");
        else if (r < 0)
                log_error_errno(&log, r, "Not all that wslportd has changed could be taken back");
        else if (r > 0)
                printf("%s\n", text);
        return r;
}

static int mend(void) {
        const Log quiet = { .max_level = LOG_ERR }; /* the daemon has told what is wrong with the file */
        Config config;
        int r;

        (void) config_load("", manager_log_config_error, (void *) &quiet, &config);
        r = mend_units(unit_of(&config));
        if (r < 0)
                fprintf(stderr, "wslportd: systemd could not be asked: %s\n", strerrordesc_np(-r));
        return r;
}

static int run(void) {
        Log log = log_open(LOG_INFO);
        Config config;
        int r;

        if (getuid() != 0)
                return log_error_errno(&log, -EPERM,
                                       "wslportd acts on the ssh service and has to be run as root");
        if (program_check() < 0)
                return log_error_errno(&log, -ENOSYS, "wslportd needs Linux 5.11 or later, and stops");

        (void) signal(SIGPIPE, SIG_IGN);

        /* Fixed: else glibc learns from the first huge message of D-Bus to keep room for the next, for good
         * (mallopt(3)). Anybody may send one. */
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);

        r = config_load("", manager_log_config_error, &log, &config);
        if (errno_is_passing(r))
                return r;
        if (r < 0)
                log_message(&log, LOG_ERR, "The configuration has errors, and the rest of it is in force");
        log.max_level = config.log_level;
        return manager_run(&log, &config);
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "check-config", no_argument, NULL, 'c' },
                { "print-config", no_argument, NULL, 'p' },
                { "reset", no_argument, NULL, 'r' },
                { "mend", no_argument, NULL, 'm' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int c, command = 'd', r = 0;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == '?')
                        return EXIT_FAILURE;
                command = command == 'v' || command == 'h' ? command : c;
        }
        if (argc - optind > (command == 'c' ? 1 : 0)) {
                fprintf(stderr, "wslportd: too many arguments; see wslportd --help\n");
                return EXIT_FAILURE;
        }

        if (command == 'v')
                printf("wslportd %s\n", PROJECT_VERSION);
        else if (command == 'h')
                print_help();
        else
                r = command == 'c'   ? show_config(argv[optind], false)
                    : command == 'p' ? show_config(NULL, true)
                    : command == 'r' ? reset()
                    : command == 'm' ? mend()
                                     : run();
        return r == -ENOSYS ? EX_UNAVAILABLE : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
