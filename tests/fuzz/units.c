/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>

#include "fuzz/fuzz.h"
#include "store/render.h"
#include "systemd/phase.h"

/* systemd's answers about a unit's properties. A reader stores the value that was sent, uncut, in the field
 * of its property, changes nothing else, and refuses an answer of another type. The state that results then
 * goes to the functions that the daemon gives it to.
 *
 * The input is one answer after the other: the property, the type (0: the property's own), and a value of
 * that type. libsystemd checks messages before: it never hands out a text that isn't UTF-8. */

#define ANSWERS_MAX 32 /* as many as a unit has properties, and some more */

typedef enum Kind {
        KIND_OWN,
        KIND_STRING,
        KIND_INT32,
        KIND_UINT32,
        KIND_BOOL,
        KIND_JOB,
        KIND_TEXTS,
        KIND_COMMANDS,
        KIND_FILES,
        KIND_STREAMS,
        KIND_CONDITIONS,
        KIND_FAMILIES,
        _KIND_MAX,
} Kind;

static const char *const signatures[_KIND_MAX] = {
        [KIND_STRING] = "s",
        [KIND_INT32] = "i",
        [KIND_UINT32] = "u",
        [KIND_BOOL] = "b",
        [KIND_JOB] = "(uo)",
        [KIND_TEXTS] = "as",
        [KIND_COMMANDS] = "a(sasasttttuii)",
        [KIND_FILES] = "a(sb)",
        [KIND_STREAMS] = "a(ss)",
        [KIND_CONDITIONS] = "a(sbbsi)",
        [KIND_FAMILIES] = "(bas)",
};

typedef struct Known {
        const char *name;
        bool is_socket;
        Kind kind;
        size_t offset, size;
} Known;

#define FIELD(field) offsetof(UnitState, field), sizeof(((UnitState *) NULL)->field)

static const Known known[] = {
        { "Id", false, KIND_STRING, FIELD(id) },
        { "LoadState", false, KIND_STRING, FIELD(load_state) },
        { "ActiveState", true, KIND_STRING, FIELD(active_state) },
        { "SubState", false, KIND_STRING, FIELD(sub_state) },
        { "UnitFileState", true, KIND_STRING, FIELD(unit_file_state) },
        { "Job", false, KIND_JOB, FIELD(job) },
        { "DropInPaths", true, KIND_TEXTS, FIELD(overridden) },
        { "Result", false, KIND_STRING, FIELD(result) },
        { "MainPID", false, KIND_UINT32, FIELD(main_pid) },
        { "ExecMainCode", false, KIND_INT32, FIELD(past.code) },
        { "ExecMainStatus", false, KIND_INT32, FIELD(past.status) },
        { "SubState", false, KIND_STRING, FIELD(sub_state) },
        { "ExecStartEx", false, KIND_COMMANDS, FIELD(command) },
        { "Environment", false, KIND_TEXTS, FIELD(environment) },
        { "EnvironmentFiles", false, KIND_FILES, FIELD(environment_files) },
        { "Result", true, KIND_STRING, FIELD(result) },
        { "Accept", true, KIND_BOOL, FIELD(accept) },
        { "Listen", true, KIND_STREAMS, FIELD(streams) },
        { "Conditions", true, KIND_CONDITIONS, FIELD(conditions) },
        { "Asserts", false, KIND_CONDITIONS, FIELD(conditions) },
        { "PrivateNetwork", true, KIND_BOOL, FIELD(sandbox.own_network) },
        { "NetworkNamespacePath", false, KIND_STRING, FIELD(sandbox.own_network) },
        { "InaccessiblePaths", false, KIND_TEXTS, FIELD(sandbox.hidden) },
        { "TemporaryFileSystem", false, KIND_STREAMS, FIELD(sandbox.hidden) },
        { "RestrictAddressFamilies", false, KIND_FAMILIES, FIELD(sandbox.without) },
        { "FreeBind", true, KIND_BOOL, FIELD(free_bind) },
        { "After", false, KIND_TEXTS, FIELD(makes_keys) },
};

/* A value, and its texts one after the other, each with its NUL, to compare with. */
typedef struct Value {
        Kind kind;
        uint32_t number;
        char *texts;
        size_t n_texts, size;
        size_t n_commands, n_flags; /* with one command, its flags are the last texts */
} Value;

