/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glob.h>
#include <pwd.h>
#include <strings.h>

#include "base/fs.h"
#include "ctl/verb.h"
#include "dbus/client-config.h"
#include "sshd/sshd.h"

#define PROGRAM_TIMEOUT (10 * USEC_PER_SEC)
#define HOST_KEYS_MAX 16
#define PATH_SIZE 512
#define PUBLIC_KEY_SIZE 8192

typedef struct HostKeys {
        char public[HOST_KEYS_MAX][PATH_SIZE]; /* paths of public keys */
        size_t n;
} HostKeys;

/* ── host keys ── */

static void add_host_key(HostKeys *keys, const char *path, size_t length, const char *suffix) {
        if (keys->n < HOST_KEYS_MAX && path[0] == '/' && length + strlen(suffix) < PATH_SIZE)
                snprintf(keys->public[keys->n++], PATH_SIZE, "%.*s%s", (int) length, path, suffix);
}

/* Asks sshd for its host keys: -T needs root, and -G needs OpenSSH 9.3. Without an answer, takes those at
 * the usual place. */
static void find_host_keys(HostKeys *ret) {
        const char *sshd = sshd_find("");
        const char *const commands[][5] = { { sshd, "-T", "-C", SSHD_CONNECTION, NULL },
                                            { sshd, "-G", "-C", SSHD_CONNECTION, NULL } };
        glob_t found;

        *ret = (HostKeys){ .n = 0 };
        for (size_t i = 0; sshd && i < ELEMENTSOF(commands) && ret->n == 0; i++) {
                _cleanup_free_ char *output = ctl_run(commands[i], PROGRAM_TIMEOUT);

                LINES_FOREACH (line, strempty(output)) {
                        /* "hostkey" up to OpenSSH 10.0, "HostKey" in 10.6. */
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
                        puts("\n# The fingerprints of the host keys, to compare when ssh asks for the first "
                             "time:");
                any = true;
                printf("# %s\n", printable(output, text, sizeof(text)));
        }
}

/* Reads "ssh-ed25519 AAAA…" from a public key's file, without the comment behind it. */
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

static void print_known_host(const char *name, uint16_t port, const char *key) {
        if (port == SSHD_DEFAULT_PORT)
                printf("%s %s\n", name, key);
        else
                printf("[%s]:%u %s\n", name, port, key);
}

static int print_known_hosts(const HostKeys *keys, const ClientConfig *config) {
        const char *addresses[STATUS_REACHABLE_MAX];
        size_t n = client_addresses(config, addresses, ELEMENTSOF(addresses));
        bool any = false;

        for (size_t i = 0; i < keys->n; i++) {
                char key[PUBLIC_KEY_SIZE];

                if (!read_public_key(keys->public[i], key))
                        continue;
                any = true;
                for (size_t k = 0; k < n; k++)
                        print_known_host(client_name(config, addresses[k]),
                                         status_port_at(config->status, addresses[k]), key);
        }
        return any ? CTL_OK : ctl_error(CTL_FAILED, "no public host key of sshd can be read");
}

/* ── the verb ── */

/* The user who runs wslportctl, also through sudo. */
static const char *caller(void) {
        const char *user = getenv("SUDO_USER");
        const struct passwd *entry;

        if (!isempty(user))
                return user;
        entry = getpwuid(getuid());
        return entry ? entry->pw_name : NULL;
}

static int print_config(ClientConfig *config, bool user_is_given) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = client_config_render(config, &text);
        if (r == -EINVAL && !user_is_given) { /* a user name that would need quotes */
                config->user = NULL;
                r = client_config_render(config, &text);
        }
        if (r == -EINVAL)
                return ctl_error(CTL_USAGE, "--host can have letters, digits, \".\", \"-\" and \"_\"; "
                                            "--user also \"+\" and \"@\"");
        if (r < 0)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(-r));
        fputs(text, stdout);
        return CTL_OK;
}

int verb_ssh_config(Ctl *ctl) {
        const char *user = ctl->line.options[OPTION_USER], *address;
        ClientConfig config;
        HostKeys keys;
        Status status;
        int r;

        if (ctl->line.options[OPTION_JSON])
                return ctl_error(CTL_USAGE, "ssh-config has no --json; its output is for ssh");
        config = (ClientConfig){
                .host = ctl->line.options[OPTION_HOST],
                .user = user ? user : caller(),
                .windows = ctl->line.options[OPTION_WINDOWS],
                .status = &status,
        };
        r = ctl_parse_scope(&ctl->line, &config.scope);
        if (r == CTL_OK)
                r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (status.port == 0)
                return ctl_error(CTL_NOT_POSSIBLE, "sshd listens nowhere; to see why: `wslportctl status`");
        if (client_addresses(&config, &address, 1) == 0)
                return ctl_error(CTL_NOT_POSSIBLE,
                                 "sshd listens on no address for %s%s; to see where it does: "
                                 "`wslportctl status`",
                                 config.windows ? "Windows on this machine" : "--scope ",
                                 config.windows ? "" : firewall_scope_to_string(config.scope));

        find_host_keys(&keys);
        if (ctl->line.options[OPTION_KNOWN_HOSTS])
                return print_known_hosts(&keys, &config);

        r = print_config(&config, user);
        if (r == CTL_OK)
                print_fingerprints(&keys);
        return r;
}
