/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/home-finder.h"

#include <glob.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "sshd/listen-address.h"

/* Longer than a person writes. */
#define ENVIRONMENT_FILE_MAX ((size_t) 256 * 1024)

/* With our own port file outside of them. */
static const char *const folders[] = { "/etc/ssh", "/etc/ssh/sshd_config.d", "/usr/etc/ssh",
                                       "/usr/etc/ssh/sshd_config.d" };
#define N_FOLDERS ELEMENTSOF(folders)

/* How far sshd's answer still stands. */
typedef enum Trust {
        TRUST_NOTHING, /* sshd has to be asked again, as after home_finder_forget() */
        TRUST_IF_SAME, /* it has if its options are others by now, as after home_finder_doubt() */
        TRUST_ALL,
} Trust;

struct HomeFinder {
        sd_event *event;
        const Log *log;
        ChangeHandler handler;
        void *userdata;

        sd_event_source *watches[N_FOLDERS]; /* NULL: no such folder */
        bool watches_all;                    /* what sshd's configuration was read from is within them */
        Trust trust;
        SshdInquiry *sshd;
        uint16_t port_in_file; /* what our port file said when sshd was asked; 0: there was none */
        bool has_port_option;  /* the service's options have a -p */

        HomeFacts facts; /* by sshd alone; .detail, .port_fixed_by and .options point to the following */
        char detail[256], port_fixed_by[256];
        char program[256], options[SSHD_COMMAND_SIZE];
};

void home_finder_free(HomeFinder *finder) {
        if (!finder)
                return;

        for (size_t i = 0; i < N_FOLDERS; i++)
                sd_event_source_disable_unref(finder->watches[i]);
        sshd_inquiry_free(finder->sshd);
        sd_event_unref(finder->event);
        free(finder);
}

int home_finder_new(sd_event *event, const Log *log, ChangeHandler handler, void *userdata,
                    HomeFinder **ret) {
        HomeFinder *finder = malloc(sizeof(*finder));

        if (!finder)
                return -ENOMEM;

        *finder = (HomeFinder){
                .event = sd_event_ref(event),
                .log = log,
                .handler = handler,
                .userdata = userdata,
                .facts = { .port_fixed_by = finder->port_fixed_by, .options = finder->options },
        };
        *ret = finder;
        return 0;
}

void home_finder_forget(HomeFinder *finder) {
        finder->trust = TRUST_NOTHING;
}

void home_finder_doubt(HomeFinder *finder) {
        if (finder->trust == TRUST_ALL)
                finder->trust = TRUST_IF_SAME;
}

/* Returns 1, which ends the walk, for a path on which a change goes unseen. Nobody but us changes our own. */
static int home_finder_on_path(const char *path, void *userdata) {
        const char *name = strrchr(path, '/');
        const HomeFinder *finder = userdata;
        glob_t paths = { 0 };
        struct stat st;
        int r = 1;

        for (size_t i = 0; i < N_FOLDERS; i++)
                if (name && finder->watches[i] && strlen(folders[i]) == (size_t) (name - path) &&
                    startswith(path, folders[i]) && lstat(folders[i], &st) >= 0 && S_ISDIR(st.st_mode))
                        r = 0;
        if (r == 0 && glob(path, GLOB_NOSORT, NULL, &paths) == GLOB_NOSPACE)
                r = 1;
        for (size_t i = 0; i < paths.gl_pathc && r == 0; i++) /* a link's target may be anywhere */
                r = lstat(paths.gl_pathv[i], &st) < 0 || !S_ISREG(st.st_mode);
        globfree(&paths);
        return startswith(path, STATEDIR "/") ? 0 : r;
}

static int home_finder_on_change(sd_event_source *, const struct inotify_event *change, void *userdata) {
        HomeFinder *finder = userdata;

        /* The folder is gone, and with it those that are below it. */
        for (size_t i = 0; i < N_FOLDERS && (change->mask & (IN_IGNORED | IN_MOVE_SELF)); i++)
                finder->watches[i] = sd_event_source_disable_unref(finder->watches[i]);
        home_finder_forget(finder);
        finder->handler(finder->userdata);
        return 0;
}

