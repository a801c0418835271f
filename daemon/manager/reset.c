/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/reset.h"

#include <stdarg.h>

#include "windows/bindprobe.h"
#include "systemd/bus.h"
#include "facts/home-finder.h"
#include "store/store.h"
#include "manager/move.h"
#include "facts/ports.h"
#include "systemd/sequence.h"

#define DAEMON "wslportd.service"
#define AT_BOOT "wslportd-reset.service"

/* Windows answers within ms, or it may be never. */
#define PROBE_TIMEOUT (10 * USEC_PER_SEC)

/* In all; far more than a reload that sshd's unit takes its time for. */
#define TIMEOUT (60 * USEC_PER_SEC)

typedef struct Reset {
        sd_event *event;
        sd_bus *bus; /* ends with the event loop */
        Units *units;
        HomeFinder *home_finder;
        SshdHome home;
        Sockets *sockets;
        Ports ports;
        size_t n_asked; /* of the home ports */
        Child *probe;
        Move *move;
        Placement placement;
        BareUnits names;
        bool running, asking;
        char why[RESET_TEXT_SIZE / 4]; /* it stays where it is; "": it doesn't */
} Reset;

static void reset_done(Reset *reset) {
        move_free(reset->move);
        child_free(reset->probe);
        ports_done(&reset->ports);
        sockets_free(reset->sockets);
        home_finder_free(reset->home_finder);
        units_free(reset->units);
        bus_close(reset->bus);
        sd_event_unref(reset->event);
}

static void _printf_(2, 3) reset_stay(Reset *reset, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reset->why, sizeof(reset->why), format, arguments);
        va_end(arguments);
        (void) sd_event_exit(reset->event, 0);
}

static int reset_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        reset_stay(userdata, "systemd or sshd did not answer in time");
        return 0;
}

/* ── back home ── */

static int reset_listens(uint16_t port, void *userdata) {
        Reset *reset = userdata;

        (void) port;
        for (size_t i = 0; i < reset->home.n_ports; i++) {
                PortView view;

                if (holders_look(reset->sockets, units_managed(reset->units), &reset->home, reset->home.ports[i],
                                 &view) < 0 ||
                    view.holder == HOLDER_UNKNOWN)
                        return -EAGAIN;
                if (!port_view_is_complete(&view, &reset->home))
                        return 0;
        }
        return 1;
}

static void reset_on_moved(int result, BindAnswer answer, const char *text, void *userdata) {
        Reset *reset = userdata;

        (void) answer;
        if (result < 0)
                reset_stay(reset, "%s", text);
        else
                (void) sd_event_exit(reset->event, 0);
        reset->move = move_free(reset->move); /* and @text with it */
}

static void reset_move(Reset *reset) {
        ManagedUnits managed = units_managed(reset->units);
        const MoveRequest request = {
                .from = reset->placement,
                .expected = reset->home.ports[0],
                .home = reset->home.ports[0],
                .units = &reset->names,
                .options = home_finder_facts(reset->home_finder, managed, &reset->placement).options,
                .shape = managed_shape(managed),
                .phase = SERVICE_RUNNING,
        };
        int r;

        r = move_start(reset->event, reset->bus, &request, reset_listens, reset_on_moved, reset, &reset->move);
        if (r < 0)
                reset_stay(reset, "the move could not begin: %s", strerrordesc_np(-r));
}

static void reset_on_probe(const ChildResult *result, void *userdata);

/* Sees to it that each port of sshd's own can be had, and moves it. */
static void reset_ask_next(Reset *reset) {
        for (; reset->n_asked < reset->home.n_ports; reset->n_asked++) {
                uint16_t port = reset->home.ports[reset->n_asked];
                const PortFact *fact;
                char text[160];
                PortView view;
                int r;

                r = holders_look(reset->sockets, units_managed(reset->units), &reset->home, port, &view);
                if (r >= 0)
                        r = ports_see(&reset->ports, port, &view, &reset->home, MODE_UNKNOWN);
                if (r < 0) {
                        reset_stay(reset, "the listeners on %u could not be read: %s", port, strerrordesc_np(-r));
                        return;
                }

                fact = ports_find(&reset->ports, port);
                if (fact->holder == HOLDER_SSHD || fact->bind == BIND_FREE)
                        continue;
                if (fact->bind == BIND_NOT_ASKED && fact->holder == HOLDER_UNKNOWN) {
                        r = bindprobe_start(reset->event, port, reset->home.ipv6 && !reset->home.ipv4,
                                            PROBE_TIMEOUT, reset_on_probe, reset, &reset->probe);
                        if (r < 0)
                                reset_stay(reset, "%u could not be tried: %s", port, strerrordesc_np(-r));
                        return;
                }

                port_fact_describe(fact, text, sizeof(text));
                reset_stay(reset, "%s", text);
                return;
        }

        reset_move(reset);
}

