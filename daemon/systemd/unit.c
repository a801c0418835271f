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

#define DEFINE_READ_NUMBER(name, type)                                              \
        static int name(sd_bus_message *m, char *field, size_t) {                   \
                return sd_bus_message_read(m, "v", type, (uint32_t *) field, NULL); \
        }

DEFINE_READ_NUMBER(read_int32, "i")
DEFINE_READ_NUMBER(read_uint32, "u")
DEFINE_READ_NUMBER(read_usec, "t")
DEFINE_READ_NUMBER(read_job, "(uo)") /* the job's number */

static int read_bool(sd_bus_message *m, char *field, size_t) {
        int value, r;

        r = sd_bus_message_read(m, "v", "b", &value);
        if (r >= 0)
                *(bool *) field |= value;
        return r;
}

static int read_is_set(sd_bus_message *m, char *field, size_t) {
        const char *text;
        int r;

        r = sd_bus_message_read(m, "v", "s", &text);
        if (r >= 0)
                *(bool *) field |= !isempty(text);
        return r;
}

static int enter_array(sd_bus_message *m, const char *type) {
        int r = sd_bus_message_enter_container(m, 'v', type);

        return r < 0 ? r : sd_bus_message_enter_container(m, 'a', type + 1);
}

/* Reads a list of paths: true if UNIT_DROP_IN is among them. */
static int read_drop_ins(sd_bus_message *m, char *field, size_t) {
        const char *path, *slash;
        int r;

        r = enter_array(m, "as");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &path)) > 0) {
                slash = strrchr(path, '/');
                *(bool *) field |= slash && streq(slash + 1, UNIT_DROP_IN);
        }
        return r;
}

/* Reads the names of a command's prefixes. (systemd, exec_command_flags_to_string()) */
static int read_prefixes(sd_bus_message *m, SshdCommand *command) {
        static const char *const flags[] = { "no-env-expand", "ignore-failure", "privileged", "no-setuid",
                                             "ambient" };
        static const char *const prefixes[] = { ":", "-", "+", "!", "!!" };
        const char *flag;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &flag)) > 0) {
                int i = string_index(flag, flags, ELEMENTSOF(flags));

                if (strlen(command->prefix) + 2 < sizeof(command->prefix))
                        strcat(command->prefix, i < 0 ? "?" : prefixes[i]);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Leaves the field alone if the service has several commands, or one that is longer than anybody writes. */
static int read_command(sd_bus_message *m, char *field, size_t) {
        SshdCommand command = { 0 };
        const char *text;
        unsigned n = 0;
        int r;

        r = enter_array(m, "a(sasasttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasasttttuii")) > 0) {
                bool fits, first = true;

                r = sd_bus_message_read(m, "s", &text);
                if (r < 0)
                        return r;
                fits = (size_t) snprintf(command.program, sizeof(command.program), "%s", text) <
                       sizeof(command.program);

                r = sd_bus_message_enter_container(m, 'a', "s");
                for (; r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0; first = false)
                        if (!first)
                                fits = fits &&
                                       words_append(command.arguments, sizeof(command.arguments), text);
                        else if (!streq(text, command.program)) /* by the prefix @ */
                                strcpy(command.prefix, "?");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = read_prefixes(m, &command);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "ttttuii");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                n += fits ? 1 : 2;
        }

        if (r >= 0 && n == 1)
                *(SshdCommand *) field = command;
        return r;
}

/* Looks for the makers of host keys: Fedora's and EL's, Arch's, openSUSE's, and what people write. Debian's
 * sshd-keygen.service isn't one: it makes keys on a machine's very first boot only. */
