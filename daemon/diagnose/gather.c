/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/gather.h"

#include <systemd/sd-daemon.h>

#include "core/config-file.h"
#include "facts/home-finder.h"
#include "facts/mode.h"
#include "sshd/sshd.h"
#include "systemd/bus.h"

/* For everything together. The daemon and wslportctl wait longer than that for this program. */
#define TIMEOUT (12 * USEC_PER_SEC)
#define SYSTEMD_TIMEOUT \
        (3 * USEC_PER_SEC) /* systemd answers within milliseconds, or something is very wrong */
#define JOURNAL_TIMEOUT (3 * USEC_PER_SEC)

#define ADDRESSES_MAX 64

/* For objects that call a handler: the code that runs the loop looks at the object itself. */
static void ignore(void *) {
}

static Fact fact_of(int r) {
        return r < 0 ? FACT_UNKNOWN : fact(r > 0);
}

/* ── files and the kernel ── */

static void on_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        ConfigFacts *f = userdata;

        if (f->error[0] == '\0') {
                (void) printable(path, f->error_place.file, sizeof(f->error_place.file));
                f->error_place.line = line;
                snprintf(f->error, sizeof(f->error), "%s", message);
        }
}

static void read_files(CheckFacts *facts) {
        static const char *const installers[] = {
                [PACKAGES_APT] = "/usr/bin/apt-get",
                [PACKAGES_DNF] = "/usr/bin/dnf",
                [PACKAGES_ZYPPER] = "/usr/bin/zypper",
                [PACKAGES_PACMAN] = "/usr/bin/pacman",
        };
        ConfigFacts *config = &facts->config;
        int r;

        for (PackageManager i = PACKAGES_APT; i < ELEMENTSOF(installers); i++)
                if (facts->machine.packages == PACKAGES_UNKNOWN && access(installers[i], X_OK) >= 0)
                        facts->machine.packages = i;
        facts->machine.systemd = fact(sd_booted() > 0);

        r = config_load("", on_config_error, config, &config->values);
        config->valid = r >= 0 ? FACT_YES : r == -EACCES ? FACT_UNKNOWN : FACT_NO;
}

static NetworkingMode read_mode(sd_event *event, const Mode *mode, const Status *status) {
        NetworkingMode seen;

        while (mode && mode_is_pending(mode) && sd_event_run(event, UINT64_MAX) >= 0)
                ;
        seen = mode ? mode_get(mode) : MODE_UNKNOWN;
        return seen == MODE_UNKNOWN && status ? status->mode : seen;
}

/* Takes the first address of each kind; IPv4 comes first. */
static void read_addresses(Routes *routes, AddressFacts *f) {
        Address addresses[ADDRESSES_MAX];
        int n;

        n = routes ? routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)) : -ENOTCONN;
        if (n < 0)
                return;

        for (int i = 0; i < n && i < ADDRESSES_MAX; i++) {
                char *to = addresses[i].kind == ADDRESS_LAN          ? f->lan
                           : addresses[i].kind == ADDRESS_TAILSCALE  ? f->mesh
                           : addresses[i].kind == ADDRESS_MESH       ? f->mesh
                           : addresses[i].kind == ADDRESS_LINK_LOCAL ? f->link_local
                                                                     : NULL;

                if (to && to[0] == '\0')
                        (void) endpoint_print_address(&addresses[i].endpoint, to);
        }
        f->usable = fact(f->lan[0] || f->mesh[0]);
}

static void read_firewalls(uint16_t port, FirewallFact firewalls[static _HINT_MAX]) {
        for (Hint hint = 0; hint < _HINT_MAX; hint++) {
                firewalls[hint].on = fact_of(hints_is_on("", hint));
                if (firewalls[hint].on == FACT_YES && port != 0)
                        firewalls[hint].allows = fact_of(hints_allows("", hint, port));
        }
}

/* ── systemd ── */

static void fill_unit(const UnitState *state, UnitFact *ret) {
        static const char *const enabled[] = { "enabled", "enabled-runtime", "static",
                                               "alias",   "linked",          "generated" };

        if (!state)
                return;
        snprintf(ret->name, sizeof(ret->name), "%s", state->id);
        snprintf(ret->result, sizeof(ret->result), "%s", state->result);
        ret->masked = streq(state->load_state, "masked");
        ret->installed = ret->masked || streq(state->load_state, "loaded");
        ret->enabled = string_index(state->unit_file_state, enabled, ELEMENTSOF(enabled)) >= 0;
        ret->failed = streq(state->active_state, "failed") || startswith(state->sub_state, "auto-restart");
        ret->starting = !ret->failed && streq(state->active_state, "activating");
        ret->active = ret->starting || (!ret->failed && (streq(state->active_state, "active") ||
                                                         streq(state->active_state, "reloading") ||
                                                         streq(state->active_state, "refreshing")));
}