/* The kernel may have no watch to give: then each start has sshd asked, and this is tried again. */
static void home_finder_watch(HomeFinder *finder) {
        const uint32_t changes = IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF;

        for (size_t i = 0; i < N_FOLDERS; i++)
                if (!finder->watches[i])
                        (void) sd_event_add_inotify(finder->event, &finder->watches[i], folders[i],
                                                    changes | IN_ONLYDIR, home_finder_on_change, finder);
}

bool home_finder_is_pending(const HomeFinder *finder) {
        return finder->sshd;
}

static void home_finder_set_verdict(HomeFinder *finder, SshdVerdict verdict, const char *detail) {
        snprintf(finder->detail, sizeof(finder->detail), "%s", detail);
        finder->facts.verdict = verdict;
        finder->facts.detail = detail[0] ? finder->detail : NULL;
}

static int on_port_line(const ConfigLine *line, void *userdata) {
        const char *value = words_next(line->words);
        uint16_t wanted = *(const uint16_t *) userdata, port;

        return strcasecmp(line->words, "Port") == 0 && parse_port(value, &port) >= 0 && port == wanted &&
               !startswith(line->place.file, STATEDIR "/");
}

static int home_finder_set_home(HomeFinder *finder, const SshdDump *dump) {
        /* If sshd has the port of our file twice, either a line of the owner's names the port too, or the
         * configuration includes our file twice. */
        uint16_t ours = finder->port_in_file;
        bool owner_has_it = sshd_dump_count_port(dump, ours) > 1 &&
                            config_walk_sshd("", finder->options, on_port_line, &ours) > 0;
        Home *home = &finder->facts.home;
        ListenAddressLine line;
        int r;

        r = sshd_dump_home(dump, ours, owner_has_it, home);
        if (r < 0)
                return r;
        /* Without IPv6 in the kernel, sshd skips its IPv6 addresses. (wslportd's unit allows no such socket.) */
        home->without_ipv6 = access("/proc/net/if_inet6", F_OK) < 0 && errno == ENOENT;
        if (finder->has_port_option) {
                home_fix(home, true);
                home->port_fixed = true;
        } else if (home->port_fixed &&
                   listen_address_find("", finder->options, listen_address_sets_port, &line) > 0)
                snprintf(finder->port_fixed_by, sizeof(finder->port_fixed_by), "%.150s:%u (%s)",
                         line.place.file, line.place.line, line.text);
        return 0;
}

static void home_finder_on_answer(const SshdAnswer *answer, void *userdata) {
        HomeFinder *finder = userdata;
        bool valid = answer->verdict == SSHD_VERDICT_VALID, has_home;

        finder->watches_all = valid && config_walk_paths(finder->options, home_finder_on_path, finder) == 0;
        /* A refused configuration keeps the home that it had. A valid one may have another home. */
        has_home = answer->has_dump && home_finder_set_home(finder, &answer->dump) >= 0;
        if (!has_home && valid)
                finder->facts.home = (Home){ 0 };
        home_finder_set_verdict(finder, answer->verdict,
                                answer->has_dump && !has_home ? SSHD_TOO_MANY : answer->detail);
        finder->facts.ask_again = !valid;
        if ((!valid && answer->verdict != SSHD_VERDICT_KEYLESS) || !has_home)
                log_message(finder->log, LOG_WARNING, "sshd does not %s: %s",
                            valid ? "tell where it would listen" : "accept its configuration",
                            strempty(finder->facts.detail));
        finder->sshd = sshd_inquiry_free(finder->sshd);
        finder->handler(finder->userdata);
}

typedef struct Variables {
        HomeFinder *finder;
        const char *arguments, *file;
        char environment[SSHD_COMMAND_SIZE]; /* those that .arguments have */
} Variables;