static int read_key_makers(sd_bus_message *m, char *field, size_t) {
        static const char *const makers[] = { "sshd-keygen.target", "sshdgenkeys.service",
                                              "/usr/sbin/sshd-gen-keys-start", "/usr/bin/ssh-keygen" };
        const char *contents, *name;
        bool commands;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        commands = r > 0 && !streq(contents, "as");
        if (r >= 0)
                r = enter_array(m, commands ? "a(sasbttttuii)" : "as");
        while (r >= 0 && (!commands || (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) &&
               (r = sd_bus_message_read(m, "s", &name)) > 0) {
                *(bool *) field |= string_index(name, makers, ELEMENTSOF(makers)) >= 0;
                if (commands && (r = sd_bus_message_skip(m, "asbttttuii")) >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* Adds conditions in the form of unit files, as words. */
static int read_conditions(sd_bus_message *m, char *field, size_t size) {
        const char *kind, *parameter;
        int trigger, negate, r;
        char word[512];

        r = enter_array(m, "a(sbbsi)");
        while (r >= 0 &&
               (r = sd_bus_message_read(m, "(sbbsi)", &kind, &trigger, &negate, &parameter, NULL)) > 0)
                if ((size_t) snprintf(word, sizeof(word), "%s=%s%s%s", kind, trigger ? "|" : "",
                                      negate ? "!" : "", parameter) < sizeof(word))
                        (void) words_append(field, size, word);
        return r;
}

/* Reads a list, of each @item its first word. Leaves out a word that doesn't fit: sshd's listeners show what the
 * word would have told about the ports. */
#define DEFINE_READ_WORDS(name, item)                                                 \
        static int name(sd_bus_message *m, char *field, size_t size) {                \
                const char *text;                                                     \
                int r = enter_array(m, "a" item);                                     \
                                                                                      \
                while (r >= 0 && (r = sd_bus_message_read(m, item, &text, NULL)) > 0) \
                        (void) words_append(field, size, text);                       \
                return r;                                                             \
        }

DEFINE_READ_WORDS(read_words, "s")
DEFINE_READ_WORDS(read_files, "(sb)")
DEFINE_READ_WORDS(read_mounts, "(ss)")

/* Reads a list of families that are allowed, or of those that aren't. */
static int read_families(sd_bus_message *m, char *field, size_t) {
        bool *without = (bool *) field, named[2] = { false };
        const char *family;
        int r, allowed;

        r = sd_bus_message_enter_container(m, 'v', "(bas)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_read(m, "b", &allowed);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &family)) > 0) {
                named[0] = named[0] || streq(family, "AF_INET");
                named[1] = named[1] || streq(family, "AF_INET6");
        }
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                without[i] = named[i] != allowed;
        return 0;
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

bool unit_hides(const UnitState *state, const char *path) {
        WORDS_FOREACH (hidden, state->sandbox.hidden) {
                const char *rest = startswith(path, hidden + strspn(hidden, "-+")); /* systemd.exec(5) */

                if (rest && (*rest == '\0' || *rest == '/' || rest == path + 1))
                        return true;
        }
        return false;
}

#define NAME PROPERTY_OF_NAME, SYSTEMD1 ".Unit"
#define UNIT PROPERTY_OF_UNIT, SYSTEMD1 ".Unit"
#define SERVICE_UNIT PROPERTY_OF_SERVICE, SYSTEMD1 ".Unit"
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
        { UNIT, "Conditions", read_conditions, FIELD(conditions) },
        { UNIT, "Asserts", read_conditions, FIELD(conditions) },
        { UNIT, "InactiveExitTimestampMonotonic", read_usec, FIELD(past.began) },
        { SERVICE_UNIT, "ActiveExitTimestampMonotonic", read_usec, FIELD(past.ceased) },
        { SERVICE, "Result", read_string, FIELD(result) },
        { SERVICE, "MainPID", read_uint32, FIELD(main_pid) },
        { SERVICE, "ExecMainCode", read_int32, FIELD(past.code) },
        { SERVICE, "ExecMainStatus", read_int32, FIELD(past.status) },
        { SERVICE, "ExecStartEx", read_command, FIELD(command) },
        { PROPERTY_OF_KEYLESS, SYSTEMD1 ".Unit", "After", read_key_makers, FIELD(makes_keys) },
        { PROPERTY_OF_KEYLESS, SYSTEMD1 ".Service", "ExecStartPre", read_key_makers, FIELD(makes_keys) },
        { SERVICE, "Environment", read_words, FIELD(environment) },
        { SERVICE, "EnvironmentFiles", read_files, FIELD(environment_files) },
        { SERVICE, "PrivateNetwork", read_bool, FIELD(sandbox.own_network) },
        { SERVICE, "NetworkNamespacePath", read_is_set, FIELD(sandbox.own_network) },
        { SERVICE, "InaccessiblePaths", read_words, FIELD(sandbox.hidden) },
        { SERVICE, "TemporaryFileSystem", read_mounts, FIELD(sandbox.hidden) },
        { SERVICE, "RestrictAddressFamilies", read_families, FIELD(sandbox.without) },
        { SOCKET, "PrivateNetwork", read_bool, FIELD(sandbox.own_network) },
        { SOCKET, "NetworkNamespacePath", read_is_set, FIELD(sandbox.own_network) },
        { SOCKET, "FreeBind", read_bool, FIELD(free_bind) },
        { SOCKET, "Result", read_string, FIELD(result) },
        { SOCKET, "Accept", read_bool, FIELD(accept) },
        { SOCKET, "Listen", unit_read_streams, FIELD(streams) },
};

int unit_read_property(sd_bus_message *m, const UnitProperty *property, UnitState *state) {
        return property->read(m, (char *) state + property->offset, property->size);
}
