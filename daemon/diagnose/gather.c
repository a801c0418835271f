/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/gather.h"

#include <glob.h>

#include <systemd/sd-daemon.h>

#include "base/fs.h"
#include "core/config-file.h"
#include "diagnose/gather-port.h"
#include "facts/home-finder.h"
#include "facts/mode.h"
#include "facts/naming.h"
#include "kernel/sockets.h"
#include "process/child.h"
#include "sshd/hints.h"
#include "systemd/bus.h"
#include "windows/inquiry.h"
#include "windows/interop.h"
#include "windows/profile.h"
#include "windows/wsl-conf.h"
#include "windows/wsl.h"

/* systemd answers at once, or something is very wrong; all of it ends well before the daemon's patience
 * does. */
#define SYSTEMD_TIMEOUT (3 * USEC_PER_SEC)
#define CHILD_TIMEOUT (3 * USEC_PER_SEC)
#define GREETING_TIMEOUT (1 * USEC_PER_SEC)
#define WINDOWS_TIMEOUT (8 * USEC_PER_SEC) /* PowerShell takes seconds to come up */
#define TIMEOUT (12 * USEC_PER_SEC)

#define ADDRESSES_MAX 64

typedef enum Step {
        STEP_ASK,  /* systemd, the mode and Windows' file, all at once */
        STEP_HOME, /* sshd, once systemd has told its command */
        STEP_LOOK, /* who listens, and what follows from it */
        STEP_END,
} Step;

/* What is asked of Windows about the port. */
static const WindowsQuestion questions[] = { WINDOWS_RULES, WINDOWS_EXCLUDED_RANGES, WINDOWS_DYNAMIC_RANGE,
                                             WINDOWS_SSHD_START };

#define WINDOWS_QUESTIONS ELEMENTSOF(questions)

typedef struct Gather {
        sd_event *event;
        const Status *status;
        CheckFacts facts;
        Log log;
        Placement placement;
        sd_bus *bus;
        Routes *routes;
        Sockets *sockets;
        Mode *mode;
        Units *sshd_units, *own_units;
        HomeFinder *home;
        char drives[WSL_CONF_ROOT_SIZE]; /* where Windows' are mounted, "" for nowhere */
        Inquiry *windows[WINDOWS_QUESTIONS];
        unsigned n_range_answers;
        Child *profile_name, *profile, *journal, *greeting;
        Step step;
        bool systemd_is_late;
} Gather;

static void gather_advance(Gather *g);

static void gather_done(Gather *g) {
        child_free(g->profile_name);
        for (size_t i = 0; i < WINDOWS_QUESTIONS; i++)
                inquiry_free(g->windows[i]);
        child_free(g->profile);
        child_free(g->journal);
        child_free(g->greeting);
        home_finder_free(g->home);
        units_free(g->sshd_units);
        units_free(g->own_units);
        mode_free(g->mode);
        routes_free(g->routes);
        sockets_free(g->sockets);
        bus_close(g->bus);
        sd_event_unref(g->event);
}

/* ── files ── */

static Fact fact_of(int r) {
        return r < 0 ? FACT_UNKNOWN : fact(r > 0);
}

static char *read_text(const char *path, char *buffer, size_t size) {
        return fs_read(path, buffer, size) < 0 ? NULL : buffer;
}

static void on_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        CheckFacts *f = userdata;

        (void) path;
        if (f->config.error[0] == '\0') {
                f->config.error_line = line;
                snprintf(f->config.error, sizeof(f->config.error), "%s", message);
        }
}

static void read_config(Gather *g) {
        CheckFacts *f = &g->facts;
        int r;

        f->config.values = config_default();
        r = config_load(CONFIG_FILE, on_config_error, f, &f->config.values);
        f->config.valid = r >= 0 ? FACT_YES : r == -EACCES ? FACT_UNKNOWN : FACT_NO;
}

