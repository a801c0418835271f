/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/manager.h"

#include <malloc.h>
#include <signal.h>

#include <systemd/sd-daemon.h>

#include "base/timer.h"
#include "core/config-file.h"
#include "core/pace.h"
#include "manager/operate.h"

/* How long boot is held beside the wait for Windows that ProbeTimeoutSec= allows, and at the very most; what
 * isn't known by then is found out beside it. */
#define BOOT_HOLD_OWN (500 * USEC_PER_MSEC)
#define BOOT_HOLD_MAX (1800 * USEC_PER_MSEC)

/* What --reset has in all; far more than a reload that sshd's unit takes its time for. */
#define RESTORE_TIMEOUT (60 * USEC_PER_SEC)

typedef struct Manager {
        Context c;
        Observer observer;
        Publisher publisher;
        Operator op;
        Pace pace; /* of evaluations for CAUSE_WATCH */
        sd_event_source *pace_timer, *deadline_timer;
} Manager;

/* ── evaluating ── */

static bool is_move(Action action) {
        return action == ACTION_RELOCATE || action == ACTION_RESTORE || action == ACTION_START;
}

static void manager_evaluate(Manager *m) {
        Snapshot snapshot;
        Decision decision;

        if (m->op.state != OPERATOR_IDLE || !observer_read_units(&m->observer) ||
            operator_catch_up(&m->op) || !observer_ask_sshd(&m->observer))
                return;

        observer_look(&m->observer);
        observer_fill(&m->observer, &snapshot);
        operator_fill(&m->op, &snapshot);
        policy_decide(&m->c.config, &snapshot, &decision);
        log_message(&m->c.log, LOG_DEBUG, "mode %s, ssh %s: %s, %s %u: %s",
                    networking_mode_to_string(snapshot.mode), service_phase_to_string(snapshot.service),
                    state_to_string(decision.state), action_to_string(decision.action), decision.port,
                    decision.reason);

        /* What failed or came too often waits, whatever is decided meanwhile. */
        if (snapshot.postponed && is_move(decision.action))
                decision.action = ACTION_NONE;
        if (decision.action == ACTION_NONE)
                observer_wait(&m->observer, &snapshot, &decision);
        publisher_publish(&m->publisher, &decision);
        operator_carry_out(&m->op, &snapshot, &decision);
}

static int manager_on_evaluate(sd_event_source *source, void *userdata) {
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
        Manager *m = userdata;

        (void) source;
        m->observer.helper_time = 0;
        manager_evaluate(m);
        if (m->c.stage == STAGE_RUNNING)
                m->deadline_timer = sd_event_source_disable_unref(m->deadline_timer);

        /* What was read of systemd's units or of sshd needs more than all that is kept of it. It pays for
         * itself: glibc would keep the pages, 100 KiB of them, until the daemon ends. */
        if ((m->c.causes & CAUSE_ANSWER) && m->c.stage == STAGE_RUNNING) {
                (void) malloc_trim(0);
                m->c.causes &= ~CAUSE_ANSWER;
        }
        if (m->c.causes & CAUSE_WATCH)
                pace_note(&m->pace, clock_usec(CLOCK_MONOTONIC),
                          clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before + m->observer.helper_time);
        m->c.causes &= ~CAUSE_WATCH;
        return 0;
}

static int manager_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        if (m->c.stage == STAGE_RESTORING)
                return sd_event_exit(m->c.event, -ETIMEDOUT);

        log_message(&m->c.log, LOG_WARNING, "Not all is known yet, boot goes on: %s",
                    m->op.state == OPERATOR_PROBING
                                    ? "Windows has not answered whether sshd can have its port"
                                    : "an answer is late");
        publisher_say_ready(&m->publisher);
        observer_look(&m->observer);
        publisher_publish(&m->publisher, &m->op.decision);
        return 0;
}

/* ── sources of events ── */

static int manager_on_pace(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        context_evaluate_later(&m->c, CAUSE_WATCH);
        return 0;
}

/* Somebody may take such a port and leave it, many times a second, to keep us busy: the last of it is seen,
 * and what came between is no matter. */
