/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

#include <stdarg.h>

static const char *const action_words[_ACTION_MAX] = {
        [ACTION_NONE] = "none",       [ACTION_PROBE] = "probe", [ACTION_RELOCATE] = "relocate",
        [ACTION_RESTORE] = "restore", [ACTION_START] = "start", [ACTION_ENABLE] = "enable",
        [ACTION_DISABLE_SOCKET] = "disable-socket", [ACTION_ENABLE_SOCKET] = "enable-socket",
};
DEFINE_WORDS(action, Action);

/* What a port's fact comes to. */
typedef enum Availability {
        PORT_NOT_ASKED,
        PORT_FREE,
        PORT_TAKEN,
        PORT_NO_ANSWER,
        PORT_TRACKER_DEAD,
        PORT_UNDECIDED, /* the question itself failed */
} Availability;

static const PortFact *find_fact(const Snapshot *s, uint16_t port) {
        for (size_t i = 0; i < s->n_facts; i++)
                if (s->facts[i].port == port)
                        return &s->facts[i];

        return NULL;
}

static Availability availability(const PortFact *fact) {
        if (!fact)
                return PORT_NOT_ASKED;

        /* What the kernel lists is certain and comes first; a greeting is older than an answer to bind(). */
        if (fact->holder == HOLDER_SSHD || fact->holder == HOLDER_LINUX ||
            fact->holder == HOLDER_OTHER_DISTRO)
                return PORT_TAKEN;

        switch (fact->bind) {
        case BIND_FREE:
                return PORT_FREE;
        case BIND_REFUSED_BY_WINDOWS:
        case BIND_REFUSED_BY_LINUX:
                return PORT_TAKEN;
        case BIND_TRACKER_DEAD:
                return PORT_TRACKER_DEAD;
        case BIND_NO_ANSWER:
                return PORT_NO_ANSWER;
        case BIND_FAILED:
                return PORT_UNDECIDED;
        case BIND_NOT_ASKED:
        default:
                return fact->holder == HOLDER_WINDOWS_OPENSSH || fact->holder == HOLDER_WINDOWS
                                       ? PORT_TAKEN
                                       : PORT_NOT_ASKED;
        }
}

void port_fact_describe(const PortFact *fact, char *ret, size_t size) {
        const char *detail = fact ? fact->detail : "", *open = *detail ? " (" : "",
                   *close = *detail ? ")" : "";

        switch (fact ? fact->holder : HOLDER_UNKNOWN) {
        case HOLDER_SSHD:
                snprintf(ret, size, "sshd has %u%s%s", fact->port, fact->lacks_ipv4 ? " on IPv6 only" : "",
                         !fact->lacks_ipv4                       ? ""
                         : fact->bind == BIND_REFUSED_BY_WINDOWS ? ", and Windows refuses it on IPv4"
                         : fact->bind == BIND_REFUSED_BY_LINUX   ? ", and a Linux socket holds it on IPv4"
                                                                 : "");
                return;
        case HOLDER_LINUX:
                snprintf(ret, size, "%s holds %u", *detail ? detail : "a Linux process", fact->port);
                return;
        case HOLDER_OTHER_DISTRO:
                snprintf(ret, size, "another WSL distro holds %u", fact->port);
                return;
        case HOLDER_WINDOWS_OPENSSH:
        case HOLDER_WINDOWS:
                if (*detail || fact->holder == HOLDER_WINDOWS_OPENSSH)
                        snprintf(ret, size, "Windows%s%s%s holds %u", open, detail, close, fact->port);
                else
                        snprintf(ret, size,
                                 "Windows refuses %u (a program has it, or an excluded port range)",
                                 fact->port);
                return;
        case HOLDER_NONE:
        case HOLDER_UNKNOWN:
        default:
                break;
        }

        switch (fact ? fact->bind : BIND_NOT_ASKED) {
        case BIND_FREE:
                snprintf(ret, size, "%u is free", fact->port);
                break;
        case BIND_REFUSED_BY_WINDOWS:
                snprintf(ret, size, "Windows refuses %u (a program has it, or an excluded port range)",
                         fact->port);
                break;
        case BIND_REFUSED_BY_LINUX:
                snprintf(ret, size, "a Linux socket that doesn't listen holds %u", fact->port);
                break;
        case BIND_TRACKER_DEAD:
                snprintf(ret, size,
                         "WSL's port tracker is dead: nothing can bind a port until `wsl --shutdown`");
                break;
        case BIND_NO_ANSWER:
                snprintf(ret, size, "Windows does not answer about %u", fact->port);
                break;
        case BIND_FAILED:
                snprintf(ret, size, "%u could not be tried%s%s%s", fact->port, open, detail, close);
                break;
        case BIND_NOT_ASKED:
        default:
                if (fact && fact->holder == HOLDER_NONE)
                        snprintf(ret, size, "nothing here listens on %u", fact->port);
                else
                        snprintf(ret, size, "nothing is known yet");
        }
}