static void read_files(Gather *g) {
        char text[8192];
        CheckFacts *f = &g->facts;
        glob_t keys = { 0 };

        read_config(g);
        if (store_read_placement(&g->placement) < 0)
                g->placement = (Placement){ 0 };

        if (read_text("/etc/os-release", text, sizeof(text)) ||
            read_text("/usr/lib/os-release", text, sizeof(text)))
                f->machine.packages = packages_from_os_release(text);

        f->sshd.installed = fact(sshd_find(""));
        f->sshd.host_keys = fact(glob("/etc/ssh/ssh_host_*_key", 0, NULL, &keys) == 0);
        globfree(&keys);
        /* Debian's sshd has it built in; elsewhere it is a folder of the package's. */
        f->sshd.run_directory = fact(f->machine.packages != PACKAGES_APT || access("/run/sshd", F_OK) >= 0);
        f->machine.systemd = fact(sd_booted() > 0);
}

static void read_hints(CheckFacts *f) {
        for (Hint hint = 0; hint < _HINT_MAX; hint++) {
                f->firewalls[hint].on = fact_of(hints_is_on("", hint));
                if (f->firewalls[hint].on == FACT_YES && f->port.number != 0)
                        f->firewalls[hint].allows = fact_of(hints_allows("", hint, f->port.number));
        }
}

/* IPv4 is read first, and so is what is told. */
static void read_addresses(Gather *g) {
        Address addresses[ADDRESSES_MAX];
        CheckFacts *f = &g->facts;
        int n;

        n = g->routes ? routes_list_addresses(g->routes, addresses, ELEMENTSOF(addresses)) : -ENOTCONN;
        if (n < 0)
                return;

        for (int i = 0; i < n && i < ADDRESSES_MAX; i++) {
                char *to = addresses[i].kind == ADDRESS_LAN          ? f->addresses.lan
                           : addresses[i].kind == ADDRESS_TAILSCALE  ? f->addresses.tailscale
                           : addresses[i].kind == ADDRESS_LINK_LOCAL ? f->addresses.link_local
                                                                     : NULL;

                if (to && to[0] == '\0')
                        address_format(&addresses[i], to);
        }
        f->addresses.usable = fact(f->addresses.lan[0] || f->addresses.tailscale[0]);
}

/* ── Windows' side ── */