static int on_assignment(const char *name, const char *value, unsigned line, void *userdata) {
        char entry[2 * SSHD_COMMAND_SIZE] = "", options[SSHD_COMMAND_SIZE];
        bool is_used = false, has_port;
        Variables *v = userdata;

        WORDS_FOREACH (word, v->arguments)
                is_used = is_used || strstr(word, name);
        if (!is_used)
                return 0;
        snprintf(entry, sizeof(entry) - 1, "%s=%s", name, strempty(value));
        if (!value || !words_append(v->environment, sizeof(v->environment), entry))
                return -E2BIG;
        (void) sshd_options(v->arguments, entry, options, &has_port);
        if (has_port)
                snprintf(v->finder->port_fixed_by, sizeof(v->finder->port_fixed_by),
                         "-p in %.150s:%u (%.60s)", v->file, line, name);
        return 0;
}

/* Reads the files of one EnvironmentFile=. (systemd, exec_context_load_environment()) */
static int read_environment_files(const char *pattern, Variables *v) {
        _cleanup_free_ char *text = malloc(ENVIRONMENT_FILE_MAX);
        glob_t paths = { 0 };
        ssize_t n;
        int r = text && glob(pattern, 0, NULL, &paths) != GLOB_NOSPACE ? 0 : -ENOMEM;

        for (size_t i = 0; i < paths.gl_pathc && r >= 0; i++) {
                v->file = paths.gl_pathv[i];
                n = fs_read_bytes(v->file, text, ENVIRONMENT_FILE_MAX);
                text[n < 0 ? 0 : n] = '\0';
                r = n == -E2BIG ? -E2BIG : environment_parse(text, on_assignment, v);
        }
        globfree(&paths);
        return r;
}

static void home_finder_read_options(HomeFinder *finder, const UnitState *service) {
        SshdCommand command = service ? service->command : (SshdCommand){ 0 };
        char arguments[SSHD_COMMAND_SIZE];
        Variables v = { .finder = finder, .arguments = arguments };
        bool expands = !strchr(command.prefix, ':');
        int r = 0;

        finder->options[0] = finder->options[1] = finder->port_fixed_by[0] = '\0';
        finder->has_port_option = false;
        if (!service)
                return;

        if (service->overridden)
                sshd_options_without_ours(command.arguments);
        sshd_own_arguments(&command, arguments);
        memcpy(v.environment, service->environment, sizeof(service->environment));
        WORDS_FOREACH (pattern, service->environment_files)
                if (r >= 0 && expands)
                        r = read_environment_files(pattern, &v);
        if (r >= 0)
                r = sshd_options(arguments, expands ? v.environment : NULL, finder->options,
                                 &finder->has_port_option);
        if (r < 0)
                log_message(finder->log, LOG_WARNING,
                            "The options of %s are too long: sshd is asked without them", service->id);
        if (!finder->has_port_option)
                finder->port_fixed_by[0] = '\0';
        else if (!finder->port_fixed_by[0])
                snprintf(finder->port_fixed_by, sizeof(finder->port_fixed_by), "-p in %.200s", service->id);
}

bool home_finder_refresh(HomeFinder *finder, const UnitState *service, const Placement *placement) {
        const char *program = service ? service->command.program : "";
        char before[SSHD_COMMAND_SIZE], fixed_by[sizeof(finder->port_fixed_by)];
        int r;

        if (finder->sshd || finder->trust == TRUST_ALL)
                return finder->sshd;

        /* The options may come from files beside sshd's own. */
        memcpy(before, finder->options, sizeof(before));
        memcpy(fixed_by, finder->port_fixed_by, sizeof(fixed_by));
        home_finder_read_options(finder, service);
        if (finder->trust == TRUST_IF_SAME && finder->watches_all && streq(program, finder->program) &&
            memcmp(before, finder->options, sizeof(before)) == 0) {
                memcpy(finder->port_fixed_by, fixed_by, sizeof(fixed_by));
                finder->trust = TRUST_ALL;
                return false;
        }
        finder->trust = TRUST_ALL;
        home_finder_watch(finder); /* what changes from now on is told, also in a new folder */
        finder->port_in_file = placement->mechanism == MECHANISM_CONFIG ? placement->port : 0;
        snprintf(finder->program, sizeof(finder->program), "%s", program);
        r = sshd_ask(finder->event, finder->program, finder->options, SSHD_SENTINEL_OPTION,
                     home_finder_on_answer, finder, &finder->sshd);
        if (r >= 0)
                return true;

        home_finder_set_verdict(finder, SSHD_VERDICT_UNKNOWN,
                                r == -ENOENT      ? "no sshd is installed"
                                : r == -EHOSTDOWN ? "wslportd-helper.socket is down; if its status says "
                                                    "\"Function not implemented\": `wsl --shutdown`"
                                                  : strerrordesc_np(-r));
        finder->facts.ask_again = true;
        finder->facts.home = (Home){ 0 };
        finder->watches_all = false;
        return false;
}