static void _printf_(4, 5) decide(Decision *d, State state, Action action, const char *format, ...) {
        va_list arguments;

        d->state = state;
        d->action = action;
        va_start(arguments, format);
        vsnprintf(d->reason, sizeof(d->reason), format, arguments);
        va_end(arguments);
}

static void decide_on(Decision *d, State state, Action action, uint16_t port, const PortFact *fact) {
        d->port = port;
        d->state = state;
        d->action = action;
        port_fact_describe(fact, d->reason, sizeof(d->reason));
}

static bool sshd_has(const Snapshot *s, uint16_t port) {
        const PortFact *fact = find_fact(s, port);

        return fact && fact->holder == HOLDER_SSHD;
}

static bool is_home(const Snapshot *s, uint16_t port) {
        return port_is_one_of(port, s->home.ports, s->home.n_ports);
}

bool policy_allows(const Config *config, uint16_t port) {
        for (size_t i = 0; i < config->n_candidates; i++)
                if (port >= config->candidates[i].first && port <= config->candidates[i].last)
                        return true;

        return false;
}

/* Refusals of Windows in a row, within one range, after which the steps through it grow: Windows excludes
 * whole ranges, and each question costs. Twice as far each time reaches the end of any range in 16 more. */
#define REFUSALS_BEFORE_STRIDE 4

/* True if @d is decided: @port is to be tried, or nothing can be tried now. */
static bool try_candidate(const Snapshot *s, uint16_t port, const char *why, Decision *d) {
        const PortFact *fact = find_fact(s, port);

        switch (availability(fact)) {
        case PORT_FREE:
        case PORT_NOT_ASKED:
                decide(d, STATE_CONFLICT, ACTION_RELOCATE, "%s", why);
                d->port = port;
                return true;
        case PORT_NO_ANSWER:
                decide_on(d, STATE_CONFLICT, ACTION_NONE, 0, fact);
                return true;
        case PORT_TRACKER_DEAD:
                decide_on(d, STATE_BLOCKED, ACTION_NONE, 0, fact);
                return true;
        case PORT_TAKEN:
        case PORT_UNDECIDED:
        default:
                return false;
        }
}

static bool try_range(const Snapshot *s, PortRange range, const char *why, Decision *d) {
        unsigned refusals = 0;
        uint32_t stride = 1;

        for (uint32_t port = range.first; port <= range.last; port += stride) {
                const PortFact *fact = find_fact(s, (uint16_t) port);

                if (is_home(s, (uint16_t) port))
                        continue;
                if (try_candidate(s, (uint16_t) port, why, d))
                        return true;
                refusals = fact && fact->bind == BIND_REFUSED_BY_WINDOWS ? refusals + 1 : 0;
                stride = refusals >= REFUSALS_BEFORE_STRIDE ? stride * 2 : 1;
        }

        return false;
}

/* Of several home ports sshd leaves one; those that it has besides stay. */
static void keep_others(const Snapshot *s, Decision *d) {
        for (size_t i = s->moved_to == 0 && sshd_has(s, s->home.ports[0]) ? 1 : 0; i < s->home.n_ports; i++)
                if (sshd_has(s, s->home.ports[i]))
                        d->beside[d->n_beside++] = s->home.ports[i];
}

/* sshd has to leave for a port of the policy: the one that clients know first, then the list in its order.
 */
