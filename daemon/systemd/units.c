/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/units.h"

#include <sys/wait.h>

#define UNITS_MAX (2 * UNIT_PAIRS)

/* When a reading that failed is made again: later each time, for it may be systemd's answers that can't be read. */
#define AGAIN_FIRST (100 * USEC_PER_MSEC)
#define AGAIN_MAX (60 * USEC_PER_SEC)

const UnitPair unit_pairs[UNIT_PAIRS] = {
        { "ssh.service", "ssh.socket" },
        { "sshd.service", "sshd.socket" },
};

typedef enum PropertyType {
        PROPERTY_STRING,
        PROPERTY_INT32,
        PROPERTY_UINT32,
        PROPERTY_BOOL,
        PROPERTY_JOB,               /* (uo): the number, 0 for none */
        PROPERTY_DROP_INS,          /* as: whether ours is among them */
        PROPERTY_COMMAND,           /* a(sasbttttuii) */
        PROPERTY_ENVIRONMENT,       /* as */
        PROPERTY_ENVIRONMENT_FILES, /* a(sb) */
        PROPERTY_STREAMS,           /* a(ss) */
} PropertyType;

typedef struct Property {
        const char *interface;
        const char *name;
        PropertyType type;
        size_t offset, size;
} Property;

#define FIELD(field) offsetof(UnitState, field), sizeof(((UnitState *) NULL)->field)

/* These tell whether there is more to read of a unit. */
static const Property name_properties[] = {
        { SYSTEMD1 ".Unit", "Id", PROPERTY_STRING, FIELD(id) },
        { SYSTEMD1 ".Unit", "LoadState", PROPERTY_STRING, FIELD(load_state) },
        { SYSTEMD1 ".Unit", "ActiveState", PROPERTY_STRING, FIELD(active_state) },
};

static const Property unit_properties[] = {
        { SYSTEMD1 ".Unit", "SubState", PROPERTY_STRING, FIELD(sub_state) },
        { SYSTEMD1 ".Unit", "UnitFileState", PROPERTY_STRING, FIELD(unit_file_state) },
        { SYSTEMD1 ".Unit", "Job", PROPERTY_JOB, FIELD(job) },
        { SYSTEMD1 ".Unit", "DropInPaths", PROPERTY_DROP_INS, FIELD(overridden) },
};

static const Property service_properties[] = {
        { SYSTEMD1 ".Service", "Result", PROPERTY_STRING, FIELD(result) },
        { SYSTEMD1 ".Service", "MainPID", PROPERTY_UINT32, FIELD(main_pid) },
        { SYSTEMD1 ".Service", "ExecMainCode", PROPERTY_INT32, FIELD(main_code) },
        { SYSTEMD1 ".Service", "ExecMainStatus", PROPERTY_INT32, FIELD(main_status) },
        { SYSTEMD1 ".Service", "ControlGroup", PROPERTY_STRING, FIELD(control_group) },
        { SYSTEMD1 ".Service", "ExecStart", PROPERTY_COMMAND, FIELD(command) },
        { SYSTEMD1 ".Service", "Environment", PROPERTY_ENVIRONMENT, FIELD(environment) },
        { SYSTEMD1 ".Service", "EnvironmentFiles", PROPERTY_ENVIRONMENT_FILES, FIELD(environment_files) },
};

static const Property socket_properties[] = {
        { SYSTEMD1 ".Socket", "Result", PROPERTY_STRING, FIELD(result) },
        { SYSTEMD1 ".Socket", "Accept", PROPERTY_BOOL, FIELD(accept) },
        { SYSTEMD1 ".Socket", "Listen", PROPERTY_STREAMS, FIELD(streams) },
};

#define PROPERTIES_MAX (ELEMENTSOF(name_properties) + ELEMENTSOF(unit_properties) + ELEMENTSOF(service_properties))

typedef struct Unit Unit;

typedef struct Question {
        Unit *unit;
        const Property *property;
        sd_bus_slot *slot;
} Question;

struct Unit {
        Units *units;
        char name[256];
        char *path;
        bool is_socket;
        bool only_a_name; /* not there, or another name of one before it; no more than that is asked again */
        UnitState state, incoming;
        sd_bus_slot *match_slot;
        Question questions[PROPERTIES_MAX];
};

struct Units {
        sd_bus *bus;
        Unit all[UNITS_MAX];
        size_t n_all;
        unsigned n_open; /* questions without an answer */
        bool known;      /* all of .state is one complete reading */
        bool again;      /* a signal came in the middle of a reading */
        bool held;
        bool awaited;    /* the handler is to be called after it, whatever it finds */
        bool reading_failed;
        sd_bus_slot *reloading_slot;
        sd_event_source *again_source;
        usec_t again_delay;
        UnitsHandler handler;
        void *userdata;
};