static void reset_on_probe(const ChildResult *result, void *userdata) {
        Reset *reset = userdata;
        char detail[BINDPROBE_DETAIL_SIZE];
        BindAnswer answer = bindprobe_read(result, detail);
        int r;

        r = ports_answer(&reset->ports, reset->home.ports[reset->n_asked], answer, detail);
        reset->probe = child_free(reset->probe);
        if (r < 0)
                reset_stay(reset, "%s", strerrordesc_np(-r));
        else
                reset_ask_next(reset);
}

static void reset_on_home(void *userdata) {
        Reset *reset = userdata;
        HomeFacts view = home_finder_facts(reset->home_finder, units_managed(reset->units), &reset->placement);

        reset->home = view.home;
        if (view.verdict != SSHD_VERDICT_VALID)
                reset_stay(reset, "sshd does not accept its configuration%s%s", view.detail ? ": " : "",
                           strempty(view.detail));
        else if (reset->home.n_ports == 0)
                reset_stay(reset, "where its own configuration has it is not known");
        else
                reset_ask_next(reset);
}

static void reset_on_units(void *userdata) {
        Reset *reset = userdata;
        ManagedUnits managed = units_managed(reset->units);
        ServicePhase phase = managed_phase(managed);
        int r;

        if (reset->asking || phase == SERVICE_UNKNOWN)
                return;

        reset->asking = true;
        units_hold(reset->units, true);
        r = store_read_bare_units(managed, &reset->names);
        reset->running = phase == SERVICE_RUNNING;
        if (r < 0)
                reset_stay(reset, "our drop-in can't be read: %s", strerrordesc_np(-r));
        else if (!reset->running)
                (void) sd_event_exit(reset->event, 0);
        else if (!home_finder_refresh(reset->home_finder, managed.service, &reset->placement))
                reset_on_home(reset);
}

static int reset_run(Reset *reset, const Log *log, const char *unit) {
        int r;

        r = sd_event_new(&reset->event);
        if (r >= 0)
                r = sd_event_add_time_relative(reset->event, NULL, CLOCK_MONOTONIC, TIMEOUT, 0, reset_on_deadline,
                                               reset);
        if (r >= 0)
                r = bus_open_private(reset->event, &reset->bus);
        if (r >= 0)
                r = sockets_new(&reset->sockets);
        if (r >= 0)
                r = home_finder_new(reset->event, log, reset_on_home, reset, &reset->home_finder);
        if (r >= 0)
                r = units_new(unit, reset_on_units, reset, &reset->units);
        if (r >= 0)
                r = units_attach(reset->units, reset->bus);
        return r < 0 ? r : sd_event_loop(reset->event);
}

/* ── what is left ── */

/* A socket unit that is to stay where it is does so by a drop-in, however it came to be there. */
static int reset_hold_socket(Reset *reset) {
        Placement held = { .port = reset->placement.port, .mechanism = MECHANISM_SOCKET };
        char streams[UNIT_STREAMS_SIZE] = "";
        BareUnits *names = &reset->names;
        uint16_t home = reset->home.n_ports > 0 ? reset->home.ports[0] : SSHD_DEFAULT_PORT;
        int r;

        if (reset->placement.mechanism != MECHANISM_CONFIG)
                return 0; /* it is there */

        /* A generator has put our port into the place of its own. */
        WORDS_FOREACH (stream, names->streams) {
                char home_finder[ENDPOINT_SIZE];
                const char *back = stream;
                Endpoint endpoint;

                r = endpoint_parse(stream, &endpoint);
                if (r >= 0 && endpoint.port == held.port) {
                        endpoint.port = home;
                        back = endpoint_print(&endpoint, home_finder);
                } else if (r >= 0 && held.n_beside < SSHD_PORTS_MAX)
                        held.beside[held.n_beside++] = endpoint.port;
                if (!words_append(streams, sizeof(streams), back))
                        return -E2BIG;
        }
        memcpy(names->streams, streams, sizeof(streams));
        r = store_write_placement(&held, home, names);
        return r < 0 ? r : 0;
}