static void choose_candidate(const Config *config, const Snapshot *s, const char *why, Decision *d) {
        if (s->verdict != SSHD_VERDICT_VALID)
                decide(d, STATE_BLOCKED, ACTION_NONE, "%s, and sshd refuses its own configuration: %s", why,
                       s->verdict_detail ? s->verdict_detail : "not known why");
        else if (s->home.port_fixed && !s->by_socket) {
                decide(d, STATE_BLOCKED, ACTION_NONE,
                       "%s, and %s fixes sshd's port: take it out there, then sshd can be moved", why,
                       isempty(s->port_fixed_by) ? "a ListenAddress with a port" : s->port_fixed_by);
                d->ask_again = false; /* no answer helps */
        } else if (s->postponed)
                decide(d, STATE_BLOCKED, ACTION_NONE, "%s; %s", why, s->postponed);
        else if (s->request == REQUEST_RELOCATE && s->request_port != 0) {
                if (!policy_allows(config, s->request_port) || is_home(s, s->request_port))
                        decide(d, STATE_CONFLICT, ACTION_NONE, "%u is not among CandidatePorts",
                               s->request_port);
                else if (!try_candidate(s, s->request_port, why, d))
                        decide_on(d, STATE_CONFLICT, ACTION_NONE, 0, find_fact(s, s->request_port));
        } else {
                if (s->last_port != 0 && policy_allows(config, s->last_port) && !is_home(s, s->last_port) &&
                    try_candidate(s, s->last_port, why, d))
                        return;

                for (size_t i = 0; i < config->n_candidates; i++)
                        if (try_range(s, config->candidates[i], why, d))
                                return;

                decide(d, STATE_BLOCKED, ACTION_NONE,
                       "%s, and " REASON_ALL_TAKEN ": add one that is free", why);
        }
}

/* The port is free now: a service that failed for want of it can have it. */
static void start_again(const Snapshot *s, Decision *d) {
        if (s->service != SERVICE_TO_START)
                return;

        if (s->postponed)
                decide(d, STATE_BLOCKED, ACTION_NONE, "sshd is down, and %s", s->postponed);
        else
                d->action = ACTION_START;
}

static bool about_to_bind(const Snapshot *s) {
        return s->service == SERVICE_QUEUED || s->service == SERVICE_TO_START;
}

/* One of sshd's own ports can't be had. Where another of them is one that the policy names, its owner has seen to
 * that already; else it is moved, and the others stay. A service does without what it can't bind, a socket doesn't
 * come up at all. */
static void leave_one(const Config *config, const Snapshot *s, uint16_t port, const char *why, Decision *d) {
        for (size_t i = 0; i < s->home.n_ports; i++) {
                Availability a = availability(find_fact(s, s->home.ports[i]));
                bool has = sshd_has(s, s->home.ports[i]);

                if (s->home.ports[i] == port || (!has && a == PORT_TAKEN))
                        continue;
                if (!s->by_socket && policy_allows(config, s->home.ports[i]) &&
                    (has || (s->service != SERVICE_RUNNING && a != PORT_UNDECIDED))) {
                        decide(d, STATE_CLEAR, ACTION_NONE, "%s; %u is sshd's too", why, s->home.ports[i]);
                        start_again(s, d);
                        if (d->action == ACTION_START)
                                d->port = s->home.ports[i];
                        return;
                }
                if (s->by_socket && !has && a == PORT_NOT_ASKED && about_to_bind(s)) {
                        decide(d, STATE_UNKNOWN, ACTION_PROBE, "asking whether %u can be had", s->home.ports[i]);
                        d->port = s->home.ports[i];
                        d->n_beside = 0;
                        return;
                }
                if (has || a == PORT_FREE || (!s->by_socket && a == PORT_NOT_ASKED))
                        d->beside[d->n_beside++] = s->home.ports[i];
        }
        choose_candidate(config, s, why, d);
}

static void leave_port(const Config *config, const Snapshot *s, const PortFact *conflict, Decision *d) {
        char why[160];

        port_fact_describe(conflict, why, sizeof(why));
        if (is_home(s, conflict->port))
                leave_one(config, s, conflict->port, why, d);
        else {
                keep_others(s, d);
                choose_candidate(config, s, why, d);
        }
}

static void leave_home_to_windows(const Config *config, const Snapshot *s, Decision *d) {
        char why[80];

        keep_others(s, d);
        snprintf(why, sizeof(why), "Relocate=mirrored leaves %u to Windows", s->home.ports[0]);
        choose_candidate(config, s, why, d);
}

/* The first home port that is in the way: taken, or not yet known. NULL where all are free, or a running sshd's. */
static const PortFact *home_in_the_way(const Snapshot *s, uint16_t *ret_port,
                                       Availability *ret_availability) {
        static const PortFact nothing = { 0 };

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact *fact = find_fact(s, s->home.ports[i]);
                Availability a = availability(fact);

                if (a == PORT_FREE || (s->service == SERVICE_RUNNING && sshd_has(s, s->home.ports[i])))
                        continue;
                *ret_port = s->home.ports[i];
                *ret_availability = a;
                return fact ? fact : &nothing;
        }

        return NULL;
}