static int units_add(Units *units, const char *name, bool is_socket) {
        Unit *unit = &units->all[units->n_all];

        /* Of more pairs than one, the others are taken for names until they turn out to be more. */
        *unit = (Unit){ .units = units, .is_socket = is_socket, .only_a_name = units->n_all >= 2 };
        if ((size_t) snprintf(unit->name, sizeof(unit->name), "%s", name) >= sizeof(unit->name))
                return -ENAMETOOLONG;
        units->n_all++;

        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", name, &unit->path);
}

/* A service, and the socket unit of its name, which starts it. */
static int units_add_pair(Units *units, const char *service) {
        char socket[256];
        int r;

        if ((size_t) snprintf(socket, sizeof(socket), "%.*s.socket", (int) (strlen(service) - strlen(".service")),
                              service) >= sizeof(socket))
                return -ENAMETOOLONG;

        r = units_add(units, service, false);
        return r < 0 ? r : units_add(units, socket, true);
}

int units_new(const char *unit, UnitsHandler handler, void *userdata, Units **ret) {
        _cleanup_(units_freep) Units *units = NULL;
        int r = 0;

        units = malloc(sizeof(*units));
        if (!units)
                return -ENOMEM;
        *units = (Units){ .handler = handler, .userdata = userdata };

        if (streq(unit, "auto"))
                for (size_t i = 0; i < UNIT_PAIRS && r >= 0; i++)
                        r = units_add_pair(units, unit_pairs[i].service);
        else
                r = units_add_pair(units, unit);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(units);
        return 0;
}

static void units_forget_questions(Units *units) {
        for (size_t i = 0; i < units->n_all; i++)
                for (size_t k = 0; k < PROPERTIES_MAX; k++)
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

Units *units_free(Units *units) {
        if (!units)
                return NULL;

        units_detach(units);
        for (size_t i = 0; i < units->n_all; i++)
                free(units->all[i].path);
        free(units);
        return NULL;
}

static int read_drop_ins(sd_bus_message *m, bool *ret) {
        const char *path, *slash;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &path)) > 0) {
                slash = strrchr(path, '/');
                *ret = *ret || (slash && streq(slash + 1, UNIT_DROP_IN));
        }
        return r;
}

/* One that is not the only one, or longer than anybody writes it, is as good as unknown. */
static int read_command(sd_bus_message *m, SshdCommand *ret) {
        SshdCommand command = { 0 };
        const char *text;
        unsigned n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "a(sasbttttuii)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                bool fits, first = true;

                r = sd_bus_message_read(m, "s", &text);
                if (r < 0)
                        return r;
                fits = (size_t) snprintf(command.program, sizeof(command.program), "%s", text) <
                       sizeof(command.program);

                r = sd_bus_message_enter_container(m, 'a', "s");
                while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
                        fits = fits && (first || words_append(command.arguments, sizeof(command.arguments), text));
                        first = false;
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "bttttuii");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                n += fits ? 1 : 2;
        }

        if (r >= 0 && n == 1)
                *ret = command;
        return r;
}

/* What doesn't fit is left out: what it would have said of sshd's ports is seen by them. */
static int read_words(sd_bus_message *m, const char *type, char *ret, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', type + 1);
        while (r >= 0 && (r = streq(type, "as") ? sd_bus_message_read(m, "s", &text)
                                                : sd_bus_message_read(m, "(sb)", &text, NULL)) > 0)
                (void) words_append(ret, size, text);
        return r;
}

int unit_read_streams(sd_bus_message *m, char *ret, size_t size) {
        const char *type, *address;
        int r;

        ret[0] = ret[1] = '\0';
        r = sd_bus_message_enter_container(m, 'v', "a(ss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &type, &address)) > 0)
                if (streq(type, "Stream") && !words_append(ret, size, address))
                        return -E2BIG;
        return r;
}

static int read_property(sd_bus_message *m, const Property *property, UnitState *state) {
        char *field = (char *) state + property->offset;
        const char *text;
        int r;

        switch (property->type) {
        case PROPERTY_STRING:
                r = sd_bus_message_read(m, "v", "s", &text);
                if (r < 0)
                        return r;
                return (size_t) snprintf(field, property->size, "%s", text) < property->size ? 0 : -E2BIG;
        case PROPERTY_INT32:
                return sd_bus_message_read(m, "v", "i", (int32_t *) field);
        case PROPERTY_UINT32:
                return sd_bus_message_read(m, "v", "u", (uint32_t *) field);
        case PROPERTY_BOOL: {
                int value;

                r = sd_bus_message_read(m, "v", "b", &value);
                if (r >= 0)
                        *(bool *) field = value;
                return r;
        }
        case PROPERTY_DROP_INS:
                return read_drop_ins(m, (bool *) field);
        case PROPERTY_COMMAND:
                return read_command(m, (SshdCommand *) field);
        case PROPERTY_ENVIRONMENT:
                return read_words(m, "as", field, property->size);
        case PROPERTY_ENVIRONMENT_FILES:
                return read_words(m, "a(sb)", field, property->size);
        case PROPERTY_STREAMS:
                return unit_read_streams(m, field, property->size);
        case PROPERTY_JOB:
                return sd_bus_message_read(m, "v", "(uo)", (uint32_t *) field, NULL);
        default:
                return -EINVAL;
        }
}

static const Property *find_property(const Property *properties, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(properties[i].name, name))
                        return &properties[i];
        return NULL;
}