int gather_profile_main(int argc, char *argv[]) {
        _cleanup_free_ char *text = malloc(WSLCONFIG_SIZE_MAX);
        char path[CHECK_PATH_SIZE];
        bool wide = false;
        int r;

        if (argc < 3 || !text)
                return EXIT_FAILURE;
        r = winprofile_read(argv[2], argc > 3 ? argv[3] : NULL, path, sizeof(path), text, &wide);
        if (r < 0 || strchr(path, '\n'))
                return EXIT_FAILURE;

        /* The caller reads what fits into a pipe: a file of that size would be no .wslconfig. */
        printf("%s\n%s\n%s", path, r == 0 ? "absent" : wide ? "wide" : "plain", r > 0 ? text : "");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void on_profile(const ChildResult *result, void *userdata) {
        Gather *g = userdata;
        CheckFacts *f = &g->facts;
        const char *kind = strchr(result->output, '\n'), *text = kind ? strchr(kind + 1, '\n') : NULL;
        char path[CHECK_PATH_SIZE];

        if (result->exit_status == 0 && text && (size_t) (kind - result->output) < sizeof(path)) {
                memcpy(path, result->output, (size_t) (kind - result->output));
                path[kind - result->output] = '\0';
                f->wslconfig.found = fact(!startswith(kind + 1, "absent\n"));
                f->wslconfig.wide = startswith(kind + 1, "wide\n");
                wslconfig_parse(text + 1, &f->wslconfig.values);
                /* One that can't be shown can be read all the same. */
                snprintf(f->wslconfig.path, sizeof(f->wslconfig.path), "%s",
                         path_is_printable(path) ? path : "");
        }
        g->profile = child_free(g->profile);
        gather_advance(g);
}

static void read_wsl_conf(Gather *g) {
        char text[16384], value[64];
        CheckFacts *f = &g->facts;
        WslConf conf;

        if (!read_text("/etc/wsl.conf", text, sizeof(text)))
                text[0] = '\0';
        f->machine.systemd_setting.section_line = wslconfig_find_section(text, "boot");
        (void) wslconfig_get(text, "boot", "systemd", value, sizeof(value),
                             &f->machine.systemd_setting.line);

        wsl_conf_parse(text, &conf);
        snprintf(g->drives, sizeof(g->drives), "%s", conf.automount ? conf.root : "");
}

/* @profile: the Windows user's own folder, NULL where it isn't known. */
static void read_profile(Gather *g, const char *profile) {
        char users[sizeof(g->drives) + 16];
        const char *argv[] = { "/proc/self/exe", GATHER_PROFILE_OPTION, users, profile, NULL };

        snprintf(users, sizeof(users), "%sc/Users", g->drives);
        (void) child_spawn(g->event, argv, PROGRAM_ALL, CHILD_TIMEOUT, on_profile, g, &g->profile);
}

static void on_profile_name(const ChildResult *result, void *userdata) {
        Gather *g = userdata;
        char profile[CHECK_PATH_SIZE];
        bool known = result->exit_status == 0 &&
                     windows_parse_profile(result->output, g->drives, profile, sizeof(profile)) >= 0;

        g->profile_name = child_free(g->profile_name);
        read_profile(g, known ? profile : NULL);
        gather_advance(g);
}

static void ask_for_profile(Gather *g) {
        static const char *const arguments[] = { "query", "HKCU\\Volatile Environment", "/v", "USERPROFILE",
                                                 NULL };
        NetworkingMode seen = MODE_UNKNOWN;

        read_wsl_conf(g);
        if (g->drives[0] == '\0' || (wsl_detect(&seen) >= 0 && seen == MODE_NOT_WSL))
                return;
        if (!g->facts.config.values.interop || interop_start(g->event, INTEROP_REG, arguments, CHILD_TIMEOUT,
                                                             on_profile_name, g, &g->profile_name) < 0)
                read_profile(g, NULL);
}

/* A port that sshd has is one that Windows has given, wherever it lies; and that it is in none is known when
 * both kinds of ranges are. */
static void read_ranges(Gather *g, const WindowsAnswer *answer) {
        CheckFacts *f = &g->facts;

        if (answer->error != 0)
                return;
        g->n_range_answers++;
        for (size_t i = 0;
             i < answer->n_ranges && f->port.listens != FACT_YES && f->windows.refuses != FACT_YES; i++)
                if (answer->ranges[i].first <= f->port.number && f->port.number <= answer->ranges[i].last) {
                        f->windows.refuses = FACT_YES;
                        f->windows.range = answer->ranges[i];
                }
        if (g->n_range_answers == 2 && f->windows.refuses == FACT_UNKNOWN)
                f->windows.refuses = FACT_NO;
}

static void on_rules(const WindowsAnswer *answer, void *userdata) {
        Gather *g = userdata;

        if (answer->error == 0)
                g->facts.windows.firewall_rule = fact(answer->rules.n > 0);
        g->windows[0] = inquiry_free(g->windows[0]);
        gather_advance(g);
}

static void on_excluded_ranges(const WindowsAnswer *answer, void *userdata) {
        Gather *g = userdata;

        read_ranges(g, answer);
        g->windows[1] = inquiry_free(g->windows[1]);
        gather_advance(g);
}

static void on_dynamic_range(const WindowsAnswer *answer, void *userdata) {
        Gather *g = userdata;

        read_ranges(g, answer);
        g->windows[2] = inquiry_free(g->windows[2]);
        gather_advance(g);
}

static void on_sshd_start(const WindowsAnswer *answer, void *userdata) {
        Gather *g = userdata;

        if (answer->error == 0)
                g->facts.windows.sshd_start = answer->sshd_start;
        g->windows[3] = inquiry_free(g->windows[3]);
        gather_advance(g);
}

static void ask_windows(Gather *g) {
        static const InquiryHandler handlers[WINDOWS_QUESTIONS] = { on_rules, on_excluded_ranges,
                                                                    on_dynamic_range, on_sshd_start };

        if (!g->facts.config.values.interop || !mode_shares_ports(g->facts.machine.mode) ||
            g->facts.port.number == 0)
                return;
        for (size_t i = 0; i < WINDOWS_QUESTIONS; i++)
                (void) inquiry_start(g->event, questions[i], g->facts.port.number, WINDOWS_TIMEOUT,
                                     handlers[i], g, &g->windows[i]);
}

static bool windows_is_asked(const Gather *g) {
        for (size_t i = 0; i < WINDOWS_QUESTIONS; i++)
                if (g->windows[i])
                        return true;
        return false;
}

static void on_greeting(const ChildResult *result, void *userdata) {
        Gather *g = userdata;
        CheckFacts *f = &g->facts;
        char detail[GREETING_SOFTWARE_SIZE];

        /* If nothing listens, one of Windows' ranges may still be in the way; another check looks at those. */
        f->port.holder = naming_read_greeting(result, detail);
        snprintf(f->port.holder_detail, sizeof(f->port.holder_detail), "%s", detail);
        g->greeting = child_free(g->greeting);
        gather_advance(g);
}

/* Nobody here listens there, and Windows may: by what the daemon knows of its home port, else by one
 * connection, as it isn't to be bound for a look. */
static void ask_who_greets(Gather *g) {
        const Status *status = g->status;
        CheckFacts *f = &g->facts;

        if (!mode_shares_ports(f->machine.mode) || f->port.number == 0 || f->port.listens != FACT_NO ||
            f->port.holder != HOLDER_NONE)
                return;

        f->port.holder = status && f->port.number == status->home_port ? status->home_holder
                                                                       : HOLDER_UNKNOWN;
        if (f->port.holder != HOLDER_UNKNOWN)
                snprintf(f->port.holder_detail, sizeof(f->port.holder_detail), "%s", status->home_detail);
        else
                (void) greeting_start(g->event, f->port.number, GREETING_TIMEOUT, on_greeting, g,
                                      &g->greeting);
}

/* ── systemd ── */

static void fill_unit(const UnitState *state, UnitFact *ret) {
        static const char *const enabled[] = { "enabled", "enabled-runtime", "static",
                                               "alias",   "linked",          "generated" };

        if (!state)
                return;
        snprintf(ret->name, sizeof(ret->name), "%s", state->id);
        snprintf(ret->result, sizeof(ret->result), "%s", state->result);
        ret->installed = streq(state->load_state, "loaded") || streq(state->load_state, "masked");
        ret->masked = streq(state->load_state, "masked");
        ret->active = streq(state->active_state, "active") || streq(state->active_state, "reloading") ||
                      streq(state->active_state, "activating");
        ret->failed = streq(state->active_state, "failed") || startswith(state->sub_state, "auto-restart");
        if (ret->failed)
                ret->active = false;
        ret->starting = ret->active && streq(state->active_state, "activating");
        for (size_t i = 0; i < ELEMENTSOF(enabled); i++)
                ret->enabled = ret->enabled || streq(state->unit_file_state, enabled[i]);
}

/* A socket unit that is enabled and doesn't listen now is one too. */
static void fill_socket(const Units *units, UnitFact *ret) {
        const UnitState *service = units_service(units), *socket = units_socket(units);
        size_t length;

        fill_unit(socket, ret);
        if (ret->name[0] || !service || !units_socket_is_enabled(units))
                return;
        length = strlen(service->id) - strlen(".service");
        *ret = (UnitFact){ .installed = true, .enabled = true };
        snprintf(ret->name, sizeof(ret->name), "%.*s.socket", (int) length, service->id);
}

static void on_units(void *userdata) {
        gather_advance(userdata);
}

static int on_systemd_is_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Gather *g = userdata;

        (void) source, (void) usec;
        g->systemd_is_late = true;
        gather_advance(g);
        return 0;
}