/* Nothing may be done; only say what is known. */
static void observe(const Snapshot *s, Decision *d, const char *why) {
        bool clear = s->home.n_ports > 0;

        if (s->moved_to != 0) {
                decide(d, STATE_RELOCATED, ACTION_NONE, "%s; sshd's port is %u", why, s->moved_to);
                return;
        }

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact *fact = find_fact(s, s->home.ports[i]);
                Availability a = availability(fact);
                char text[160];

                if (a == PORT_FREE || (fact && fact->holder == HOLDER_SSHD) ||
                    (fact && fact->holder == HOLDER_NONE && !mode_shares_ports(s->mode)))
                        continue;
                if (a == PORT_TAKEN) {
                        port_fact_describe(fact, text, sizeof(text));
                        decide(d, STATE_CONFLICT, ACTION_NONE, "%s; %s", why, text);
                        return;
                }
                clear = false;
        }

        decide(d, clear ? STATE_CLEAR : STATE_UNKNOWN, ACTION_NONE, "%s", why);
}

static void observe_inactive(const Snapshot *s, Decision *d) {
        char why[160];

        if (s->not_enabled)
                snprintf(why, sizeof(why), "%s is not enabled: systemctl enable --now %s",
                         strempty(s->unit_name), strempty(s->unit_name));
        else
                snprintf(why, sizeof(why), "the ssh service is not to run");
        observe(s, d, why);
}

/* Whether the service and its socket unit are to change places. */
static Action wanted_switch(const Config *config, const Snapshot *s) {
        if (config->socket_activation == SOCKET_ACTIVATION_DISABLE &&
            ((s->by_socket && (s->service == SERVICE_RUNNING || s->service == SERVICE_TO_START)) ||
             (s->switch_unfinished && s->service == SERVICE_INACTIVE)))
                return ACTION_DISABLE_SOCKET;
        if (config->socket_activation == SOCKET_ACTIVATION_KEEP && s->socket_disabled)
                return ACTION_ENABLE_SOCKET;
        return ACTION_NONE;
}

/* A service that would not start, or whose port only a socket unit can change: then they stay as they are. */
static bool can_switch(const Snapshot *s, Action action) {
        return s->verdict == SSHD_VERDICT_VALID &&
               !(action == ACTION_DISABLE_SOCKET && s->by_socket && s->home.port_fixed);
}

/* What else is decided doesn't say so. */
static void tell_switch_waits(const Config *config, const Snapshot *s, Decision *d) {
        Action action = wanted_switch(config, s);
        size_t length = strlen(d->reason);

        if (action == ACTION_NONE || d->action != ACTION_NONE || d->state == STATE_UNMANAGED || can_switch(s, action))
                return;

        snprintf(d->reason + length, sizeof(d->reason) - length, "; SocketActivation=%s waits: %s%s",
                 socket_activation_to_string(config->socket_activation),
                 s->verdict == SSHD_VERDICT_UNKNOWN ? "it isn't known whether sshd accepts its configuration"
                 : s->verdict != SSHD_VERDICT_VALID ? "sshd does not accept its configuration"
                 : isempty(s->port_fixed_by)      ? "a ListenAddress with a port"
                                                  : s->port_fixed_by,
                 s->verdict != SSHD_VERDICT_VALID ? "" : " fixes the service's port");
}

/* Which unit is to listen at all. True if @d is decided. */
static bool decide_units(const Config *config, const Snapshot *s, Decision *d) {
        Action action = wanted_switch(config, s);

        if (s->booting || s->postponed)
                return false;

        if (s->not_enabled && s->service == SERVICE_INACTIVE && config->ensure_enabled)
                decide(d, STATE_UNKNOWN, ACTION_ENABLE, "EnsureEnabled=yes, and %s is not enabled",
                       strempty(s->unit_name));
        else if (action != ACTION_NONE && can_switch(s, action))
                decide(d, STATE_UNKNOWN, action, "SocketActivation=%s",
                       socket_activation_to_string(config->socket_activation));
        else
                return false;
        return true;
}

static bool is_down(const Snapshot *s) {
        return s->service == SERVICE_ABSENT || s->service == SERVICE_INACTIVE ||
               s->service == SERVICE_FAILED || about_to_bind(s);
}