int unit_read_property(sd_bus_message *m, bool is_socket, const char *name, UnitState *state) {
        const Property *property = find_property(name_properties, ELEMENTSOF(name_properties), name);

        if (!property)
                property = find_property(unit_properties, ELEMENTSOF(unit_properties), name);
        if (!property)
                property = is_socket ? find_property(socket_properties, ELEMENTSOF(socket_properties), name)
                                     : find_property(service_properties, ELEMENTSOF(service_properties), name);
        return property ? read_property(m, property, state) : -ENOENT;
}

static int units_on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        Units *units = userdata;

        (void) source, (void) usec;
        units->again_source = sd_event_source_disable_unref(units->again_source);
        return units_refresh(units);
}

/* No signal would have it read again. Without even a timer it's better to begin anew as a whole. */
static int units_read_later(Units *units) {
        sd_event *event = sd_bus_get_event(units->bus);
        int r;

        units->again_delay = units->again_delay == 0                   ? AGAIN_FIRST
                             : units->again_delay * 2 < AGAIN_MAX ? units->again_delay * 2
                                                                       : AGAIN_MAX;
        units->again_source = sd_event_source_disable_unref(units->again_source);
        r = sd_event_add_time_relative(event, &units->again_source, CLOCK_MONOTONIC, units->again_delay, 0,
                                       units_on_again, units);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(units->again_source, true);
        if (r < 0)
                return sd_event_exit(event, r);
        (void) sd_event_source_set_description(units->again_source, "units-again");
        return 0;
}

/* By this reading: the unit that @unit is another name of, as Debian's sshd.service is one of ssh.service; or NULL. */
static const Unit *units_first_name(const Units *units, const Unit *unit) {
        for (const Unit *other = units->all; other < unit; other++)
                if (streq(other->incoming.id, unit->incoming.id))
                        return other;
        return NULL;
}

/* Notes which are no more than names. Whether one had more to read than was asked. */
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

static void units_finish(Units *units) {
        bool changed = !units->known || units->awaited;

        if (units->again || (!units->reading_failed && units_asked_too_little(units))) {
                (void) units_refresh(units);
                return;
        }
        units->awaited = false;
        if (units->reading_failed) {
                units->known = false;
                (void) units_read_later(units);
                units->handler(units->userdata);
                return;
        }
        units->again_delay = 0;

        for (size_t i = 0; i < units->n_all; i++) {
                Unit *unit = &units->all[i];

                /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): what lies between the fields is 0 */
                changed = changed || memcmp(&unit->state, &unit->incoming, sizeof(unit->state)) != 0;
                memcpy(&unit->state, &unit->incoming, sizeof(unit->state));
        }
        units->known = true;
        if (changed)
                units->handler(units->userdata);
}

static int units_on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Question *question = userdata;
        Units *units = question->unit->units;

        (void) error;
        question->slot = sd_bus_slot_unref(question->slot);
        if (sd_bus_message_is_method_error(m, NULL) ||
            read_property(m, question->property, &question->unit->incoming) < 0)
                units->reading_failed = true;

        if (--units->n_open == 0)
                units_finish(units);
        return 0;
}

static int unit_ask_for(Unit *unit, Question **question, const Property *properties, size_t n) {
        int r = 0;

        for (const Property *property = properties; property < properties + n && r >= 0; property++, (*question)++) {
                (*question)->unit = unit;
                (*question)->property = property;
                r = sd_bus_call_method_async(unit->units->bus, &(*question)->slot, SYSTEMD1, unit->path,
                                             "org.freedesktop.DBus.Properties", "Get", units_on_answer, *question,
                                             "ss", property->interface, property->name);
                if (r >= 0)
                        unit->units->n_open++;
        }
        return r;
}

/* Most machines have one of the pairs only, and each property that is asked for is two messages, by way of the bus
 * daemon four. GetAll would be one, but costs systemd three times as much as all that are of interest here. */