static void ask_systemd(Gather *g) {
        int r;

        r = g->facts.machine.root ? bus_open_private(g->event, &g->bus) : -EACCES;
        if (r < 0)
                r = bus_open_system(g->event, &g->bus);
        if (r >= 0)
                r = units_new(g->facts.config.values.unit, on_units, g, &g->sshd_units);
        if (r >= 0)
                r = units_new("wslportd.service", on_units, g, &g->own_units);
        if (r >= 0)
                r = units_attach(g->sshd_units, g->bus);
        if (r >= 0)
                r = units_attach(g->own_units, g->bus);
        if (r >= 0)
                r = sd_event_add_time_relative(g->event, NULL, CLOCK_MONOTONIC, SYSTEMD_TIMEOUT, 0,
                                               on_systemd_is_late, g);
        g->systemd_is_late = r < 0;
}

static bool systemd_has_answered(const Gather *g) {
        return g->systemd_is_late || (units_service(g->sshd_units) && units_service(g->own_units));
}

static const UnitState *sshd_service(const Gather *g) {
        return g->sshd_units ? units_service(g->sshd_units) : NULL;
}

static void read_units(Gather *g) {
        CheckFacts *f = &g->facts;

        if (!g->sshd_units)
                return;
        fill_unit(sshd_service(g), &f->sshd.service);
        fill_socket(g->sshd_units, &f->sshd.socket);
        if (g->own_units)
                fill_unit(units_service(g->own_units), &f->daemon.unit);
}