/* A way back that needs no port: sshd isn't running, and our file doesn't belong there. */
static bool undo_kept(const Snapshot *s, Decision *d, const char *why) {
        if (s->moved_to == 0 || !is_down(s))
                return false;

        decide(d, STATE_CLEAR, ACTION_RESTORE, "%s", why);
        d->port = s->home.n_ports > 0 ? s->home.ports[0] : 0;
        return true;
}

/* The same where nothing is managed afterwards: a service that failed on our port is left as it would be
 * without us, running if it can. */
static bool undo_for_good(const Snapshot *s, Decision *d, const char *why) {
        if (s->postponed || !undo_kept(s, d, why))
                return false;

        d->then_start = s->service == SERVICE_TO_START;
        return true;
}

/* The same where sshd doesn't come up for our file. One that has failed for it is not tried again by systemd. */
static bool undo_refused(const Snapshot *s, Decision *d) {
        if (!undo_kept(s, d, "sshd refuses its configuration because of our file"))
                return false;

        d->then_start = s->service == SERVICE_FAILED;
        return true;
}

/* Not displaced, and about to bind its home ports. */
static void decide_start_at_home(const Config *config, const Snapshot *s, Decision *d) {
        const PortFact *home;
        Availability a;
        uint16_t port;

        if (config->relocate == RELOCATE_MIRRORED) {
                leave_home_to_windows(config, s, d);
                return;
        }

        home = home_in_the_way(s, &port, &a);
        if (!home) {
                decide_on(d, STATE_CLEAR, ACTION_NONE, s->home.ports[0], find_fact(s, s->home.ports[0]));
                start_again(s, d);
                return;
        }

        switch (a) {
        case PORT_NOT_ASKED:
                decide(d, STATE_UNKNOWN, ACTION_PROBE, "asking whether %u can be had", port);
                d->port = port;
                return;
        case PORT_TAKEN:
                leave_port(config, s, home, d);
                return;
        case PORT_TRACKER_DEAD:
                decide_on(d, STATE_BLOCKED, ACTION_NONE, 0, home);
                return;
        case PORT_FREE:
        case PORT_NO_ANSWER:
        case PORT_UNDECIDED:
        default:
                decide_on(d, STATE_UNKNOWN, ACTION_NONE, 0, home);
        }
}

/* Displaced, and about to bind the port in our file. */
static void decide_start_moved(const Config *config, const Snapshot *s, Decision *d) {
        bool go_home = s->booting && config->restore != RESTORE_MANUAL &&
                       config->relocate != RELOCATE_MIRRORED;
        const PortFact *fact;
        Availability a;
        uint16_t port;

        if (go_home) {
                fact = home_in_the_way(s, &port, &a);
                if (!fact) {
                        decide_on(d, STATE_CLEAR, ACTION_RESTORE, s->home.ports[0],
                                  find_fact(s, s->home.ports[0]));
                        return;
                }
                if (a == PORT_NOT_ASKED) {
                        decide(d, STATE_RELOCATED, ACTION_PROBE, "asking whether sshd can go back to %u",
                               port);
                        d->port = port;
                        return;
                }
                /* Windows answers nothing, or nobody asks it: another question would fare no better. */
                if (a == PORT_NO_ANSWER || a == PORT_TRACKER_DEAD) {
                        decide_on(d, a == PORT_NO_ANSWER ? STATE_UNKNOWN : STATE_BLOCKED, ACTION_NONE, 0,
                                  fact);
                        return;
                }
        }

        if (!policy_allows(config, s->moved_to)) {
                char why[80];

                snprintf(why, sizeof(why), "CandidatePorts does not have %u any more", s->moved_to);
                choose_candidate(config, s, why, d);
                return;
        }

        fact = find_fact(s, s->moved_to);
        switch (availability(fact)) {
        case PORT_NOT_ASKED:
                decide(d, STATE_RELOCATED, ACTION_PROBE, "asking whether %u can still be had", s->moved_to);
                d->port = s->moved_to;
                return;
        case PORT_FREE:
                decide(d, STATE_RELOCATED, ACTION_NONE, "sshd's port is %u", s->moved_to);
                d->port = s->moved_to;
                if (s->unapplied && !s->postponed)
                        d->action = ACTION_RELOCATE;
                else
                        start_again(s, d);
                return;
        case PORT_TAKEN:
                leave_port(config, s, fact, d);
                return;
        case PORT_TRACKER_DEAD:
                decide_on(d, STATE_BLOCKED, ACTION_NONE, 0, fact);
                return;
        case PORT_NO_ANSWER:
        case PORT_UNDECIDED:
        default:
                decide_on(d, STATE_UNKNOWN, ACTION_NONE, 0, fact);
        }
}

