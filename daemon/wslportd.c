/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "core/config-file.h"
#include "base/log.h"
#include "manager/manager.h"
#include "manager/mend.h"
#include "manager/reset.h"

typedef enum Command {
        COMMAND_RUN,
        COMMAND_CHECK_CONFIG,
        COMMAND_PRINT_CONFIG,
        COMMAND_RESET,
        COMMAND_MEND,
} Command;

static void print_help(void) {
        printf("wslportd [OPTION]\n\n"
               "Keeps WSL's sshd reachable where Windows holds its port.\n\n"
               "Without an option it runs as a daemon; systemctl start wslportd does that.\n\n"
               "  --check-config [FILE]  read the configuration and tell every error in it\n"
               "  --print-config         print what the configuration and the defaults come to\n"
               "  --reset                take back all that was changed; sshd goes back to its own\n"
               "                         configuration, at once where its port can be had\n"
               "  --mend                 have sshd listen again where that was cut off; the unit\n"
               "                         runs it whenever the daemon has ended\n"
               "  --version              print the version\n"
               "  --help                 print this\n\n"
               "See wslportd(8), wslportd.conf(5).\n");
}

static int parse_arguments(int argc, char *argv[], Command *ret) {
        enum {
                OPTION_CHECK = 0x100,
                OPTION_PRINT,
                OPTION_RESET,
                OPTION_MEND,
                OPTION_VERSION,
                OPTION_HELP,
        };
        static const struct option options[] = {
                { "check-config", no_argument, NULL, OPTION_CHECK },
                { "print-config", no_argument, NULL, OPTION_PRINT },
                { "reset", no_argument, NULL, OPTION_RESET },
                { "mend", no_argument, NULL, OPTION_MEND },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "help", no_argument, NULL, OPTION_HELP },
                { NULL, 0, NULL, 0 },
        };
        Command command = COMMAND_RUN;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPTION_CHECK:
                        command = COMMAND_CHECK_CONFIG;
                        break;
                case OPTION_PRINT:
                        command = COMMAND_PRINT_CONFIG;
                        break;
                case OPTION_RESET:
                        command = COMMAND_RESET;
                        break;
                case OPTION_MEND:
                        command = COMMAND_MEND;
                        break;
                case OPTION_VERSION:
                        printf("wslportd %s\n", PROJECT_VERSION);
                        return 0;
                case OPTION_HELP:
                        print_help();
                        return 0;
                default:
                        return -EINVAL;
                }

        if (argc - optind > (command == COMMAND_CHECK_CONFIG ? 1 : 0)) {
                fprintf(stderr, "wslportd: too many arguments; see wslportd --help\n");
                return -EINVAL;
        }

        *ret = command;
        return 1;
}

static void print_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        (void) userdata;
        if (line > 0)
                fprintf(stderr, "%s:%u: %s\n", path, line, message);
        else
                fprintf(stderr, "%s: %s\n", path, message);
}

static int check_config(const char *path) {
        Config config;
        int r;

        r = config_load(path, print_config_error, NULL, &config);
        if (r < 0)
                return r;

        printf("%s: %s\n", path, r > 0 ? "no errors" : "not there: the defaults are in force");
        return 0;
}

static int print_config(void) {
        Config config;
        int r;

        r = config_load(CONFIG_FILE, print_config_error, NULL, &config);
        if (r >= 0)
                config_print(&config, stdout);
        return r;
}

static int reset(void) {
        Log log = log_open(LOG_ERR);
        char text[RESET_TEXT_SIZE];
        Config config;
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return log_error_errno(&log, -errno, "Signals could not be blocked");

        r = config_load(CONFIG_FILE, manager_log_config_error, &log, &config);
        if (r < 0)
                config = config_default();

        r = reset_all(&log, config.unit, text);
        if (r == -EBUSY)
                log_message(&log, LOG_ERR, "wslportd is running, and nothing is taken back before: systemctl disable --now wslportd");
        else if (r < 0)
                log_error_errno(&log, r, "Not all that wslportd has changed could be taken back");
        else if (r > 0)
                printf("%s\n", text);
        return r;
}

static int run(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(manager_freep) Manager *manager = NULL;
        Log log = log_open(LOG_INFO);
        Config config;
        sigset_t signals;
        int r;

        if (getuid() != 0)
                return log_error_errno(&log, -EPERM,
                                       "wslportd acts on the ssh service and has to be run as root");

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigaddset(&signals, SIGHUP);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return log_error_errno(&log, -errno, "Signals could not be blocked");
        (void) signal(SIGPIPE, SIG_IGN);

        /* Fixed: else glibc learns from the first huge message of D-Bus to keep room for the next, for good
         * (mallopt(3)). Anybody may send one. */
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);

        /* A machine whose only way in is sshd is better served by the defaults than by nothing. */
        r = config_load(CONFIG_FILE, manager_log_config_error, &log, &config);
        if (errno_is_passing(r))
                return r;
        if (r < 0) {
                log_message(&log, LOG_ERR, "%s is not taken; the defaults are in force until it is mended",
                            CONFIG_FILE);
                config = config_default();
        }
        log.max_level = config.log_level;

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return log_error_errno(&log, r, "The event loop could not be set up");

        r = manager_new(event, &log, &config, &manager);
        if (r < 0)
                return r;

        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        return r < 0 ? log_error_errno(&log, r, "The event loop failed") : 0;
}

int main(int argc, char *argv[]) {
        Command command;
        int r;

        r = parse_arguments(argc, argv, &command);
        if (r > 0)
                switch (command) {
                case COMMAND_CHECK_CONFIG:
                        r = check_config(optind < argc ? argv[optind] : CONFIG_FILE);
                        break;
                case COMMAND_PRINT_CONFIG:
                        r = print_config();
                        break;
                case COMMAND_RESET:
                        r = reset();
                        break;
                case COMMAND_MEND:
                        r = mend_units();
                        if (r < 0)
                                fprintf(stderr, "wslportd: systemd could not be asked: %s\n", strerrordesc_np(-r));
                        break;
                case COMMAND_RUN:
                default:
                        r = run();
                }

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
