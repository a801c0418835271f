/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/units.h"

#include <glob.h>

#include "base/timer.h"
#include "core/delay.h"

#define UNITS_MAX (2 * UNIT_PAIRS)

typedef struct Unit Unit;

typedef struct Question {
        Unit *unit;
        sd_bus_slot *slot;
} Question;

struct Unit {
        Units *units;
        char *path; /* of the unit's object on the bus */
        bool is_socket;
        bool only_a_name; /* no unit has it, or a unit before this one: only PROPERTY_OF_NAME is read */
        UnitState state, incoming;
        sd_bus_slot *match_slot;
        Question questions[UNIT_PROPERTIES]; /* each about the property at its place in unit_properties */
};

/* The state of the reading under way, or of the last one. */
typedef enum Reading {
        READING_GOOD,
        READING_FAILED,   /* an answer is missing, or can't be read */
        READING_OUTDATED, /* a signal came in its middle: everything is read once more */
} Reading;

struct Units {
        sd_bus *bus;
        Unit all[UNITS_MAX];
        size_t n_all;
        unsigned n_open; /* questions without an answer */
        Reading reading;
        bool known;   /* all of .state is one complete reading */
        bool awaited; /* the handler is to be called after the reading, whatever it finds */
        bool held;
        sd_bus_slot *reloading_slot;
        sd_event_source *again_source;
        Delay again; /* until a failed reading is made once more */
        ChangeHandler handler;
        void *userdata;
};

size_t unit_pairs(const char *unit, UnitPair ret[static UNIT_PAIRS]) {
        static const char *const usual[UNIT_PAIRS] = { "ssh.service", "sshd.service" };
        size_t n = streq(unit, "auto") ? UNIT_PAIRS : 1;

        for (size_t i = 0; i < n; i++) {
                const char *service = n > 1 ? usual[i] : unit;
                int length = (int) (strlen(service) - strlen(".service"));

                snprintf(ret[i].service, sizeof(ret[i].service), "%s", service);
                snprintf(ret[i].socket, sizeof(ret[i].socket), "%.*s.socket", length, service);
        }
        return n;
}

static int units_add(Units *units, const char *name, bool is_socket) {
        Unit *unit = &units->all[units->n_all];

        /* The second pair is taken for mere names until it turns out to be units. */
        *unit = (Unit){ .units = units, .is_socket = is_socket, .only_a_name = units->n_all >= 2 };
        units->n_all++;
        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", name, &unit->path);
}