/* ── sshd ── */

static void on_home(void *userdata) {
        gather_advance(userdata);
}

static void read_home(Gather *g, ManagedUnits managed, SshdHome *ret) {
        CheckFacts *f = &g->facts;
        HomeFacts view = home_finder_facts(g->home, managed, &g->placement);

        f->sshd.verdict = view.verdict;
        snprintf(f->sshd.error, sizeof(f->sshd.error), "%s", strempty(view.detail));
        f->sshd.fixed = view.home.port_fixed;
        *ret = view.home;
        /* It has read all of its configuration before it looks for its keys, which are root's. */
        if (f->sshd.verdict == SSHD_VERDICT_REFUSED && strstr(f->sshd.error, "no hostkeys available")) {
                f->sshd.verdict = SSHD_VERDICT_VALID;
                if (f->machine.root)
                        f->sshd.host_keys = FACT_NO;
        } else if (f->sshd.verdict == SSHD_VERDICT_REFUSED && !f->machine.root &&
                   strstr(f->sshd.error, "ermission denied"))
                f->sshd.verdict = SSHD_VERDICT_UNKNOWN;
        else if (f->sshd.verdict == SSHD_VERDICT_VALID)
                f->sshd.host_keys = FACT_YES;
}

static void read_port(Gather *g) {
        PortSources sources = { .sockets = g->sockets, .status = g->status, .moved_to = g->placement.port };

        if (g->sshd_units)
                sources.managed = units_managed(g->sshd_units);
        read_home(g, sources.managed, &sources.home);
        gather_port(&sources, &g->facts);
}

/* The last of sshd's errors that tells more than that it ended. */
static void on_journal(const ChildResult *result, void *userdata) {
        Gather *g = userdata;
        CheckFacts *f = &g->facts;
        const char *end = "Cannot bind any address";

        for (const char *line = result->output; result->exit_status == 0 && *line;
             line += strcspn(line, "\n"), line += *line == '\n') {
                char text[sizeof(f->sshd.last_error)];
                size_t n = 0;

                for (const char *c = line; *c && *c != '\n' && n < sizeof(text) - 1; c++)
                        text[n++] = *c >= ' ' && *c <= '~' ? *c : '?';
                text[n] = '\0';
                if (n > 0 && (f->sshd.last_error[0] == '\0' || !strstr(text, end)))
                        memcpy(f->sshd.last_error, text, n + 1);
        }
        g->journal = child_free(g->journal);
        gather_advance(g);
}