static int reset_enable_socket(sd_bus *bus, const DisabledSocket *disabled) {
        int r;

        r = systemd_call(bus, JOB_ENABLE, disabled->socket);
        if (r >= 0 && !disabled->service_was_enabled)
                r = systemd_call(bus, JOB_DISABLE, disabled->service);
        return r;
}

/* Without waiting: the service's stop goes first, as systemd orders jobs. */
static void reset_restart_sockets(sd_bus *bus) {
        for (size_t i = 0; i < UNIT_PAIRS; i++)
                if (systemd_is(bus, unit_pairs[i].socket, "active")) {
                        (void) systemd_call(bus, JOB_STOP, unit_pairs[i].service);
                        (void) systemd_call(bus, JOB_RESTART, unit_pairs[i].socket);
                }
}

static void reset_describe(const Reset *reset, char ret[static RESET_TEXT_SIZE]) {
        const BareUnits *names = &reset->names;

        /* Units have names of at most 255 characters (systemd's UNIT_NAME_MAX). */
        if (names->socket[0])
                snprintf(ret, RESET_TEXT_SIZE,
                         "%s stays on port %u until the next boot: %s. To have it on its own configuration before: rm "
                         STORE_DROP_INS "/%s.d/" UNIT_DROP_IN " && systemctl daemon-reload && systemctl stop %s && "
                         "systemctl restart %s",
                         names->socket, reset->placement.port, reset->why, names->socket, names->service, names->socket);
        else
                snprintf(ret, RESET_TEXT_SIZE,
                         "%s stays on port %u until it is started again: %s. To have it on its own configuration: "
                         "systemctl restart %s",
                         names->service, reset->placement.port, reset->why, names->service);
}

static bool daemon_runs(sd_bus *bus) {
        static const char *const states[] = { "activating", "active", "reloading" };

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (systemd_is(bus, DAEMON, states[i]))
                        return true;
        return false;
}

int reset_all(const Log *log, const char *unit, char ret_text[static RESET_TEXT_SIZE]) {
        _cleanup_(reset_done) Reset reset = { 0 };
        _cleanup_(bus_closep) sd_bus *bus = NULL;
        DisabledSocket disabled = { 0 };
        bool at_boot, unread, holds;
        int r, first = 0;

        /* One that can't be read is taken away all the same. */
        (void) store_read_placement(&reset.placement);
        (void) store_read_disabled_socket(&disabled);

        r = bus_open_private(NULL, &bus);
        if (r == -ENOENT || r == -ECONNREFUSED) { /* no systemd, as in an image that is being built */
                r = store_reset(NULL);
                return r < 0 ? r : 0;
        }
        if (r < 0) {
                (void) store_reset(NULL);
                return r;
        }
        if (daemon_runs(bus))
                return -EBUSY;

        at_boot = systemd_is(bus, AT_BOOT, "activating");
        if (reset.placement.port != 0 && !at_boot) {
                r = reset_run(&reset, log, unit);
                reset.move = move_free(reset.move); /* it may have files to put back, which go below */
                if (r < 0 || !reset.asking) { /* systemd is not to be asked for anything */
                        (void) store_reset(NULL);
                        return r < 0 ? r : -ETIMEDOUT;
                }
        }

        holds = reset.why[0] && reset.names.socket[0];
        r = holds ? reset_hold_socket(&reset) : store_write_placement(&(const Placement){ 0 }, 0, &reset.names);
        note_error(&first, r);
        unread = r > 0;
        r = store_reset(holds ? reset.names.socket : NULL);
        note_error(&first, r);
        unread = unread || r > 0 || (reset.placement.port != 0 && (!reset.running || reset.why[0]));

        if (disabled.socket[0])
                note_error(&first, reset_enable_socket(bus, &disabled));
        if (unread || disabled.socket[0])
                note_error(&first, systemd_call(bus, JOB_DAEMON_RELOAD, NULL));
        if (disabled.unfinished && !systemd_is(bus, disabled.service, "active"))
                note_error(&first, systemd_call(bus, JOB_START, disabled.socket));
        if (unread && !reset.running)
                reset_restart_sockets(bus);

        if (reset.why[0])
                reset_describe(&reset, ret_text);
        return first < 0 ? first : reset.why[0] != '\0';
}