int units_new(const char *unit, ChangeHandler handler, void *userdata, Units **ret) {
        _cleanup_(units_freep) Units *units = malloc(sizeof(*units));
        UnitPair pairs[UNIT_PAIRS];
        size_t n = unit_pairs(unit, pairs);
        int r = 0;

        if (!units)
                return -ENOMEM;
        *units = (Units){
                .again = { .name = "units-again", .first = 100 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC },
                .handler = handler,
                .userdata = userdata,
        };

        for (size_t i = 0; i < n && r >= 0; i++) {
                r = units_add(units, pairs[i].service, false);
                if (r >= 0)
                        r = units_add(units, pairs[i].socket, true);
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(units);
        return 0;
}

static void units_forget_questions(Units *units) {
        for (size_t i = 0; i < units->n_all; i++)
                for (size_t k = 0; k < UNIT_PROPERTIES; k++)
                        units->all[i].questions[k].slot = sd_bus_slot_unref(units->all[i].questions[k].slot);
        units->n_open = 0;
}

static void units_detach(Units *units) {
        units_forget_questions(units);
        for (size_t i = 0; i < units->n_all; i++)
                units->all[i].match_slot = sd_bus_slot_unref(units->all[i].match_slot);
        units->reloading_slot = sd_bus_slot_unref(units->reloading_slot);
        units->again_source = sd_event_source_disable_unref(units->again_source);
        units->bus = sd_bus_unref(units->bus);
        units->known = false;
}

void units_free(Units *units) {
        if (!units)
                return;

        units_detach(units);
        for (size_t i = 0; i < units->n_all; i++)
                free(units->all[i].path);
        free(units);
}

static int units_refresh(Units *units);

static int units_on_again(sd_event_source *, uint64_t, void *userdata) {
        (void) units_refresh(userdata);
        return 0;
}

/* No signal would cause a new reading. */
static void units_read_later(Units *units) {
        timer_arm_or_end(sd_bus_get_event(units->bus), &units->again_source, delay_next(&units->again), 0,
                         units->again.name, units_on_again, units);
}

/* The unit of which @unit is another name by this reading, as Debian's sshd.service is one of ssh.service;
 * or NULL. */
static const Unit *units_first_name(const Units *units, const Unit *unit) {
        for (const Unit *other = units->all; other < unit; other++)
                if (streq(other->incoming.id, unit->incoming.id))
                        return other;
        return NULL;
}

/* Sets .only_a_name of each unit. Returns true if a mere name turns out to be a unit, of which more has to
 * be read. */
static bool units_asked_too_little(Units *units) {
        bool too_little = false;

        for (size_t i = 0; i < units->n_all; i++) {
                Unit *unit = &units->all[i];
                const Unit *first = units_first_name(units, unit);
                const UnitState *incoming = &unit->incoming;
                bool only_a_name;

                if (first)
                        memcpy(&unit->incoming, &first->incoming, sizeof(unit->incoming));
                only_a_name = first || (streq(incoming->load_state, "not-found") &&
                                        streq(incoming->active_state, "inactive") && incoming->job == 0);
                too_little = too_little || (unit->only_a_name && !only_a_name);
                unit->only_a_name = only_a_name;
        }
        return too_little;
}

/* systemd goes on calling a unit failed that its owner disables. Returns true if systemd was asked to call it inactive,
 * which a later run of the daemon sees too. A mere stop can't be told from a start that systemd refuses. */
static bool unit_is_given_up(const Unit *unit) {
        const UnitState *before = &unit->state, *now = &unit->incoming;

        return streq(before->active_state, "failed") && streq(now->active_state, "failed") &&
               before->past.began == now->past.began && now->job == 0 &&
               streq(before->unit_file_state, "enabled") && streq(now->unit_file_state, "disabled") &&
               sd_bus_call_method_async(unit->units->bus, NULL, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                        "ResetFailedUnit", NULL, NULL, "s", now->id) >= 0;
}

static void units_finish(Units *units) {
        bool changed = !units->known || units->awaited, given_up = false;

        if (units->reading == READING_OUTDATED ||
            (units->reading == READING_GOOD && units_asked_too_little(units))) {
                (void) units_refresh(units);
                return;
        }
        units->awaited = false;
        if (units->reading == READING_FAILED) {
                units->known = false;
                units_read_later(units);
                units->handler(units->userdata);
                return;
        }
        delay_reset(&units->again);

        for (size_t i = 0; i < units->n_all; i++) {
                Unit *unit = &units->all[i];

                given_up = unit_is_given_up(unit) || given_up;
                /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the padding is 0 */
                changed = changed || memcmp(&unit->state, &unit->incoming, sizeof(unit->state)) != 0;
                memcpy(&unit->state, &unit->incoming, sizeof(unit->state));
        }
        units->known = true;
        if (given_up)
                units->awaited = units_refresh(units) >= 0;
        else if (changed)
                units->handler(units->userdata);
}

static int units_on_answer(sd_bus_message *m, void *userdata, sd_bus_error *) {
        Question *question = userdata;
        Units *units = question->unit->units;

        question->slot = sd_bus_slot_unref(question->slot);
        if ((sd_bus_message_is_method_error(m, NULL) ||
             unit_read_property(m, &unit_properties[question - question->unit->questions],
                                &question->unit->incoming) < 0) &&
            units->reading == READING_GOOD)
                units->reading = READING_FAILED;

        if (--units->n_open == 0)
                units_finish(units);
        return 0;
}

/* Asks for no more than is needed: most machines have one pair of units only, and each property takes two
 * messages, or four by way of the bus daemon. GetAll would be one, but costs systemd three times as much as
 * all that are of interest here. */
static int unit_ask(Unit *unit) {
        UnitPropertyOf asked = PROPERTY_OF_NAME;
        int r = 0;

        if (!unit->only_a_name)
                asked |= PROPERTY_OF_UNIT | (unit->is_socket ? PROPERTY_OF_SOCKET : PROPERTY_OF_SERVICE);
        if ((asked & PROPERTY_OF_SERVICE) && access("/etc/ssh/ssh_host_ed25519_key", F_OK) < 0)
                asked |= PROPERTY_OF_KEYLESS;
        if (unit->only_a_name)
                memcpy(&unit->incoming, &unit->state, sizeof(unit->incoming));
        else
                memset(&unit->incoming, 0, sizeof(unit->incoming));

        for (size_t i = 0; i < UNIT_PROPERTIES && r >= 0; i++) {
                Question *question = &unit->questions[i];

                if (!(unit_properties[i].of & asked))
                        continue;
                question->unit = unit;
                r = sd_bus_call_method_async(unit->units->bus, &question->slot, SYSTEMD1, unit->path,
                                             "org.freedesktop.DBus.Properties", "Get", units_on_answer,
                                             question, "ss", unit_properties[i].interface,
                                             unit_properties[i].name);
                if (r >= 0)
                        unit->units->n_open++;
        }
        return r;
}

static int units_refresh(Units *units) {
        int r = 0;

        if (!units->bus)
                return -ENOTCONN;

        /* There is one reading at a time. The next one reads what changes in its middle. */
        if (units->n_open > 0) {
                units->reading = READING_OUTDATED;
                return 0;
        }
        units->reading = READING_GOOD;
        units->again_source = sd_event_source_disable_unref(units->again_source);

        for (size_t i = 0; i < units->n_all && r >= 0; i++)
                r = unit_ask(&units->all[i]);
        if (r < 0) {
                units_forget_questions(units);
                units_read_later(units);
        }

        return 0;
}

void units_hold(Units *units, bool hold) {
        units->held = hold;
        if (!hold)
                (void) units_refresh(units);
}

bool units_is_reading(Units *units) {
        units->awaited = units->n_open > 0;
        return units->awaited;
}

static int units_on_signal(sd_bus_message *, void *userdata, sd_bus_error *) {
        Units *units = userdata;

        if (!units->held)
                (void) units_refresh(units);
        return 0;
}

int units_attach(Units *units, sd_bus *bus) {
        int r = 0;

        units_detach(units);
        if (!bus)
                return 0;

        units->bus = sd_bus_ref(bus);

        for (size_t i = 0; i < units->n_all && r >= 0; i++)
                r = sd_bus_match_signal_async(bus, &units->all[i].match_slot, SYSTEMD1, units->all[i].path,
                                              "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                              units_on_signal, NULL, units);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &units->reloading_slot, SYSTEMD1, SYSTEMD1_PATH,
                                              SYSTEMD1_MANAGER, "Reloading", units_on_signal, NULL, units);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, NULL, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                             "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = units_refresh(units);
        if (r < 0)
                units_detach(units);

        return r;
}

const UnitState *units_service(const Units *units) {
        const UnitState *unusable = NULL; /* a masked one, or one that systemd can't read */

        for (size_t i = 0; units->known && i < units->n_all; i++) {
                const UnitState *state = &units->all[i].state;

                if (units->all[i].is_socket || streq(state->load_state, "not-found"))
                        continue;
                if (streq(state->load_state, "loaded"))
                        return state;
                unusable = unusable ?: state;
        }
        return unusable || !units->known ? unusable : &units->all[0].state; /* a service comes first */
}

const UnitState *units_socket(const Units *units) {
        const UnitState *service = units_service(units);
        bool service_is_down = service && service->job == 0 &&
                               (streq(service->active_state, "inactive") ||
                                streq(service->active_state, "failed"));

        for (size_t i = 0; units->known && i < units->n_all; i++) {
                const UnitState *state = &units->all[i].state;
                bool inactive = streq(state->active_state, "inactive"),
                     failed = streq(state->active_state, "failed");

                if (units->all[i].is_socket && streq(state->load_state, "loaded") &&
                    (!inactive || state->job != 0) && (!failed || service_is_down))
                        return state;
        }

        return NULL;
}

bool units_socket_is_enabled(const Units *units) {
        for (size_t i = 0; units->known && i < units->n_all; i++)
                if (units->all[i].is_socket && streq(units->all[i].state.unit_file_state, "enabled"))
                        return true;
        return false;
}

ManagedUnits units_managed(const Units *units) {
        return (ManagedUnits){ .service = units_service(units), .socket = units_socket(units) };
}

bool units_have_generator(void) {
        static const char pattern[] =
                        "/{etc,run,usr/local/lib,usr/lib}/systemd/system-generators/sshd-socket-generator";
        glob_t paths = { 0 };
        bool found = glob(pattern, GLOB_BRACE, NULL, &paths) == 0;

        globfree(&paths);
        return found;
}
