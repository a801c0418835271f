/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/unit.h"

static int read_string(sd_bus_message *m, char *field, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read(m, "v", "s", &text);
        if (r < 0)
                return r;
        return (size_t) snprintf(field, size, "%s", text) < size ? 0 : -E2BIG;
}

static int read_int32(sd_bus_message *m, char *field, size_t size) {
        (void) size;
        return sd_bus_message_read(m, "v", "i", (int32_t *) field);
}

static int read_uint32(sd_bus_message *m, char *field, size_t size) {
        (void) size;
        return sd_bus_message_read(m, "v", "u", (uint32_t *) field);
}

static int read_bool(sd_bus_message *m, char *field, size_t size) {
        int value, r;

        (void) size;
        r = sd_bus_message_read(m, "v", "b", &value);
        if (r >= 0)
                *(bool *) field = value;
        return r;
}

/* Reads the job's number. */
static int read_job(sd_bus_message *m, char *field, size_t size) {
        (void) size;
        return sd_bus_message_read(m, "v", "(uo)", (uint32_t *) field, NULL);
}

static int enter_array(sd_bus_message *m, const char *type) {
        int r = sd_bus_message_enter_container(m, 'v', type);

        return r < 0 ? r : sd_bus_message_enter_container(m, 'a', type + 1);
}

/* Reads a list of paths: true if UNIT_DROP_IN is among them. */
static int read_drop_ins(sd_bus_message *m, char *field, size_t size) {
        const char *path, *slash;
        int r;

        (void) size;
        r = enter_array(m, "as");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &path)) > 0) {
                slash = strrchr(path, '/');
                *(bool *) field |= slash && streq(slash + 1, UNIT_DROP_IN);
        }
        return r;
}

/* Leaves the field alone if the service has several commands, or one that is longer than anybody writes. */
static int read_command(sd_bus_message *m, char *field, size_t size) {
        SshdCommand command = { 0 };
        const char *text;
        unsigned n = 0;
        int r;

        (void) size;
        r = enter_array(m, "a(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                bool fits, first = true;

                r = sd_bus_message_read(m, "s", &text);
                if (r < 0)
                        return r;
                fits = (size_t) snprintf(command.program, sizeof(command.program), "%s", text) <
                       sizeof(command.program);

                r = sd_bus_message_enter_container(m, 'a', "s");
                while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
                        fits = fits &&
                               (first || words_append(command.arguments, sizeof(command.arguments), text));
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
                *(SshdCommand *) field = command;
        return r;
}

/* Leaves out a word that doesn't fit: sshd's listeners show what the word would have told about the
 * ports. */
static int read_each(sd_bus_message *m, const char *array, const char *item, char *field, size_t size) {
        const char *text;
        int r;

        r = enter_array(m, array);
        while (r >= 0 && (r = sd_bus_message_read(m, item, &text, NULL)) > 0)
                (void) words_append(field, size, text);
        return r;
}

static int read_words(sd_bus_message *m, char *field, size_t size) {
        return read_each(m, "as", "s", field, size);
}

/* Likewise, with the paths as the words. */
static int read_files(sd_bus_message *m, char *field, size_t size) {
        return read_each(m, "a(sb)", "(sb)", field, size);
}

int unit_read_streams(sd_bus_message *m, char *ret, size_t size) {
        const char *type, *address;
        int r;

        ret[0] = ret[1] = '\0';
        r = enter_array(m, "a(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &type, &address)) > 0)
                if (streq(type, "Stream") && !words_append(ret, size, address))
                        return -E2BIG;
        return r;
}

#define NAME PROPERTY_OF_NAME, SYSTEMD1 ".Unit"
#define UNIT PROPERTY_OF_UNIT, SYSTEMD1 ".Unit"
#define SERVICE PROPERTY_OF_SERVICE, SYSTEMD1 ".Service"
#define SOCKET PROPERTY_OF_SOCKET, SYSTEMD1 ".Socket"
#define FIELD(field) offsetof(UnitState, field), sizeof(((UnitState *) NULL)->field)

const UnitProperty unit_properties[UNIT_PROPERTIES] = {
        { NAME, "Id", read_string, FIELD(id) },
        { NAME, "LoadState", read_string, FIELD(load_state) },
        { NAME, "ActiveState", read_string, FIELD(active_state) },
        { UNIT, "SubState", read_string, FIELD(sub_state) },
        { UNIT, "UnitFileState", read_string, FIELD(unit_file_state) },
        { UNIT, "Job", read_job, FIELD(job) },
        { UNIT, "DropInPaths", read_drop_ins, FIELD(overridden) },
        { SERVICE, "Result", read_string, FIELD(result) },
        { SERVICE, "MainPID", read_uint32, FIELD(main_pid) },
        { SERVICE, "ExecMainCode", read_int32, FIELD(main_code) },
        { SERVICE, "ExecMainStatus", read_int32, FIELD(main_status) },
        { SERVICE, "ExecStart", read_command, FIELD(command) },
        { SERVICE, "Environment", read_words, FIELD(environment) },
        { SERVICE, "EnvironmentFiles", read_files, FIELD(environment_files) },
        { SOCKET, "Result", read_string, FIELD(result) },
        { SOCKET, "Accept", read_bool, FIELD(accept) },
        { SOCKET, "Listen", unit_read_streams, FIELD(streams) },
};

int unit_read_property(sd_bus_message *m, const UnitProperty *property, UnitState *state) {
        return property->read(m, (char *) state + property->offset, property->size);
}
