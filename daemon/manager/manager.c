/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/manager.h"

#include <malloc.h>

#include <systemd/sd-daemon.h>

#include "base/timer.h"
#include "core/config-file.h"
#include "manager/operate.h"

/* How long boot waits for READY=1 beside the wait for Windows that ProbeTimeoutSec= allows, and at the most. */
#define BOOT_HOLD_OWN (500 * USEC_PER_MSEC)
#define BOOT_HOLD_MAX (1800 * USEC_PER_MSEC)

/* After this --reset begins nothing more. What is under way ends by its own deadlines. */
#define RESTORE_TIMEOUT (60 * USEC_PER_SEC)

typedef struct Manager {
        Context c;
        Observer observer;
        Publisher publisher;
        Operator op;
        sd_event_source *deadline_timer; /* of the boot, or of --reset */
} Manager;

/* ── evaluating ── */

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

        if (decision.action == ACTION_NONE)
                observer_wait(&m->observer, &snapshot, &decision);
        publisher_publish(&m->publisher, &decision, snapshot.request);
        operator_carry_out(&m->op, &snapshot, &decision);
}

static int manager_on_evaluation(sd_event_source *, void *userdata) {
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
        Manager *m = userdata;
        Context *c = &m->c;

        m->observer.helper_time = 0;
        manager_evaluate(m);
        if (c->stage == STAGE_RUNNING) {
                m->deadline_timer = sd_event_source_disable_unref(m->deadline_timer);
                /* An answer takes more memory than what is kept of it. Without this, glibc would keep 100
                 * KiB until the daemon ends. */
                if (c->triggers & TRIGGER_ANSWER)
                        (void) malloc_trim(0);
                c->triggers &= ~TRIGGER_ANSWER;
        }
        if (c->triggers & TRIGGER_WATCH)
                watch_charge(c->watch,
                             clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before + m->observer.helper_time);
        c->triggers &= ~TRIGGER_WATCH;
        return 0;
}

static int manager_on_deadline(sd_event_source *, uint64_t, void *userdata) {
        Manager *m = userdata;

        if (m->c.stage == STAGE_RESTORING) {
                if (m->op.state == OPERATOR_IDLE || m->op.state == OPERATOR_PROBING)
                        return sd_event_exit(m->c.event, -ETIMEDOUT);
                /* systemd may have closed sshd's sockets. Each step of an operation has a deadline of its own. */
                timer_arm_or_end(m->c.event, &m->deadline_timer, USEC_PER_SEC, 1, "deadline",
                                 manager_on_deadline, m);
                return 0;
        }

        log_message(&m->c.log, LOG_WARNING, "Not all is known yet, boot goes on: %s",
                    m->op.state == OPERATOR_PROBING
                                    ? "Windows has not answered whether sshd can have its port"
                                    : "an answer is late");
        publisher_say_ready(&m->publisher);
        observer_look(&m->observer);
        publisher_publish(&m->publisher, &m->op.decision, m->op.request.kind);
        return 0;
}

/* ── events ── */

static void manager_on_watch(void *userdata) {
        Manager *m = userdata;

        m->observer.pinned.unpinned = 0;
        context_evaluate_later(&m->c, TRIGGER_WATCH);
}

static void manager_on_answer(void *userdata) {
        context_evaluate_later(userdata, TRIGGER_ANSWER);
}

static void manager_on_fact(void *userdata) {
        context_evaluate_later(userdata, TRIGGER_OTHER);
}

static void manager_on_bus(sd_bus *bus, void *userdata) {
        Manager *m = userdata;

        systemd_link_set_system_bus(m->c.link, bus, m->op.move || m->op.unit_switch);
}

static int manager_on_request(Request request, uint16_t port, sd_bus_message *call, uint32_t uid,
                              void *userdata) {
        Manager *m = userdata;

        return operator_take_request(&m->op, request, port, call, uid);
}

/* ── configuration ── */

void manager_log_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        const Log *log = userdata;

        if (line > 0)
                log_message(log, LOG_WARNING, "%s:%u: %s", path, line, message);
        else
                log_message(log, LOG_WARNING, "%s: %s", path, message);
}

typedef struct ReloadErrors {
        const Log *log;
        char *first; /* NULL: none */
} ReloadErrors;

static void manager_on_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        ReloadErrors *errors = userdata;

        manager_log_config_error(path, line, message, (void *) errors->log);
        if (!errors->first && asprintf(&errors->first, "%s:%u: %s", path, line, message) < 0)
                errors->first = NULL;
}

static int manager_reload(char **ret_error, void *userdata) {
        Manager *m = userdata;
        ReloadErrors errors = { .log = &m->c.log };
        Config config;
        int r;

        r = config_load("", manager_on_config_error, &errors, &config);
        *ret_error = errors.first;
        if (r < 0) {
                log_message(&m->c.log, LOG_ERR,
                            "The new configuration is not taken; the configuration in force stays");
                return r;
        }

        if (!streq(config.unit, m->c.config.unit))
                log_message(&m->c.log, LOG_WARNING, "Unit= takes effect when wslportd is restarted");
        m->c.config = config;
        m->c.log.max_level = config.log_level;
        log_message(&m->c.log, LOG_INFO, "The new configuration is in force");
        home_finder_forget(m->c.home_finder);
        m->op.switch_failed = false;
        retry_now(&m->op.retry);
        return 0;
}

static int manager_on_hangup(sd_event_source *, const struct signalfd_siginfo *, void *userdata) {
        _cleanup_free_ char *error = NULL;

        (void) manager_reload(&error, userdata);
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
        sd_event_source_disable_unref(m->deadline_timer);
        sd_event_source_disable_unref(c->evaluation);
        sd_event_unref(c->event);
}

static int manager_set_up_loop(Manager *m, usec_t deadline) {
        Context *c = &m->c;
        int r;

        r = block_signals((const int[]){ SIGCHLD, SIGHUP, SIGINT, SIGTERM, 0 });
        if (r >= 0)
                r = sd_event_new(&c->event);
        if (r >= 0)
                r = sd_event_add_signal(c->event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(c->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(c->event, true);
        if (r >= 0)
                r = sd_event_add_defer(c->event, &c->evaluation, manager_on_evaluation, m);
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
                r = mode_new(c->event, c->routes, manager_on_fact, c, &c->mode);
        if (r >= 0)
                r = home_finder_new(c->event, &c->log, manager_on_answer, c, &c->home_finder);
        if (r >= 0)
                r = naming_new(c->event, &c->log, &c->config, &m->observer.ports, manager_on_fact, c,
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
        m->publisher = (Publisher){ .c = c,
                                    .observer = &m->observer,
                                    .status = { .listener_watch = "none", .version = PROJECT_VERSION } };
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

        r = sd_event_add_signal(m.c.event, NULL, SIGHUP, manager_on_hangup, &m);
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
        if (r == 0) /* a signal */
                return -EINTR;
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