/* Anybody may write there by its name, root alone as root. Not by the unit: of a process that has ended,
 * journald may not know it any more. */
static void ask_journal(Gather *g) {
        static const char *const argv[] = {
                "/usr/bin/journalctl", "--boot",     "--quiet",           "--no-pager", "--output=cat",
                "--priority=err",      "--lines=20", "--identifier=sshd", "_UID=0",     NULL
        };

        if (g->facts.sshd.service.failed)
                (void) child_spawn(g->event, argv, PROGRAM_ALL, CHILD_TIMEOUT, on_journal, g, &g->journal);
}

/* ── the order of it ── */

static void read_mode(Gather *g) {
        if (g->mode)
                g->facts.machine.mode = mode_get(g->mode);
        else if (wsl_detect(&g->facts.machine.mode) < 0)
                g->facts.machine.mode = MODE_UNKNOWN;
        if (g->facts.machine.mode == MODE_UNKNOWN && g->status)
                g->facts.machine.mode = g->status->mode;
}

/* NOLINTNEXTLINE(misc-no-recursion): each goes one step further */
static void gather_advance(Gather *g) {
        switch (g->step) {
        case STEP_ASK:
                if (!systemd_has_answered(g))
                        return;
                read_units(g);
                g->step = STEP_HOME;
                (void) home_finder_refresh(g->home, sshd_service(g), &g->placement);
                ask_journal(g);
                gather_advance(g);
                return;
        case STEP_HOME:
                if (home_finder_is_pending(g->home) || (g->mode && mode_is_pending(g->mode)))
                        return;
                read_mode(g);
                read_port(g);
                g->step = STEP_LOOK;
                ask_who_greets(g);
                ask_windows(g);
                gather_advance(g);
                return;
        case STEP_LOOK:
                if (g->profile_name || g->profile || g->journal || g->greeting || windows_is_asked(g))
                        return;
                g->step = STEP_END;
                (void) sd_event_exit(g->event, 0);
                return;
        case STEP_END:
        default:
                return;
        }
}

static void on_mode(void *userdata) {
        gather_advance(userdata);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) usec, (void) userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_begin(sd_event_source *source, void *userdata) {
        (void) source;
        gather_advance(userdata);
        return 0;
}

int gather_facts(const Status *status, bool can_ask, CheckFacts *ret) {
        _cleanup_(gather_done) Gather g = {
                .status = status,
                .log = { .max_level = LOG_EMERG },
                .facts = { .machine.root = geteuid() == 0,
                           .daemon.answers = !can_ask ? FACT_UNKNOWN : fact(status) },
        };
        int r;

        r = sd_event_new(&g.event);
        if (r >= 0)
                r = sd_event_add_time_relative(g.event, NULL, CLOCK_MONOTONIC, TIMEOUT, 0, on_deadline, &g);
        if (r >= 0)
                r = sd_event_add_defer(g.event, NULL, on_begin, &g);
        if (r >= 0)
                r = home_finder_new(g.event, &g.log, on_home, &g, &g.home);
        if (r < 0)
                return r;

        /* Each of these may fail, and its facts are unknown then. */
        read_files(&g);
        (void) sockets_new(&g.sockets);
        if (routes_new(&g.routes) >= 0)
                (void) mode_new(g.event, g.routes, on_mode, &g, &g.mode);
        ask_for_profile(&g);
        ask_systemd(&g);
        if (status)
                snprintf(g.facts.daemon.reason, sizeof(g.facts.daemon.reason), "%s", status->reason);

        r = sd_event_loop(g.event);
        if (r < 0)
                return r;

        read_addresses(&g);
        read_hints(&g.facts);
        *ret = g.facts;
        return 0;
}