static const UnitProperty *find_property(const Known *wanted) {
        for (size_t i = 0; i < UNIT_PROPERTIES; i++)
                if (streq(unit_properties[i].name, wanted->name) &&
                    (unit_properties[i].of <= PROPERTY_OF_UNIT ||
                     (unit_properties[i].of == PROPERTY_OF_SOCKET) == wanted->is_socket))
                        return &unit_properties[i];
        abort();
}

static sd_bus *get_bus(void) {
        static sd_bus *bus;
        static int fds[2];

        if (!bus) {
                require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
                require(sd_bus_new(&bus) >= 0);
                require(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
                require(sd_bus_start(bus) >= 0);
        }
        return bus;
}

static int add_text(sd_bus_message *m, FuzzInput *input, Value *value) {
        _cleanup_free_ char *text = fuzz_text(input, '\n');
        int r;

        r = sd_bus_message_append_basic(m, 's', text);
        if (r < 0)
                return r;
        memcpy(value->texts + value->size, text, strlen(text) + 1);
        value->size += strlen(text) + 1;
        value->n_texts++;
        return 0;
}

/* Each text is a line of the input; an empty line ends the list. */
static bool more(const FuzzInput *input) {
        return input->size > 0 && input->data[0] != '\n' && input->data[0] != '\0';
}

static int add_texts(sd_bus_message *m, FuzzInput *input, Value *value) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "s");
        while (r >= 0 && more(input))
                r = add_text(m, input, value);
        (void) fuzz_byte(input);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int add_command(sd_bus_message *m, FuzzInput *input, Value *value) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sasasttttuii");
        if (r >= 0)
                r = add_text(m, input, value);
        if (r >= 0)
                r = add_texts(m, input, value);
        value->n_flags = value->n_texts;
        if (r >= 0)
                r = add_texts(m, input, value);
        value->n_flags = value->n_texts - value->n_flags;
        if (r >= 0)
                r = sd_bus_message_append(m, "ttttuii", 1ULL, 2ULL, 3ULL, 4ULL, 5U, 6, 7);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        value->n_commands++;
        return r;
}

static int add_element(sd_bus_message *m, FuzzInput *input, Value *value) {
        uint8_t flags;
        int r;

        switch (value->kind) {
        case KIND_TEXTS:
                return add_text(m, input, value);
        case KIND_COMMANDS:
                return add_command(m, input, value);
        case KIND_CONDITIONS:
                r = sd_bus_message_open_container(m, 'r', "sbbsi");
                if (r >= 0)
                        r = add_text(m, input, value);
                flags = fuzz_byte(input);
                if (r >= 0)
                        r = sd_bus_message_append(m, "bb", flags >> 1 & 1, flags & 1);
                if (r >= 0)
                        r = add_text(m, input, value);
                if (r >= 0)
                        r = sd_bus_message_append(m, "i", flags >> 2);
                return r < 0 ? r : sd_bus_message_close_container(m);
        case KIND_FILES:
        case KIND_STREAMS:
        default:
                r = sd_bus_message_open_container(m, 'r', value->kind == KIND_FILES ? "sb" : "ss");
                if (r >= 0)
                        r = add_text(m, input, value);
                if (r >= 0)
                        r = value->kind == KIND_FILES ? sd_bus_message_append(m, "b", 1)
                                                      : add_text(m, input, value);
                return r < 0 ? r : sd_bus_message_close_container(m);
        }
}

