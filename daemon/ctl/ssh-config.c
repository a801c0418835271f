/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <glob.h>
#include <pwd.h>
#include <strings.h>

#include "dbus/client-config.h"
#include "ctl/ctl.h"
#include "base/fs.h"

#define PROGRAM_TIMEOUT (10 * USEC_PER_SEC)
#define HOST_KEYS_MAX 16
#define PATH_SIZE 512
#define PUBLIC_KEY_SIZE 8192

typedef struct HostKeys {
        char public[HOST_KEYS_MAX][PATH_SIZE]; /* files of public keys */
        size_t n;
} HostKeys;

/* ── host keys ── */

static void add_host_key(HostKeys *keys, const char *path, size_t length, const char *suffix) {
        if (keys->n < HOST_KEYS_MAX && path[0] == '/' && length + strlen(suffix) < PATH_SIZE)
                snprintf(keys->public[keys->n++], PATH_SIZE, "%.*s%s", (int) length, path, suffix);
}

/* Those that sshd itself names, which takes root or OpenSSH 9.3; else those at the usual place. */
static void find_host_keys(HostKeys *ret) {
        static const char *const commands[][3] = {
                { "/usr/sbin/sshd", "-T", NULL },
                { "/usr/sbin/sshd", "-G", NULL },
                { "/usr/bin/sshd", "-T", NULL },
                { "/usr/bin/sshd", "-G", NULL },
        };
        glob_t found;

        *ret = (HostKeys){ .n = 0 };
        for (size_t i = 0; i < ELEMENTSOF(commands) && ret->n == 0; i++) {
                _cleanup_free_ char *output = ctl_run(commands[i], PROGRAM_TIMEOUT);

                LINES_FOREACH(line, strempty(output)) {
                        /* In lower case up to OpenSSH 10.0, as `HostKey` in 10.6. */
                        const char *path = line + strlen("hostkey ");

                        if (strncasecmp(line, "hostkey ", strlen("hostkey ")) == 0)
                                add_host_key(ret, path, strcspn(path, "\n"), ".pub");
                }
        }
        if (ret->n > 0)
                return;

        if (glob("/etc/ssh/ssh_host_*_key.pub", 0, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc; i++)
                        add_host_key(ret, found.gl_pathv[i], strlen(found.gl_pathv[i]), "");
                globfree(&found);
        }
}

static void print_fingerprints(const HostKeys *keys) {
        bool any = false;

        for (size_t i = 0; i < keys->n; i++) {
                const char *const argv[] = { "/usr/bin/ssh-keygen", "-lf", keys->public[i], NULL };
                _cleanup_free_ char *output = ctl_run(argv, PROGRAM_TIMEOUT);
                char text[300];

                if (!output)
                        continue;
                output[strcspn(output, "\n")] = '\0';
                if (!any)
                        puts("\n# The host keys' fingerprints, to compare when ssh first asks:");
                any = true;
                printf("# %s\n", printable(output, text, sizeof(text)));
        }
}

/* "ssh-ed25519 AAAA…" of a file that has its owner's comment behind it. */
static bool read_public_key(const char *path, char ret[static PUBLIC_KEY_SIZE]) {
        static const char characters[] =
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-.@_";
        size_t type, key;

        if (fs_read(path, ret, PUBLIC_KEY_SIZE) <= 0)
                return false;
        type = strspn(ret, characters);
        if (type == 0 || ret[type] != ' ')
                return false;
        key = strspn(ret + type + 1, characters);
        if (key == 0 || !strchr(" \n", ret[type + 1 + key]))
                return false;
        ret[type + 1 + key] = '\0';
        return true;
}

static int print_known_hosts(const HostKeys *keys, const ClientConfig *config) {
        const char *addresses[STATUS_REACHABLE_MAX + 1];
        size_t n = client_addresses(config, addresses, STATUS_REACHABLE_MAX);
        bool any = false;

        addresses[n++] = "localhost";
        for (size_t i = 0; i < keys->n; i++) {
                char key[PUBLIC_KEY_SIZE];

                if (!read_public_key(keys->public[i], key))
                        continue;
                any = true;
                for (size_t k = 0; k < n; k++)
                        if (config->port == 22)
                                printf("%s %s\n", addresses[k], key);
                        else
                                printf("[%s]:%u %s\n", addresses[k], config->port, key);
        }
        return any ? CTL_OK : ctl_error(CTL_FAILED, "no public host key of sshd can be read");
}

/* ── the verb ── */

typedef struct Options {
        const char *host, *user;
        bool known_hosts;
} Options;

static int parse_options(int argc, char *argv[], Options *ret) {
        enum {
                OPTION_HOST = 0x100,
                OPTION_USER,
                OPTION_KNOWN_HOSTS,
        };
        static const struct option options[] = {
                { "host", required_argument, NULL, OPTION_HOST },
                { "user", required_argument, NULL, OPTION_USER },
                { "known-hosts", no_argument, NULL, OPTION_KNOWN_HOSTS },
                { NULL, 0, NULL, 0 },
        };
        int c;

        *ret = (Options){ 0 };
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPTION_HOST:
                        ret->host = optarg;
                        break;
                case OPTION_USER:
                        ret->user = optarg;
                        break;
                case OPTION_KNOWN_HOSTS:
                        ret->known_hosts = true;
                        break;
                default:
                        return CTL_USAGE;
                }
        if (optind < argc)
                return ctl_error(CTL_USAGE, "ssh-config takes options only");
        return CTL_OK;
}

/* Who has called, also through sudo. */
static const char *caller(void) {
        const char *user = getenv("SUDO_USER");
        const struct passwd *entry;

        if (!isempty(user))
                return user;
        entry = getpwuid(getuid());
        return entry ? entry->pw_name : NULL;
}

static int print_config(ClientConfig *config, const Options *wanted) {
        char text[CLIENT_CONFIG_SIZE];
        int r;

        r = client_config_render(config, text, sizeof(text));
        if (r == -EINVAL && !wanted->user) { /* a name that ssh_config can't hold as it is */
                config->user = NULL;
                r = client_config_render(config, text, sizeof(text));
        }
        if (r == -EINVAL)
                return ctl_error(CTL_USAGE,
                                 "--host can have letters, digits, \".\", \"-\" and \"_\", --user \"+\" and "
                                 "\"@\" too");
        if (r < 0)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(-r));
        fputs(text, stdout);
        return CTL_OK;
}

int verb_ssh_config(Ctl *ctl, int argc, char *argv[]) {
        _cleanup_free_ HostKeys *keys = malloc(sizeof(*keys));
        ClientConfig config;
        Options wanted;
        Status status;
        int r;

        r = parse_options(argc, argv, &wanted);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_error(CTL_USAGE, "ssh-config has no --json: what it prints is for ssh");
        if (!keys)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(ENOMEM));

        r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (status.port == 0)
                return ctl_error(CTL_NOT_POSSIBLE, "sshd listens nowhere; wslportctl status tells why");

        config = (ClientConfig){
                .host = wanted.host,
                .user = wanted.user ? wanted.user : caller(),
                .port = status.port,
                .mode = status.mode,
                .addresses = status.reachable,
                .n_addresses = status.n_reachable,
        };

        find_host_keys(keys);
        if (wanted.known_hosts)
                return print_known_hosts(keys, &config);

        r = print_config(&config, &wanted);
        if (r == CTL_OK)
                print_fingerprints(keys);
        return r;
}