static void manager_on_watch(void *userdata) {
        Manager *m = userdata;
        usec_t delay;
        int r;

        m->observer.pinned.unpinned = 0;
        if (timer_is_armed(m->pace_timer))
                return;

        delay = pace_delay(&m->pace, clock_usec(CLOCK_MONOTONIC));
        if (delay > 0) {
                r = timer_arm(m->c.event, &m->pace_timer, delay, USEC_PER_MSEC, "pace", manager_on_pace, m);
                if (r >= 0)
                        return;
                log_error_errno(&m->c.log, r, "The next look at the listeners could not be put off");
        }
        context_evaluate_later(&m->c, CAUSE_WATCH);
}

static void manager_on_answer(void *userdata) {
        context_evaluate_later(userdata, CAUSE_ANSWER);
}

static void manager_on_home(void *userdata) {
        Manager *m = userdata;

        m->op.rehearsed = false;
        context_evaluate_later(&m->c, CAUSE_ANSWER);
}

static void manager_on_news(void *userdata) {
        context_evaluate_later(userdata, CAUSE_OTHER);
}

static void manager_on_bus(sd_bus *bus, void *userdata) {
        Manager *m = userdata;

        systemd_link_set_system_bus(m->c.link, bus, m->op.move || m->op.sequence);
}

static int manager_on_request(Request request, uint16_t port, sd_bus_message *call, void *userdata) {
        Manager *m = userdata;

        return operator_take_request(&m->op, request, port, call);
}

/* ── configuration ── */

void manager_log_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        const Log *log = userdata;

        if (line > 0)
                log_message(log, LOG_ERR, "%s:%u: %s", path, line, message);
        else
                log_message(log, LOG_ERR, "%s: %s", path, message);
}

typedef struct ReloadErrors {
        Manager *manager;
        char *first;
} ReloadErrors;

static void manager_on_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        ReloadErrors *errors = userdata;

        manager_log_config_error(path, line, message, &errors->manager->c.log);
        if (!errors->first && asprintf(&errors->first, "%s:%u: %s", path, line, message) < 0)
                errors->first = NULL;
}

static int manager_reload(char **ret_error, void *userdata) {
        Manager *m = userdata;
        ReloadErrors errors = { .manager = m };
        Config config;
        int r;

        publisher_say_reloading();
        r = config_load(CONFIG_FILE, manager_on_config_error, &errors, &config);
        if (r >= 0) {
                if (!streq(config.unit, m->c.config.unit))
                        log_message(&m->c.log, LOG_WARNING, "Unit= takes effect when wslportd is restarted");
                m->c.config = config;
                m->c.log.max_level = config.log_level;
                log_message(&m->c.log, LOG_INFO, "%s is in force",
                            r > 0 ? CONFIG_FILE : "The default configuration");
                home_finder_forget(m->c.home_finder);
                retry_now(&m->op.retry);
        } else
                log_message(&m->c.log, LOG_ERR, "%s is not taken; the configuration in force stays",
                            CONFIG_FILE);
        publisher_say_reloaded(&m->publisher);

        if (ret_error)
                *ret_error = TAKE_PTR(errors.first);
        free(errors.first);
        return r < 0 ? r : 0;
}

static int manager_on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) source, (void) info;
        (void) manager_reload(NULL, userdata);
        return 0;
}

/* ── life ── */

static const BusObjectHandlers bus_handlers = {
        .on_bus = manager_on_bus,
        .reload = manager_reload,
        .request = manager_on_request,
};

static void manager_done(Manager *m) {
        Context *c = &m->c;

        operator_done(&m->op);
        home_finder_free(c->home_finder);
        naming_free(c->naming);
        bus_object_free(c->bus);
        systemd_link_free(c->link);
        units_free(c->units);
        mode_free(c->mode);
        routes_free(c->routes);
        watch_free(c->watch);
        sockets_free(c->sockets);
        observer_done(&m->observer);
        sd_event_source_disable_unref(m->pace_timer);
        sd_event_source_disable_unref(m->deadline_timer);
        sd_event_source_disable_unref(c->evaluation);
        sd_event_unref(c->event);
}

/* As sd_event wants a signal that it takes in. */
static int block_signal(int signal) {
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, signal);
        return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

static int manager_add_signal(Manager *m, int signal, sd_event_signal_handler_t handler) {
        int r;

        r = block_signal(signal);
        return r < 0 ? r : sd_event_add_signal(m->c.event, NULL, signal, handler, handler ? m : NULL);
}