/* The first of its own ports that sshd doesn't have, 0 where it has all; and whether it has any. */
static uint16_t home_missing(const Snapshot *s, bool *ret_has_some) {
        uint16_t missing = 0;

        *ret_has_some = false;
        for (size_t i = 0; i < s->home.n_ports; i++)
                if (sshd_has(s, s->home.ports[i]))
                        *ret_has_some = true;
                else if (missing == 0)
                        missing = s->home.ports[i];

        return missing;
}

/* Whether a running, displaced sshd is to go back now, if it can. */
static bool wants_home(const Config *config, const Snapshot *s) {
        if (s->request == REQUEST_RESTORE)
                return config->relocate == RELOCATE_CONFLICT;
        if (s->no_auto_restore || config->restore != RESTORE_AUTO || config->relocate != RELOCATE_CONFLICT)
                return false;

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact *fact = find_fact(s, s->home.ports[i]);

                if (availability(fact) != PORT_FREE && !(fact && fact->holder_left) &&
                    !sshd_has(s, s->home.ports[i]))
                        return false;
        }
        return s->home.n_ports > 0;
}

static void decide_running_moved(const Config *config, const Snapshot *s, Decision *d) {
        const PortFact *fact;
        Availability a;
        uint16_t port;

        if (s->request == REQUEST_RELOCATE && s->request_port != 0 && s->request_port != s->moved_to) {
                keep_others(s, d);
                choose_candidate(config, s, "somebody asked for it", d);
                if (d->action == ACTION_NONE)
                        d->state = STATE_RELOCATED;
                return;
        }

        if (s->request == REQUEST_RESTORE && config->relocate == RELOCATE_MIRRORED)
                decide(d, STATE_RELOCATED, ACTION_NONE, "Relocate=mirrored keeps sshd on %u", s->moved_to);
        else
                decide(d, STATE_RELOCATED, ACTION_NONE, "sshd's port is %u", s->moved_to);
        if (!wants_home(config, s))
                return;
        if (s->postponed) {
                decide(d, STATE_RELOCATED, ACTION_NONE, "sshd's port is %u; %s", s->moved_to, s->postponed);
                return;
        }
        if (s->verdict != SSHD_VERDICT_VALID) {
                decide(d, STATE_RELOCATED, ACTION_NONE, "sshd refuses its own configuration: %s",
                       s->verdict_detail ? s->verdict_detail : "not known why");
                return;
        }

        fact = home_in_the_way(s, &port, &a);
        if (!fact) {
                decide_on(d, STATE_RELOCATED, ACTION_RESTORE, s->home.ports[0],
                          find_fact(s, s->home.ports[0]));
        } else if (a == PORT_NOT_ASKED) {
                decide(d, STATE_RELOCATED, ACTION_PROBE, "asking whether sshd can go back to %u", port);
                d->port = port;
        } else
                port_fact_describe(fact, d->reason, sizeof(d->reason));
}

static void decide_shared(const Config *config, const Snapshot *s, Decision *d);

/* sshd runs, and not where it should. */
/* NOLINTNEXTLINE(misc-no-recursion): once, as what it asks again about is no running sshd */
static void decide_port_missing(const Config *config, const Snapshot *s, uint16_t expected, bool has_some,
                                Decision *d) {
        const PortFact *fact;
        char why[96];

        d->port_missing = true;
        if (s->settled != SETTLED_WITHOUT_PORT) {
                decide(d, STATE_UNKNOWN, ACTION_NONE,
                       s->settled == SETTLED_UNSEEN ? "who listens on %u could not be seen"
                                                    : "sshd runs, but does not listen on %u",
                       expected);
                return;
        }

        if (s->by_socket && !has_some) {
                /* systemd has closed what it listened on and says that it listens: after a daemon-reload with other
                 * addresses. Only a restart mends that. (systemd 255 and later) */
                Snapshot failed = *s;

                failed.service = SERVICE_TO_START;
                if (is_home(s, s->moved_to))
                        failed.moved_to = 0;
                d->ask_again = true;
                decide_shared(config, &failed, d);
                return;
        }

        if (s->verdict == SSHD_VERDICT_VALID && s->moved_to == 0 && s->last_port != 0 &&
            !is_home(s, s->last_port) && sshd_has(s, s->last_port) && policy_allows(config, s->last_port)) {
                /* A way back that was cut off before sshd was told of it: it is where it was, and so is the
                 * file. */
                decide(d, STATE_RELOCATED, s->postponed ? ACTION_NONE : ACTION_RELOCATE,
                       "sshd is on %u still%s%s", s->last_port, s->postponed ? "; " : "",
                       strempty(s->postponed));
                d->port = s->last_port;
                keep_others(s, d);
                return;
        }

        fact = find_fact(s, expected);
        if (fact && (fact->holder == HOLDER_LINUX || fact->holder == HOLDER_OTHER_DISTRO ||
                     fact->bind == BIND_REFUSED_BY_WINDOWS)) {
                /* A stranger, on IPv4 or IPv6 only, or sshd would have ended: clients of that family get it. Windows: sshd was
                 * about to bind another one, and has half of that or none. */
                d->ask_again = !has_some;
                leave_port(config, s, fact, d);
        } else if (has_some) {
                snprintf(why, sizeof(why), "sshd could not have %u", expected);
                leave_one(config, s, expected, why, d);
        } else if (s->mode == MODE_CONSOMME) {
                /* A refused bind() looks like a good one there, and sshd then listens on a random port
                 * without an error. (microsoft/WSL; replayed) */
                snprintf(why, sizeof(why),
                         "sshd listens on another port than %u, as where consomme refused it", expected);
                d->ask_again = true;
                choose_candidate(config, s, why, d);
        } else
                decide(d, STATE_UNKNOWN, ACTION_NONE, "sshd runs, but does not listen on %u", expected);
}