/* A socket unit that is enabled but stopped counts too; units_socket() leaves it out. */
static void fill_socket(const Units *units, UnitFact *ret) {
        const UnitState *service = units_service(units);

        fill_unit(units_socket(units), ret);
        if (ret->name[0] || !service || !units_socket_is_enabled(units))
                return;
        *ret = (UnitFact){ .installed = true, .enabled = true };
        snprintf(ret->name, sizeof(ret->name), "%.*s.socket",
                 (int) (strlen(service->id) - strlen(".service")), service->id);
}

/* Attaches @sshd to @bus, which leads to systemd, and waits for both units. */
static void read_units(sd_event *event, sd_bus *bus, Units *sshd, CheckFacts *facts) {
        usec_t now, until = clock_usec(CLOCK_MONOTONIC) + SYSTEMD_TIMEOUT;
        _cleanup_(units_freep) Units *own = NULL;

        if (units_new("wslportd.service", ignore, NULL, &own) < 0 || units_attach(sshd, bus) < 0 ||
            units_attach(own, bus) < 0)
                return;
        while (!(units_service(sshd) && units_service(own)) && (now = clock_usec(CLOCK_MONOTONIC)) < until &&
               sd_event_run(event, until - now) >= 0)
                ;
        fill_unit(units_service(sshd), &facts->sshd.service);
        fill_socket(sshd, &facts->sshd.socket);
        fill_unit(units_service(own), &facts->daemon.unit);
}

/* ── sshd ── */

static void read_verdict(const HomeFacts *home, bool root, SshdFacts *f) {
        f->verdict = home->verdict;
        snprintf(f->error, sizeof(f->error), "%s", strempty(home->detail));
        f->fixed = home->home.port_fixed;

        if (f->verdict == SSHD_VERDICT_VALID)
                f->host_keys = FACT_YES;
        else if (f->verdict == SSHD_VERDICT_KEYLESS || strstr(f->error, "no hostkeys available")) {
                /* sshd looks for its host keys, which only root can read, after it has read all of its
                 * configuration. */
                f->verdict = SSHD_VERDICT_VALID;
                if (root)
                        f->host_keys = FACT_NO;
                else
                        f->error[0] = '\0';
        } else if (f->verdict == SSHD_VERDICT_REFUSED && !root && strstr(f->error, "ermission denied"))
                f->verdict = SSHD_VERDICT_UNKNOWN;
}

static void ask_sshd(sd_event *event, const Units *units, const Placement *placement, CheckFacts *facts,
                     Home *ret_home) {
        static const Log silent = { .max_level = LOG_EMERG };
        _cleanup_(home_finder_freep) HomeFinder *finder = NULL;
        HomeFacts home;

        if (home_finder_new(event, &silent, ignore, NULL, &finder) < 0)
                return;
        (void) home_finder_refresh(finder, units_service(units), placement);
        while (home_finder_is_pending(finder) && sd_event_run(event, UINT64_MAX) >= 0)
                ;
        home = home_finder_facts(finder, units_managed(units), placement);
        read_verdict(&home, facts->machine.root, &facts->sshd);
        *ret_home = home.home;
        facts->sshd.socket_has_twice = home.has_twice;
        memcpy(facts->sshd.options, home.options, SSHD_COMMAND_SIZE);
}

/* Takes the last line in which sshd tells why it can't run. Others tell what clients have sent: a password,
 * where somebody has typed it as his name. */
static void on_journal(const ChildResult *result, void *userdata) {
        static const char *const known[] = {
                "error: Bind to port ", "error: Could not load host key: ", "error: Unable to load host key",
                "error: Permissions 0", "fatal: Missing privilege separation directory: ",
                /* before it logs as it does later (OpenSSH sshd.c, main()) */
                "/run/sshd must be owned by root", "/usr/share/empty.sshd must be owned by root",
                "/var/lib/empty must be owned by root", "fatal: Privilege separation user "
        };
        char *last = userdata;

        LINES_FOREACH (line, result->exit_status == 0 ? result->output : "")
                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        if (startswith(line, known[i]))
                                snprintf(last, sizeof(((SshdFacts *) NULL)->last_error), "%.*s",
                                         (int) strcspn(line, "\n"), line);
}