static int read_home_of_socket(const UnitState *socket, HomeFacts *facts) {
        Home *home = &facts->home;
        BareUnits bare;
        int r;

        r = store_read_bare_units((ManagedUnits){ .socket = socket }, &bare);
        home->movable.n = home->fixed.n = home->n_ports = 0;
        WORDS_FOREACH (stream, r >= 0 ? bare.streams : "") {
                Endpoint endpoint;

                if (r < 0 || endpoint_parse(stream, &endpoint) < 0)
                        continue;
                facts->has_twice = facts->has_twice || endpoints_have(&home->movable, &endpoint);
                r = home_add(home, &endpoint, false);
        }
        return r;
}

/* If one of sshd's own ports stands beside @ours in the socket unit, our file moves nothing: the socket unit
 * would fail on that port. A fixed port may be one that was left where it is. */
static bool is_beside_ours(const Home *home, const UnitState *socket, uint16_t ours) {
        if (home->port_fixed || !streams_have_port(socket->streams, ours))
                return false;

        for (size_t i = 0; i < home->n_ports; i++)
                if (streams_have_port(socket->streams, home->ports[i]))
                        return true;
        return false;
}

HomeFacts home_finder_facts(const HomeFinder *finder, ManagedUnits managed, const Placement *placement) {
        HomeFacts facts = finder->facts;

        /* sshd, and a generator that makes its socket's addresses, read our port file only. If sshd was asked
         * before that file was written, a move has seen sshd take it in since. */
        if (managed.socket && placement->mechanism == MECHANISM_CONFIG) {
                facts.home.reads_our_file = !is_beside_ours(&finder->facts.home, managed.socket,
                                                            placement->port);
                home_fix(&facts.home, false); /* the unit's own drop-in moves each */
        } else if (placement->mechanism != MECHANISM_CONFIG || placement->port != finder->port_in_file)
                facts.home.reads_our_file = true;

        if (placement->mechanism == MECHANISM_CONFIG && managed.service && !managed.socket &&
            unit_hides(managed.service, STATEDIR "/sshd.d"))
                facts.home.reads_our_file = false;

        if (managed.service && !managed.socket) {
                facts.home.without_ipv4 = facts.home.without_ipv4 || managed.service->sandbox.without[0];
                facts.home.without_ipv6 = facts.home.without_ipv6 || managed.service->sandbox.without[1];
        }

        /* While our port file is there, a generator has put our port into the socket unit: only sshd tells
         * its home. */
        if (managed.socket && placement->mechanism != MECHANISM_CONFIG && facts.home.n_ports > 0)
                facts.ask_again = read_home_of_socket(managed.socket, &facts) < 0 || facts.ask_again;
        return facts;
}

int home_find_absent(const Home *home, Routes *routes, Endpoints *ret) {
        int r;

        ret->n = 0;
        for (size_t i = 0; i < home_size(home); i++) {
                const Endpoint *endpoint = home_endpoint(home, i);

                if (!endpoint_is_any(endpoint) && !endpoint_is_loopback(endpoint))
                        (void) endpoints_add(ret, endpoint);
        }
        if (ret->n == 0)
                return 0;

        r = routes_keep_absent(routes, ret);
        if (r < 0)
                ret->n = 0;
        return r;
}