/* sshd runs, and has the port on IPv6 only: its IPv4 was another's when it was started. It is where it should be for half of its
 * clients, so this comes last. */
static void decide_ipv4_missing(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d) {
        char why[160];

        port_fact_describe(fact, why, sizeof(why));
        decide(d, d->state, ACTION_NONE, "%s%s%s", why, s->postponed ? "; " : "", strempty(s->postponed));
        if (s->settled != SETTLED_WITHOUT_IPV4 || s->postponed || s->verdict != SSHD_VERDICT_VALID)
                return;

        d->ask_again = fact->bind != BIND_TRACKER_DEAD;
        switch (fact->bind) {
        case BIND_NOT_ASKED:
                decide(d, d->state, ACTION_PROBE, "asking whether %u can be had on IPv4", fact->port);
                d->port = fact->port;
                break;
        case BIND_FREE:
                decide(d, d->state, ACTION_START, "%s, and IPv4 is free", why);
                d->port = fact->port;
                break;
        case BIND_REFUSED_BY_WINDOWS:
        case BIND_REFUSED_BY_LINUX:
                leave_port(config, s, fact, d);
                d->ask_again = d->ask_again &&
                               d->state != STATE_CLEAR; /* where sshd has another of its own */
                break;
        case BIND_TRACKER_DEAD:
        case BIND_NO_ANSWER:
        case BIND_FAILED:
        default:
                break;
        }
}

/* Of one of @ports sshd has half: that one's fact, else NULL. A socket unit has all of its addresses or fails. */
static const PortFact *find_ipv4_missing(const Snapshot *s, const uint16_t ports[], size_t n) {
        for (size_t i = 0; i < n && !s->by_socket; i++) {
                const PortFact *fact = find_fact(s, ports[i]);

                if (fact && fact->holder == HOLDER_SSHD && fact->lacks_ipv4)
                        return fact;
        }
        return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): see decide_port_missing() */
static void decide_running(const Config *config, const Snapshot *s, Decision *d) {
        bool moved = s->moved_to != 0 && !is_home(s, s->moved_to), has_some;
        uint16_t missing = home_missing(s, &has_some);
        const PortFact *half;

        if (moved && sshd_has(s, s->moved_to)) {
                decide_running_moved(config, s, d);
                half = find_ipv4_missing(s, &s->moved_to, 1);
                if (half && d->action == ACTION_NONE && s->request == REQUEST_NONE)
                        decide_ipv4_missing(config, s, half, d);
        } else if (missing != 0)
                decide_port_missing(config, s, moved ? s->moved_to : missing, has_some, d);
        else if (config->relocate == RELOCATE_MIRRORED)
                leave_home_to_windows(config, s, d);
        else if (s->request == REQUEST_RELOCATE) {
                keep_others(s, d);
                choose_candidate(config, s, "somebody asked for it", d);
                if (d->action == ACTION_NONE) /* a refusal is no conflict */
                        d->state = STATE_CLEAR;
        } else if (s->moved_to != 0) {
                /* A move that was cut off before sshd was told of it. */
                decide(d, STATE_CLEAR, ACTION_RESTORE, "sshd has its own port, and our file names another");
                d->port = s->home.ports[0];
        } else {
                decide_on(d, STATE_CLEAR, ACTION_NONE, s->home.ports[0], find_fact(s, s->home.ports[0]));
                half = find_ipv4_missing(s, s->home.ports, s->home.n_ports);
                if (half)
                        decide_ipv4_missing(config, s, half, d);
        }
}