static int unit_ask(Unit *unit) {
        Question *question = unit->questions;
        int r;

        if (unit->only_a_name)
                memcpy(&unit->incoming, &unit->state, sizeof(unit->incoming));
        else
                memset(&unit->incoming, 0, sizeof(unit->incoming));

        r = unit_ask_for(unit, &question, name_properties, ELEMENTSOF(name_properties));
        if (r < 0 || unit->only_a_name)
                return r;
        r = unit_ask_for(unit, &question, unit_properties, ELEMENTSOF(unit_properties));
        if (r < 0)
                return r;
        return unit->is_socket ? unit_ask_for(unit, &question, socket_properties, ELEMENTSOF(socket_properties))
                               : unit_ask_for(unit, &question, service_properties, ELEMENTSOF(service_properties));
}

int units_refresh(Units *units) {
        int r = 0;

        if (!units->bus)
                return -ENOTCONN;

        /* One reading at a time: what changes in its middle is read by the next. */
        if (units->n_open > 0) {
                units->again = true;
                return 0;
        }
        units->again = units->reading_failed = false;
        units->again_source = sd_event_source_disable_unref(units->again_source);

        for (size_t i = 0; i < units->n_all && r >= 0; i++)
                r = unit_ask(&units->all[i]);
        if (r < 0) {
                units_forget_questions(units);
                return units_read_later(units);
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

static int units_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Units *units = userdata;

        (void) m, (void) error;
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
        const UnitState *found = NULL;

        if (!units->known)
                return NULL;

        for (size_t i = 0; i < units->n_all; i++) {
                const UnitState *state = &units->all[i].state;

                if (units->all[i].is_socket)
                        continue;
                if (streq(state->load_state, "loaded"))
                        return state;
                if (!found)
                        found = state;
        }

        return found;
}

const UnitState *units_socket(const Units *units) {
        const UnitState *service = units_service(units);
        bool service_has_it = service && !streq(service->active_state, "inactive") &&
                              !streq(service->active_state, "failed");

        if (!units->known)
                return NULL;

        for (size_t i = 0; i < units->n_all; i++) {
                const UnitState *state = &units->all[i].state;

                if (!units->all[i].is_socket || !streq(state->load_state, "loaded"))
                        continue;
                if (streq(state->active_state, "inactive") ? state->job != 0
                    : streq(state->active_state, "failed") ? !service_has_it && service && service->job == 0
                                                           : true)
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

/* sshd ends with this where it can't bind any address (OpenSSH log.c, fatal() → cleanup_exit(255)). */
#define SSHD_FATAL_STATUS 255

/* A bind() that Windows never answers ends with systemd's patience; sshd waits for nothing else when it
 * starts. */
static bool failed_to_bind(const UnitState *s) {
        return (s->main_code == CLD_EXITED && s->main_status == SSHD_FATAL_STATUS) ||
               streq(s->result, "timeout");
}

ServicePhase unit_state_to_phase(const UnitState *s) {
        if (!s)
                return SERVICE_UNKNOWN;
        if (streq(s->load_state, "not-found"))
                return SERVICE_ABSENT;
        if (streq(s->load_state, "masked"))
                return SERVICE_INACTIVE;
        if (!streq(s->load_state, "loaded"))
                return SERVICE_FAILED;

        if (streq(s->active_state, "active") || streq(s->active_state, "reloading"))
                return SERVICE_RUNNING;
        if (streq(s->active_state, "activating"))
                /* Between two tries, as units with Restart= do it. */
                return startswith(s->sub_state, "auto-restart") && failed_to_bind(s) ? SERVICE_TO_START
                                                                                     : SERVICE_STARTING;
        if (streq(s->active_state, "deactivating"))
                return SERVICE_STOPPING;
        if (s->job != 0)
                return SERVICE_QUEUED;
        if (streq(s->active_state, "inactive"))
                return SERVICE_INACTIVE;
        if (streq(s->active_state, "failed"))
                return failed_to_bind(s) ? SERVICE_TO_START : SERVICE_FAILED;

        return SERVICE_UNKNOWN;
}

ServicePhase socket_state_to_phase(const UnitState *s) {
        if (!s)
                return SERVICE_UNKNOWN;

        if (streq(s->active_state, "active"))
                return SERVICE_RUNNING;
        if (streq(s->active_state, "activating"))
                return SERVICE_STARTING;
        if (streq(s->active_state, "deactivating"))
                return SERVICE_STOPPING;
        if (s->job != 0)
                return SERVICE_QUEUED;
        if (streq(s->active_state, "inactive"))
                return SERVICE_INACTIVE;
        if (streq(s->active_state, "failed"))
                return streq(s->result, "resources") ? SERVICE_TO_START : SERVICE_FAILED;

        return SERVICE_UNKNOWN;
}

Shape units_shape(ManagedUnits managed) {
        return (Shape){
                .by_socket = managed.socket,
                .accept = managed.socket && managed.socket->accept,
                .service_runs = managed.service && (streq(managed.service->active_state, "active") ||
                                                    streq(managed.service->active_state, "reloading")),
        };
}