/* Any user may write to the journal under sshd's name, but only root under root's uid. The unit's name would
 * be no help: journald may no longer know the unit of a process that has ended. */
static const char *const journal[] = { "/usr/bin/journalctl", "--boot", "--quiet", "--no-pager",
                                       "--output=cat", "--lines=20",
                                       /* Errors, and what sshd prints before it logs. */
                                       "_UID=0", "SYSLOG_IDENTIFIER=sshd", "PRIORITY=2", "PRIORITY=3", "+",
                                       "_UID=0", "SYSLOG_IDENTIFIER=sshd", "_TRANSPORT=stdout", NULL };

static void read_sshd(sd_event *event, const Units *units, const Placement *placement, CheckFacts *facts,
                      Home *ret_home) {
        _cleanup_(child_freep) Child *child = NULL;

        facts->sshd.installed = fact(sshd_find(""));
        /* Debian's sshd is built to need /run/sshd; elsewhere a package brings such a folder. */
        facts->sshd.run_directory = fact(facts->machine.packages != PACKAGES_APT ||
                                         access("/run/sshd", F_OK) >= 0);
        ask_sshd(event, units, placement, facts, ret_home);
        if (facts->sshd.service.failed && child_spawn(event, journal, NULL, PROGRAM_ALL, JOURNAL_TIMEOUT,
                                                      on_journal, facts->sshd.last_error, &child) >= 0)
                (void) child_wait(event, child);
        /* ENOSYS. The journal is that of this boot, and a dead tracker stays dead. */
        if (strstr(facts->sshd.last_error, "Function not implemented"))
                facts->daemon.last_bind = BIND_TRACKER_DEAD;
}

/* ── all of it ── */

/* Each of these steps may fail, and its facts stay unknown then. */
static void gather(sd_event *event, sd_bus *bus, const Status *status, CheckFacts *facts) {
        _cleanup_(routes_freep) Routes *routes = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_(mode_freep) Mode *mode = NULL;
        _cleanup_(bus_closep) sd_bus *private_bus = NULL;
        _cleanup_(units_freep) Units *units = NULL;
        bool all = facts->port.number == 0;
        Placement placement;
        Home home = { 0 };

        read_files(facts);
        if (store_read_placement(&placement) < 0)
                placement = (Placement){ 0 };
        /* wslinfo runs beside the next steps. */
        if (routes_new(&routes) >= 0)
                (void) mode_new(event, routes, ignore, NULL, &mode);

        if (units_new(facts->config.values.unit, ignore, NULL, &units) < 0)
                return;
        if (facts->machine.root && bus_open_private(&private_bus) >= 0)
                bus = private_bus;
        if (bus && sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL) >= 0)
                read_units(event, bus, units, facts);
        if (all)
                read_sshd(event, units, &placement, facts, &home);
        facts->machine.mode = read_mode(event, mode, status);

        (void) sockets_new(&sockets);
        gather_port(&(PortSources){ sockets, routes, units_managed(units), home, status, placement.port },
                    facts);
        /* What the daemon knows of the home port's holder may be older than a question about one port. */
        gather_windows_holder(event, all || facts->machine.for_everyone ? status : NULL, facts);
        if (!all) {
                gather_windows_program(event, facts);
                return;
        }
        gather_wslconfig(event, facts);
        gather_windows(event, facts);
        read_addresses(routes, &facts->addresses);
        read_firewalls(facts->port.number, facts->firewalls);
}

int gather_facts(sd_bus *bus, const Status *status, bool for_everyone, uint16_t port, CheckFacts *ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0) /* nothing waits any longer once the loop has ended */
                r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, TIMEOUT, 0, NULL, NULL);
        if (r < 0)
                return r;

        *ret = (CheckFacts){
                .machine = { .root = geteuid() == 0, .for_everyone = for_everyone },
                .port.number = port,
                .daemon.answers = !bus ? FACT_UNKNOWN : fact(status),
        };
        if (status) {
                snprintf(ret->daemon.reason, sizeof(ret->daemon.reason), "%s", status->reason);
                ret->daemon.cause = status->cause;
                ret->daemon.last_bind = status->last_bind;
        }
        gather(event, bus, status, ret);
        return 0;
}