static bool has_any(const Snapshot *s) {
        bool has_some;

        (void) home_missing(s, &has_some);
        return has_some || (s->moved_to != 0 && sshd_has(s, s->moved_to));
}

/* NOLINTNEXTLINE(misc-no-recursion): see decide_port_missing() */
static void decide_shared(const Config *config, const Snapshot *s, Decision *d) {
        switch (s->service) {
        case SERVICE_INACTIVE:
                observe_inactive(s, d);
                return;
        case SERVICE_STARTING:
                observe(s, d, "sshd is starting");
                return;
        case SERVICE_STOPPING:
                observe(s, d, "sshd is stopping");
                return;
        case SERVICE_FAILED:
                observe(s, d, "the ssh service failed, not because of a port");
                return;
        case SERVICE_QUEUED:
        case SERVICE_TO_START:
                if (s->service == SERVICE_QUEUED && has_any(s)) {
                        /* Seen in the kernel before systemd told of it. */
                        observe(s, d, "sshd is starting");
                        return;
                }
                if (s->verdict != SSHD_VERDICT_VALID) {
                        char why[REASON_SIZE / 2];

                        /* It won't get as far as bind(). */
                        snprintf(why, sizeof(why), "sshd refuses its own configuration: %s",
                                 strempty(s->verdict_detail));
                        observe(s, d, why);
                } else if (s->moved_to != 0)
                        decide_start_moved(config, s, d);
                else
                        decide_start_at_home(config, s, d);
                return;
        case SERVICE_RUNNING:
                decide_running(config, s, d);
                return;
        case SERVICE_ABSENT:
        case SERVICE_UNKNOWN:
        default:
                decide(d, STATE_UNKNOWN, ACTION_NONE, "the ssh service's state is not known yet");
        }
}

void policy_decide(const Config *config, const Snapshot *s, Decision *ret) {
        *ret = (Decision){ 0 };

        if (s->service == SERVICE_UNKNOWN)
                decide(ret, STATE_UNKNOWN, ACTION_NONE, "the ssh service's state is not known yet");
        else if (s->verdict == SSHD_VERDICT_OUR_FILE_REFUSED && undo_refused(s, ret))
                return; /* NOLINT(bugprone-branch-clone): undo_kept() has decided, here and below */
        else if (s->moved_to != 0 && s->verdict == SSHD_VERDICT_VALID &&
                 (is_home(s, s->moved_to) || !s->home.reads_our_file) &&
                 undo_kept(s, ret, "our file moves sshd nowhere"))
                return;
        else if (s->request == REQUEST_RESTORE && s->service != SERVICE_QUEUED &&
                 undo_kept(s, ret, "somebody asked for it"))
                return;
        else if (config->relocate == RELOCATE_NEVER) {
                if (!undo_for_good(s, ret, "Relocate=never"))
                        decide(ret, STATE_UNMANAGED, ACTION_NONE, "Relocate=never%s%s",
                               s->postponed ? "; " : "", strempty(s->postponed));
        } else if (s->service == SERVICE_ABSENT)
                decide(ret, STATE_UNMANAGED, ACTION_NONE, "no ssh service is installed");
        else if (s->mode == MODE_UNKNOWN)
                decide(ret, STATE_UNKNOWN, ACTION_NONE, "WSL's networking mode is not known yet");
        else if (decide_units(config, s, ret))
                return;
        else if (!mode_shares_ports(s->mode)) {
                char why[96];

                snprintf(why, sizeof(why), "networking mode %s shares no ports with Windows",
                         networking_mode_to_string(s->mode));
                if (!undo_for_good(s, ret, why))
                        observe(s, ret, why);
        } else if (s->home.n_ports == 0 || s->verdict == SSHD_VERDICT_UNKNOWN)
                decide(ret, STATE_UNKNOWN, ACTION_NONE, "sshd's own port is not known: %s",
                       s->verdict_detail ? s->verdict_detail : "sshd has not been asked yet");
        else
                decide_shared(config, s, ret);
        tell_switch_waits(config, s, ret);
}