static int manager_set_up_loop(Manager *m, usec_t deadline) {
        Context *c = &m->c;
        int r;

        r = block_signal(SIGCHLD);
        if (r >= 0)
                r = sd_event_new(&c->event);
        if (r >= 0)
                r = sd_event_set_watchdog(c->event, true);
        if (r >= 0)
                r = sd_event_add_defer(c->event, &c->evaluation, manager_on_evaluate, m);
        if (r >= 0)
                r = sd_event_source_set_priority(c->evaluation, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_description(c->evaluation, "evaluate");
        if (r >= 0)
                r = timer_arm(c->event, &m->deadline_timer, deadline, 1, "deadline", manager_on_deadline, m);
        return r;
}

static int manager_make_objects(Manager *m) {
        Context *c = &m->c;
        int r;

        r = sockets_new(&c->sockets);
        if (r >= 0)
                r = watch_new(c->event, c->sockets, manager_on_watch, m, &c->watch);
        if (r >= 0)
                r = routes_new(&c->routes);
        if (r >= 0)
                r = mode_new(c->event, c->routes, manager_on_news, c, &c->mode);
        if (r >= 0)
                r = home_finder_new(c->event, &c->log, manager_on_home, m, &c->home_finder);
        if (r >= 0)
                r = naming_new(c->event, &c->log, &c->config, &m->observer.ports, manager_on_news, c,
                               &c->naming);
        if (r >= 0)
                r = units_new(c->config.unit, manager_on_answer, c, &c->units);
        if (r >= 0)
                r = bus_object_new(c->event, &c->log, &m->publisher.status, &bus_handlers, m, &c->bus);
        if (r >= 0)
                r = systemd_link_new(c->event, &c->log, c->units, &c->link);
        return r;
}

/* @m is zeroed. */
static int manager_set_up(Manager *m, Stage stage, const Log *log, const Config *config, usec_t deadline) {
        Context *c = &m->c;
        int r;

        *c = (Context){ .log = *log, .config = *config, .stage = stage };
        m->publisher = (Publisher){ .c = c, .observer = &m->observer };
        observer_init(&m->observer, c);
        operator_init(&m->op, c, &m->observer, &m->publisher);

        r = files_read(&c->files, log);
        if (r < 0)
                return r;
        r = store_clean(&c->files.placement);
        if (r < 0)
                log_error_errno(log, r, "What an earlier run has left could not be taken away");

        r = manager_set_up_loop(m, deadline);
        if (r >= 0)
                r = manager_make_objects(m);
        return r < 0 ? log_error_errno(log, r, "The event loop could not be set up") : 0;
}

int manager_run(const Log *log, const Config *config) {
        usec_t hold = config->probe_timeout + BOOT_HOLD_OWN;
        _cleanup_(manager_done) Manager m = { 0 };
        int r;

        r = manager_set_up(&m, STAGE_BOOTING, log, config, hold < BOOT_HOLD_MAX ? hold : BOOT_HOLD_MAX);
        if (r < 0)
                return r;

        r = manager_add_signal(&m, SIGTERM, NULL);
        if (r >= 0)
                r = manager_add_signal(&m, SIGINT, NULL);
        if (r >= 0)
                r = manager_add_signal(&m, SIGHUP, manager_on_hangup);
        if (r >= 0)
                r = sd_event_loop(m.c.event);
        (void) sd_notify(false, "STOPPING=1");
        return r < 0 ? log_error_errno(log, r, "The event loop failed") : 0;
}

int manager_restore(const Log *log, const Config *config, Restored *ret) {
        _cleanup_(manager_done) Manager m = { 0 };
        const char *why;
        int r, q;

        r = manager_set_up(&m, STAGE_RESTORING, log, config, RESTORE_TIMEOUT);
        if (r < 0)
                return r;

        m.op.request.kind = REQUEST_RESTORE;
        r = sd_event_loop(m.c.event);
        if (r < 0 && (r != -ETIMEDOUT || m.observer.phase == SERVICE_UNKNOWN))
                return r;

        *ret = (Restored){
                .runs = m.observer.phase == SERVICE_RUNNING,
                .port = m.c.files.placement.port,
                .home_port = observer_home_port(&m.observer),
        };
        q = store_read_bare_units(units_managed(m.c.units), &ret->units);
        if (ret->runs && ret->port != 0) {
                why = r < 0                     ? "systemd or sshd did not answer in time"
                      : m.op.retry.postponed[0] ? m.op.retry.postponed
                                                : m.op.decision.reason;
                snprintf(ret->why, sizeof(ret->why), "%s", why);
        }
        return q;
}