static int add_families(sd_bus_message *m, FuzzInput *input, Value *value) {
        int r;

        value->number = fuzz_byte(input) & 1;
        r = sd_bus_message_open_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) value->number);
        if (r >= 0)
                r = add_texts(m, input, value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int add_value(sd_bus_message *m, FuzzInput *input, Value *value) {
        int r;

        r = sd_bus_message_open_container(m, 'v', signatures[value->kind]);
        if (r < 0)
                return r;

        switch (value->kind) {
        case KIND_STRING:
                r = add_text(m, input, value);
                break;
        case KIND_INT32:
        case KIND_UINT32:
                value->number = (uint32_t) fuzz_u16(input) << 16 | fuzz_u16(input);
                r = sd_bus_message_append_basic(m, value->kind == KIND_INT32 ? 'i' : 'u', &value->number);
                break;
        case KIND_BOOL:
                value->number = fuzz_byte(input) & 1;
                r = sd_bus_message_append(m, "b", (int) value->number);
                break;
        case KIND_JOB:
                value->number = fuzz_u16(input);
                r = sd_bus_message_append(m, "(uo)", value->number, "/job");
                break;
        case KIND_FAMILIES:
                r = add_families(m, input, value);
                break;
        default:
                r = sd_bus_message_open_container(m, 'a', signatures[value->kind] + 1);
                while (r >= 0 && more(input))
                        r = add_element(m, input, value);
                (void) fuzz_byte(input);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static bool has_text(const Value *value, const char *text, size_t first, size_t step) {
        const char *each = value->texts;

        for (size_t i = 0; i < value->n_texts; i++, each = words_next(each))
                if (i % step == first && streq(each, text))
                        return true;
        return false;
}

/* Each word is one of the texts, whole. */
static void require_words(const char *words, size_t size, const Value *value, size_t step) {
        require(fuzz_is_words(words, size));
        WORDS_FOREACH (word, words)
                require(has_text(value, word, 0, step));
}

static void require_command(const SshdCommand *command, const Value *value) {
        const char *text = value->texts;
        size_t i = 0;

        require(memchr(command->program, '\0', sizeof(command->program)));
        require(fuzz_is_words(command->arguments, sizeof(command->arguments)));
        require(memchr(command->prefix, '\0', sizeof(command->prefix)));
        if (value->n_commands != 1) {
                require(command->program[0] == '\0' && command->arguments[0] == '\0');
                return;
        }
        if (command->program[0] == '\0')
                return; /* it was too long */

        require(streq(command->program, text));
        require(command->prefix[0] != '\0' || value->n_flags == 0);
        require(command->prefix[strspn(command->prefix, ":-+!?")] == '\0');
        for (i = 1, text = words_next(text); i < value->n_texts - value->n_flags; i++, text = words_next(text)) {
                const char *word = command->arguments;

                if (i == 1) { /* argv[0] */
                        require(streq(text, command->program) || command->prefix[0] == '?');
                        continue;
                }
                for (size_t skip = 2; skip < i; skip++)
                        word = words_next(word);
                require(streq(word, text));
        }
}

static void require_streams(const char *streams, size_t size, const Value *value) {
        const char *text = value->texts;

        require(fuzz_is_words(streams, size));
        for (size_t i = 0; i < value->n_texts; i += 2) {
                const char *type = text, *address = words_next(text);

                if (streq(type, "Stream")) {
                        require(streq(streams, address));
                        streams = words_next(streams);
                }
                text = words_next(address);
        }
        require(*streams == '\0');
}

/* Each word is a kind and a parameter. */
static void require_conditions(const char *words, size_t size, const Value *value) {
        require(fuzz_is_words(words, size));
        WORDS_FOREACH (word, words) {
                const char *kind = value->texts;
                bool found = false;

                for (size_t i = 0; i + 1 < value->n_texts && !found; i += 2, kind = words_next(words_next(kind))) {
                        const char *parameter = words_next(kind), *rest = startswith(word, kind);

                        found = rest && *rest == '=' && strlen(rest) >= strlen(parameter) &&
                                streq(rest + strlen(rest) - strlen(parameter), parameter) &&
                                strspn(rest + 1, "|!") + 1 + strlen(parameter) >= strlen(rest);
                }
                require(found);
        }
}

static bool makes_keys(const char *name) {
        return streq(name, "sshd-keygen.target") || streq(name, "sshdgenkeys.service") ||
               streq(name, "/usr/sbin/sshd-gen-keys-start") || streq(name, "/usr/bin/ssh-keygen");
}

static void require_read(const Known *property, const UnitState *state, const Value *value) {
        const char *field = (const char *) state + property->offset;
        bool ours = false;

        switch (property->kind) {
        case KIND_STRING:
                if (property->size == sizeof(bool))
                        require(*(const bool *) field == (value->texts[0] != '\0'));
                else
                        require(streq(field, value->texts));
                break;
        case KIND_INT32:
        case KIND_UINT32:
        case KIND_JOB:
                require(memcmp(field, &value->number, sizeof(value->number)) == 0);
                break;
        case KIND_BOOL:
                require(*(const bool *) field == (value->number != 0));
                break;
        case KIND_COMMANDS:
                require_command((const SshdCommand *) field, value);
                break;
        case KIND_FILES:
                require_words(field, property->size, value, 1);
                break;
        case KIND_CONDITIONS:
                require_conditions(field, property->size, value);
                break;
        case KIND_FAMILIES:
                require(((const bool *) field)[0] == (has_text(value, "AF_INET", 0, 1) != (value->number != 0)));
                require(((const bool *) field)[1] == (has_text(value, "AF_INET6", 0, 1) != (value->number != 0)));
                break;
        case KIND_STREAMS:
                if (property->offset == offsetof(UnitState, sandbox.hidden))
                        require_words(field, property->size, value, 2);
                else
                        require_streams(field, property->size, value);
                break;
        case KIND_TEXTS:
        default:
                if (property->size > sizeof(bool)) {
                        require_words(field, property->size, value, 1);
                        break;
                }
                for (const char *text = value->texts; text < value->texts + value->size;
                     text = words_next(text))
                        ours = ours || (property->offset == offsetof(UnitState, makes_keys)
                                                        ? makes_keys(text)
                                                        : strrchr(text, '/') &&
                                                                          streq(strrchr(text, '/') + 1, UNIT_DROP_IN));
                require(*(const bool *) field == ours);
        }
}

/* Only the property's field has changed. */
static void require_beside(const Known *property, const UnitState *state, const UnitState *before) {
        const uint8_t *now = (const uint8_t *) state, *then = (const uint8_t *) before;

        require(memcmp(now, then, property->offset) == 0);
        require(memcmp(now + property->offset + property->size, then + property->offset + property->size,
                       sizeof(*state) - property->offset - property->size) == 0);
}

static void try_answer(FuzzInput *input, UnitState *state) {
        const Known *property = &known[fuzz_byte(input) % ELEMENTSOF(known)];
        Kind kind = (Kind) (fuzz_byte(input) % _KIND_MAX);
        Value value = { .kind = kind == KIND_OWN ? property->kind : kind };
        _cleanup_free_ char *texts = value.texts = malloc(input->size + 2);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        UnitState before = *state;
        int r;

        require(texts);
        require(sd_bus_message_new_signal(get_bus(), &m, "/a", "a.b", "C") >= 0);
        if (add_value(m, input, &value) < 0)
                return;
        require(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);

        memset((char *) state + property->offset, 0, property->size);
        memset((char *) &before + property->offset, 0, property->size);
        r = unit_read_property(m, find_property(property), state);
        require_beside(property, state, &before);
        if (value.kind != property->kind)
                require(r < 0);
        else if (property->kind == KIND_STRING)
                require(r == (strlen(value.texts) < property->size ? 0 : -E2BIG) || r > 0 || property->size == sizeof(bool));
        else
                require(r >= 0 || (property->kind == KIND_STREAMS && r == -E2BIG));

        if (r >= 0)
                require_read(property, state, &value);
        else
                memset((char *) state + property->offset, 0, property->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char options[SSHD_COMMAND_SIZE], arguments[SSHD_COMMAND_SIZE], text[RENDER_DROP_IN_SIZE_MAX];
        FuzzInput input = { data, size };
        UnitState state = {};
        bool has_port;

        for (size_t i = 0; i < ANSWERS_MAX && input.size > 0; i++)
                try_answer(&input, &state);

        require(unit_state_to_phase(&state) < _SERVICE_MAX);
        require(socket_state_to_phase(&state) < _SERVICE_MAX);
        if (streq(state.load_state, "not-found"))
                require(unit_state_to_phase(&state) == SERVICE_ABSENT);
        sshd_own_arguments(&state.command, arguments);
        require(fuzz_is_words(arguments, sizeof(arguments)));
        (void) sshd_options(arguments, state.environment, options, &has_port);
        (void) unit_hides(&state, STATEDIR "/sshd.d");
        (void) render_service_drop_in(&state.command, 2222, NULL, 0, text);
        (void) render_socket_drop_in(state.streams, 2222, NULL, 0, text);
        return 0;
}
