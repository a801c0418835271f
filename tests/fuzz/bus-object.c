/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "systemd/bus.h"
#include "process/child.h"
#include "fuzz/fuzz.h"
#include "dbus/object.h"
#include "diagnose/diagnosis.h"

/* The fuzzer plays the bus daemon, polkit, and every caller on the system bus; the other end is the daemon's
 * object. The object carries out only what the caller may do, and answers each call exactly once.
 *
 * The input is a list of steps; the first byte of each is its kind. This file has its own bus, child
 * processes and manager, so that the library's bus_open_system() and child_spawn() aren't linked. */

#define MESSAGE_SIZE_MAX ((size_t) 4 * 1024)
#define STEPS_MAX 12
#define CALLS_MAX 64

enum { CALL = 1, RETURN, ERROR, SIGNAL }; /* types of messages (D-Bus specification); header fields below */
enum { PATH = 1, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE };

#define NO_REPLY_EXPECTED 0x1
#define UIDS 4 /* :1.0 is root; :1.3 has left the bus when the daemon asks who it is */

struct Child {
        ChildHandler handler;
        void *userdata;
};

typedef struct Peer {
        FuzzInput input;
        int from_fd, to_fd; /* the bus daemon's ends */
        Child *children[2]; /* root's diagnosis, and that of all others */
        Log log;
        Status status;
        uint32_t serial;
        uint8_t n_answers[CALLS_MAX]; /* by the call's serial */
        bool expected[CALLS_MAX];
        bool may[UIDS];       /* root, or allowed by polkit */
        bool anybody_may;
        bool silent;          /* polkit has not answered, so calls may still wait at the end */
        bool raw;             /* arbitrary bytes were sent, or the bus has ended: answers aren't counted any more */
        sd_bus_message *held; /* the call that the manager is carrying out */
} Peer;

static Peer *peer; /* global, because the replaced functions get no userdata */

/* ── messages ── */

typedef struct Bytes {
        size_t n;
        uint8_t data[MESSAGE_SIZE_MAX];
} Bytes;

static void put(Bytes *b, const void *data, size_t size) {
        if (size > sizeof(b->data) - b->n) {
                size = sizeof(b->data) - b->n;
                peer->raw = true; /* a truncated message isn't valid */
        }
        memcpy(b->data + b->n, data, size);
        b->n += size;
}

static void put_number(Bytes *b, uint64_t value, size_t size) {
        uint8_t bytes[8];

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t) (value >> 8 * i);
        while (b->n % size != 0 && b->n < sizeof(b->data))
                b->data[b->n++] = 0;
        put(b, bytes, size);
}

static void align(Bytes *b, size_t to) {
        while (b->n % to != 0 && b->n < sizeof(b->data))
                b->data[b->n++] = 0;
}

static void put_string(Bytes *b, const char *text) {
        put_number(b, strlen(text), 4);
        put(b, text, strlen(text) + 1);
}

static void put_signature(Bytes *b, const char *text) {
        put_number(b, strlen(text) & 0xff, 1);
        put(b, text, (strlen(text) & 0xff) + 1);
}

static size_t alignment_of(char type) {
        return strchr("ybgv", type) && type != 'b' ? 1 : strchr("nq", type) ? 2 : strchr("xtd({", type) ? 8 : 4;
}

#define DEPTH_MAX 8

/* Returns the end of the first type of a signature, NULL if it isn't valid (D-Bus specification). */
/* NOLINTNEXTLINE(misc-no-recursion): types lie within types, to DEPTH_MAX */
static const char *type_end(const char *type, unsigned depth) {
        if (depth > DEPTH_MAX)
                return NULL;
        if (*type && strchr("ybnqiuxtdsogvh", *type))
                return type + 1;
        if (*type == 'a' && type[1] == '{') {
                if (!type[2] || !strchr("ybnqiuxtdsogh", type[2]))
                        return NULL;
                type = type_end(type + 3, depth + 2);
                return type && *type == '}' ? type + 1 : NULL;
        }
        if (*type == 'a')
                return type_end(type + 1, depth + 1);
        if (*type == '(') {
                type++;
                do
                        type = type_end(type, depth + 1);
                while (type && *type != ')');
                return type ? type + 1 : NULL;
        }
        return NULL;
}

static bool is_signature(const char *types) {
        if (strlen(types) > UINT8_MAX)
                return false;
        while (types && *types)
                types = type_end(types, 0);
        return types;
}

/* Writes the number of bytes since @start as the 32-bit length at @at. */
static void put_length(Bytes *b, size_t at, size_t start) {
        for (size_t i = 0; i < 4 && at + i < sizeof(b->data); i++)
                b->data[at + i] = (uint8_t) ((b->n - start) >> 8 * i);
}

/* Puts a value from the input, of the first type of a signature. Returns the rest of the signature, ""
 * behind an invalid type. */
/* NOLINTNEXTLINE(misc-no-recursion): see type_end() */
static const char *put_value(Bytes *b, const char *type, FuzzInput *input, unsigned depth) {
        _cleanup_free_ char *text = NULL;
        const char *end = type;
        size_t at, start;

        if (depth > 2 * DEPTH_MAX)
                return "";

        switch (*type) {
        case 'y':
                put_number(b, fuzz_byte(input), 1);
                return type + 1;
        case 'b':
                put_number(b, fuzz_byte(input) & 1, 4);
                return type + 1;
        case 'n':
        case 'q':
                put_number(b, fuzz_u16(input), 2);
                return type + 1;
        case 'h':
        case 'i':
        case 'u':
                put_number(b, fuzz_u16(input), 4);
                return type + 1;
        case 'x':
        case 't':
        case 'd':
                put_number(b, fuzz_u16(input), 8);
                return type + 1;
        case 's':
        case 'o':
                text = fuzz_text(input, '\n');
                put_string(b, text);
                return type + 1;
        case 'g':
                text = fuzz_text(input, '\n');
                put_signature(b, text);
                return type + 1;
        case 'v':
                text = fuzz_text(input, '\n');
                put_signature(b, text);
                (void) put_value(b, text, input, depth + 1);
                return type + 1;
        case 'a':
                align(b, 4);
                at = b->n;
                put_number(b, 0, 4);
                align(b, alignment_of(type[1]));
                start = b->n;
                for (size_t n = (size_t) fuzz_byte(input) % 4 + 1; n > 0; n--)
                        end = put_value(b, type + 1, input, depth + 1);
                put_length(b, at, start);
                return end;
        case '(':
        case '{':
                align(b, 8);
                for (type++; *type && *type != ')' && *type != '}';)
                        type = put_value(b, type, input, depth + 1);
                return *type ? type + 1 : type;
        default:
                return "";
        }
}

typedef struct Header {
        uint8_t type, flags;
        uint32_t serial, reply_serial; /* 0: none */
        const char *path, *interface, *member, *error_name, *sender, *signature; /* NULL or "": none */
} Header;

static void put_field(Bytes *b, uint8_t field, char type, const char *text) {
        if (isempty(text))
                return;
        align(b, 8);
        put_number(b, field, 1);
        put_signature(b, (const char[]){ type, '\0' });
        if (type == 'g')
                put_signature(b, text);
        else
                put_string(b, text);
}

static void send_bytes(const void *data, size_t size) {
        /* The daemon may have closed its end because of an invalid message. */
        (void) !write(peer->to_fd, data, size);
}

static void send_message(const Header *header, const Bytes *body) {
        Bytes b;

        b.n = 0;
        put(&b, (const uint8_t[]){ 'l', header->type, header->flags, 1 }, 4);
        put_number(&b, body->n, 4);
        put_number(&b, header->serial, 4);
        put_number(&b, 0, 4);
        put_field(&b, PATH, 'o', header->path);
        put_field(&b, INTERFACE, 's', header->interface);
        put_field(&b, MEMBER, 's', header->member);
        put_field(&b, ERROR_NAME, 's', header->error_name);
        put_field(&b, DESTINATION, 's', ":1.42"); /* sd-bus answers only messages to itself */
        put_field(&b, SENDER, 's', header->sender);
        put_field(&b, SIGNATURE, 'g', header->signature);
        if (header->reply_serial != 0) {
                align(&b, 8);
                put_number(&b, REPLY_SERIAL, 1);
                put_signature(&b, "u");
                put_number(&b, header->reply_serial, 4);
        }
        put_length(&b, 12, 16);
        align(&b, 8);
        put(&b, body->data, body->n);
        send_bytes(b.data, b.n);
}

/* ── messages from the daemon ── */

static uint32_t get_number(const uint8_t *data) {
        return data[0] | (uint32_t) data[1] << 8 | (uint32_t) data[2] << 16 | (uint32_t) data[3] << 24;
}

/* Returns the size of the message. The header's texts point into @data. */
static size_t get_header(const uint8_t *data, size_t size, Header *ret, const uint8_t **ret_body) {
        size_t end = 16 + get_number(data + 12), whole;

        require(data[0] == 'l' && data[3] == 1);
        *ret = (Header){ .type = data[1], .flags = data[2], .serial = get_number(data + 8) };
        for (size_t i = 16; i < end;) {
                uint8_t field = data[i];
                char type = (char) data[i + 2];
                const uint8_t *value = data + i + 4;

                i += type == 'g' ? 4 + 1 + value[0] + 1U : type == 'u' ? 8 : 8 + get_number(value) + 1;
                require(i <= end);
                if (field == REPLY_SERIAL)
                        ret->reply_serial = get_number(value);
                else if (field == MEMBER)
                        ret->member = (const char *) value + 4;
                else if (field == ERROR_NAME)
                        ret->error_name = (const char *) value + 4;
                i = (i + 7) / 8 * 8;
        }
        end = (end + 7) / 8 * 8;
        whole = end + get_number(data + 4);
        require(whole <= size);
        *ret_body = data + end;
        return whole;
}

static void reply_to_polkit(const Header *call, unsigned who) {
        uint8_t how = (uint8_t) (fuzz_byte(&peer->input) % 8);
        _cleanup_free_ char *signature = NULL;
        Header reply = { .type = RETURN, .serial = ++peer->serial, .reply_serial = call->serial,
                         .sender = ":1.9", .signature = "(bba{ss})" };
        Bytes body;

        body.n = 0;
        if (how == 0) {
                peer->silent = true;
                return;
        }
        if (how == 1 || how == 2)
                reply = (Header){ .type = ERROR, .serial = reply.serial, .reply_serial = reply.reply_serial,
                                  .sender = reply.sender,
                                  .error_name = how == 1 ? SD_BUS_ERROR_SERVICE_UNKNOWN : SD_BUS_ERROR_NO_REPLY };
        else if (how == 3)
                reply.signature = signature = fuzz_text(&peer->input, '\n');
        peer->silent = peer->silent || !is_signature(strempty(signature)); /* libsystemd drops it */
        if (reply.type == RETURN && how == 3) {
                /* A reply from the input may happen to be a yes. */
                if (startswith(signature, "(bba{ss})"))
                        peer->may[who] = peer->anybody_may = true;
                for (const char *type = signature; *type;)
                        type = put_value(&body, type, &peer->input, 0);
        } else if (reply.type == RETURN) {
                put_number(&body, how & 1, 4);
                put_number(&body, how >> 1 & 1, 4);
                put_number(&body, 0, 4);
                align(&body, 8);
                if (how & 1)
                        peer->may[who] = peer->anybody_may = true;
        }
        send_message(&reply, &body);
}

/* Finds the N of the first ":1.N" in a body. */
static unsigned find_sender(const uint8_t *body, const uint8_t *end) {
        const char *found = memmem(body, (size_t) (end - body), ":1.", 3);

        return found && found + 3 < (const char *) end ? (unsigned) (found[3] - '0') % UIDS : UIDS - 1;
}

static void reply_to(const Header *call, const uint8_t *body_data, const uint8_t *end) {
        Header reply = { .type = RETURN, .serial = ++peer->serial, .reply_serial = call->serial,
                         .sender = "org.freedesktop.DBus" };
        Bytes body;
        unsigned who;

        body.n = 0;
        if (streq(call->member, "Hello")) {
                reply.signature = "s";
                put_string(&body, ":1.42");
        } else if (streq(call->member, "RequestName")) {
                reply.signature = "u";
                put_number(&body, fuzz_byte(&peer->input) % 5U, 4);
        } else if (streq(call->member, "GetConnectionUnixUser")) {
                who = find_sender(body_data, end);
                reply.signature = "u";
                put_number(&body, who == 0 ? 0 : 1000, 4);
                if (who == 0)
                        peer->may[who] = peer->anybody_may = true;
                if (who == UIDS - 1) {
                        reply.type = ERROR;
                        reply.error_name = SD_BUS_ERROR_NAME_HAS_NO_OWNER;
                        reply.signature = NULL;
                        body.n = 0;
                }
        } else if (streq(call->member, "CheckAuthorization")) {
                reply_to_polkit(call, find_sender(body_data, end));
                return;
        } else
                require(false); /* the daemon calls nobody else */
        send_message(&reply, &body);
}

static void take(const uint8_t *data, size_t size) {
        Header header;

        for (size_t whole; size >= 16; data += whole, size -= whole) {
                const uint8_t *body;

                whole = get_header(data, size, &header, &body);
                if (header.type == CALL) {
                        reply_to(&header, body, data + whole);
                        continue;
                }
                if (header.type == SIGNAL || peer->raw)
                        continue;
                require(header.type == RETURN || !isempty(header.error_name));
                require(header.reply_serial < CALLS_MAX && peer->expected[header.reply_serial]);
                require(++peer->n_answers[header.reply_serial] == 1);
        }
        require(size == 0);
}

/* Runs the loop and answers the daemon's messages until both are idle. */
static void settle(sd_event *event) {
        static uint8_t data[64 * 1024];
        ssize_t n;

        for (;;) {
                while (sd_event_run(event, 0) > 0)
                        ;
                n = read(peer->from_fd, data, sizeof(data));
                if (n <= 0)
                        return;
                require((size_t) n < sizeof(data));
                take(data, (size_t) n);
        }
}

/* ── the daemon's surroundings ── */

/* dbus-daemon's side of the authentication. libsystemd sends all of its own side at once. */
static void greet(void) {
        char text[512];
        ssize_t n = read(peer->from_fd, text, sizeof(text) - 1);

        require(n > 0);
        text[n] = '\0';
        if (strstr(text + 1, "\nDATA\r\n"))
                send_bytes("DATA\r\n", 6);
        send_bytes("OK 0123456789abcdef0123456789abcdef\r\n", 37);
        if (strstr(text + 1, "NEGOTIATE_UNIX_FD"))
                send_bytes("AGREE_UNIX_FD\r\n", 15);
}

int bus_open_system(sd_bus **ret) {
        sd_bus *bus = NULL;
        int from[2], to[2];

        /* On a slow machine, the daemon gets to connecting again, half a second after the bus has ended. */
        if (peer->to_fd >= 0)
                return -ECONNREFUSED;

        /* Pipes, because over a socket messages may carry descriptors, and libsystemd 257 leaks an empty
         * list of them. */
        require(pipe2(from, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(to, O_CLOEXEC | O_NONBLOCK) == 0);
        require(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, to[0], from[1]) >= 0);
        require(sd_bus_set_bus_client(bus, true) >= 0 && sd_bus_set_connected_signal(bus, true) >= 0);
        require(sd_bus_start(bus) >= 0);
        peer->from_fd = from[0];
        peer->to_fd = to[1];
        *ret = bus;
        return 0;
}

sd_bus *bus_close(sd_bus *bus) {
        if (!bus)
                return NULL;

        sd_bus_detach_event(bus);
        return sd_bus_close_unref(bus);
}

int child_spawn(sd_event *event, const char *const argv[], const char *variable, ProgramRights rights, usec_t timeout,
                ChildHandler handler, void *userdata, Child **ret) {
        bool for_everyone = argv[1] && streq(argv[1], DIAGNOSE_FOR_EVERYONE);
        Child *child, **place = &peer->children[for_everyone];

        (void) event, (void) rights, (void) variable;
        require(argv[0][0] == '/' && timeout > 0 && timeout != USEC_INFINITY);
        require(for_everyone || peer->may[0] || peer->raw); /* root's only for root */
        require(!*place);                              /* one at a time */
        if (fuzz_byte(&peer->input) == 0xff)
                return -EAGAIN;

        child = malloc(sizeof(*child));
        require(child);
        *child = (Child){ .handler = handler, .userdata = userdata };
        *ret = *place = child;
        return 0;
}

Child *child_free(Child *child) {
        for (size_t i = 0; i < ELEMENTSOF(peer->children); i++)
                if (child == peer->children[i])
                        peer->children[i] = NULL;
        free(child);
        return NULL;
}

/* NOLINTNEXTLINE(constParameter): BusObjectHandlers has it so */
static void on_bus(sd_bus *bus, void *userdata) {
        require(userdata == peer);
        if (!bus)
                peer->raw = true; /* libsystemd has ended the bus because of an invalid message */
}

static int reload(char **ret_error, void *userdata) {
        require(userdata == peer && (peer->anybody_may || peer->raw));
        switch (fuzz_byte(&peer->input) % 3) {
        case 0:
                return 0;
        case 1:
                *ret_error = strdup("/etc/wslportd.conf:3: Relocate=: conflict, mirrored or never");
                return -EINVAL;
        default:
                return -EIO;
        }
}

/* NOLINTNEXTLINE(constParameter): as above */
static int request(Request request, uint16_t port, sd_bus_message *call, uint32_t uid, void *userdata) {
        const char *sender = sd_bus_message_get_sender(call);

        require(userdata == peer && request != REQUEST_NONE);
        require(request == REQUEST_RELOCATE || port == 0);
        if (!peer->raw)
                require(startswith(sender, ":1.") && peer->may[sender[3] - '0'] && (uid == 0) == (sender[3] == '0'));
        if (peer->held)
                return -EBUSY;
        peer->held = sd_bus_message_ref(call);
        return 0;
}

static void answer_held(void) {
        if (peer->held)
                (void) sd_bus_reply_method_return(peer->held, NULL);
        peer->held = sd_bus_message_unref(peer->held);
}

static void end_child(void) {
        _cleanup_free_ char *output = NULL;
        uint8_t how = fuzz_byte(&peer->input);
        int error = how == 1 ? -ETIMEDOUT : how == 2 ? -ENOENT : how == 3 ? -EIO : 0;
        ChildResult result = { .error = error, .exit_status = error < 0 ? -1 : 0, .errors = "" };
        Child *child = peer->children[0] ? peer->children[0] : peer->children[1];

        result.output = output = fuzz_text(&peer->input, '\0');
        if (child)
                child->handler(&result, child->userdata);
}

/* ── steps ── */

/* Returns an element of a list, or a text from the input. */
static const char *choose(const char *const list[], size_t n, char **ret_text) {
        uint8_t which = fuzz_byte(&peer->input);

        if (which < n)
                return list[which];
        return *ret_text = fuzz_text(&peer->input, '\n');
}

static void call(bool typed) {
        static const char *const paths[] = { BUS_PATH, "/" };
        static const char *const interfaces[] = { BUS_INTERFACE, "org.freedesktop.DBus.Properties",
                                                  "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer",
                                                  "" };
        static const char *const members[] = { "Probe", "Relocate", "Restore", "Reload", "Diagnose", "GetFirewallRules",
                                               "GetClientConfig", "Get", "Set", "GetAll", "Introspect", "Ping",
                                               "FindHolder" };
        _cleanup_free_ char *path = NULL, *interface = NULL, *member = NULL, *signature = NULL;
        char sender[] = ":1.0";
        Header header = { .type = CALL, .serial = ++peer->serial, .sender = sender };
        Bytes body;

        body.n = 0;
        sender[3] = (char) ('0' + fuzz_byte(&peer->input) % UIDS);
        header.flags = fuzz_byte(&peer->input);
        header.path = choose(paths, ELEMENTSOF(paths), &path);
        header.interface = choose(interfaces, ELEMENTSOF(interfaces), &interface);
        header.member = choose(members, ELEMENTSOF(members), &member);
        header.signature = signature = fuzz_text(&peer->input, '\n');

        /* A bus daemon passes on neither invalid messages nor those of the connection's own Local
         * interface. */
        peer->raw = peer->raw || !typed || !is_signature(signature) || sd_bus_object_path_is_valid(header.path) <= 0 ||
                    (*header.interface && sd_bus_interface_name_is_valid(header.interface) <= 0) ||
                    sd_bus_member_name_is_valid(header.member) <= 0 ||
                    streq(header.path, "/org/freedesktop/DBus/Local") ||
                    streq(header.interface, "org.freedesktop.DBus.Local");
        if (typed)
                for (const char *type = signature; *type;)
                        type = put_value(&body, type, &peer->input, 0);
        else
                for (size_t n = fuzz_byte(&peer->input); n > 0; n--)
                        put(&body, (const uint8_t[]){ fuzz_byte(&peer->input) }, 1);
        if (header.serial < CALLS_MAX)
                peer->expected[header.serial] = !(header.flags & NO_REPLY_EXPECTED);
        send_message(&header, &body);
}

/* libsystemd allocates as much memory as a header announces, up to 128 MiB, and ASan's realloc() copies it
 * at each read. So only the lower halves of lengths are sent. */
static void send_raw(void) {
        static const size_t lengths[] = { 4, 12 };
        uint8_t data[UINT16_MAX];
        size_t n = fuzz_u16(&peer->input);

        if (n > peer->input.size)
                n = peer->input.size;
        memcpy(data, peer->input.data, n);
        for (size_t i = 0; i < ELEMENTSOF(lengths) && n >= lengths[i] + 4; i++)
                memset(data + lengths[i] + (data[0] == 'B' ? 0 : 2), 0, 2);
        peer->raw = true;
        send_bytes(data, n);
        peer->input.data += n;
        peer->input.size -= n;
}

static void copy_text(char *ret, size_t size) {
        _cleanup_free_ char *text = fuzz_text(&peer->input, '\n');

        for (char *c = text; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        snprintf(ret, size, "%s", text);
}

static void change(BusObject *bus) {
        const char *names[STATUS_CHANGES_MAX];
        Status *s = &peer->status, old = *s;

        s->port = fuzz_u16(&peer->input);
        s->home_holder = fuzz_byte(&peer->input) % _HOLDER_MAX;
        s->n_listeners = fuzz_byte(&peer->input) % (STATUS_LISTENERS_MAX + 1);
        s->n_reachable = fuzz_byte(&peer->input) % (STATUS_REACHABLE_MAX + 1);
        copy_text(s->reason, sizeof(s->reason));
        copy_text(s->home_detail, sizeof(s->home_detail));
        if (status_changes(&old, s, names) > 0)
                bus_object_changed(bus, names);
        bus_object_emit(bus, "Conflict", "qss", s->home_port, holder_to_string(s->home_holder), s->home_detail);
        bus_object_emit(bus, "Relocated", "qq", s->home_port, s->port);
        bus_object_emit(bus, "Restored", "q", s->home_port);
}

static void step(BusObject *bus) {
        switch (fuzz_byte(&peer->input) % 8) {
        case 0:
        case 1:
        case 2:
                call(true);
                break;
        case 3:
                call(false);
                break;
        case 4:
                send_raw();
                break;
        case 5:
                end_child();
                break;
        case 6:
                change(bus);
                break;
        default:
                answer_held();
        }
}

static Status sample(void) {
        Status s = { .mode = MODE_MIRRORED, .state = STATE_RELOCATED, .reason = "Windows has 22", .home_port = 22,
                     .home_holder = HOLDER_WINDOWS_OPENSSH, .home_detail = "OpenSSH_for_Windows_9.5", .port = 2222,
                     .unit = "ssh.service", .mechanism = MECHANISM_CONFIG, .n_listeners = 2, .n_reachable = 3 };

        for (size_t i = 0; i < STATUS_LISTENERS_MAX; i++)
                s.listeners[i] = (StatusListener){ "0.0.0.0", 2222, HOLDER_SSHD, "ssh.service" };
        for (size_t i = 0; i < STATUS_REACHABLE_MAX; i++)
                s.reachable[i] = (StatusAddress){ "100.101.102.103", ADDRESS_TAILSCALE };
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const BusObjectHandlers handlers = { .on_bus = on_bus, .reload = reload, .request = request };
        Peer p = { .input = { data, size }, .from_fd = -1, .to_fd = -1, .status = sample(),
                   .log = { .max_level = LOG_EMERG } };
        sd_event *event = NULL;
        BusObject *bus = NULL;

        peer = &p;
        require(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        require(sd_event_new(&event) >= 0);
        require(bus_object_new(event, &p.log, &p.status, &handlers, &p, &bus) >= 0);
        bus_object_connect(bus);
        while (sd_event_run(event, 0) > 0)
                ;
        greet();
        settle(event);

        for (unsigned n = 0; p.input.size > 0 && n < STEPS_MAX; n++) {
                step(bus);
                settle(event);

                /* Only who may has changed the log level. */
                require(p.log.max_level == LOG_EMERG || p.anybody_may || p.raw);
                require(log_level_to_string(p.log.max_level));
                p.log = (Log){ .max_level = LOG_EMERG };
        }

        /* Ends all that is under way, so that the calls which still wait are answered. */
        p.input.size = 0;
        while (p.held || p.children[0] || p.children[1]) {
                answer_held();
                end_child();
                settle(event);
        }
        for (size_t i = 0; i < CALLS_MAX && !p.raw && !p.silent; i++)
                require(!p.expected[i] || p.n_answers[i] == 1);

        bus_object_free(bus);
        require(!p.children[0] && !p.children[1]);
        sd_event_unref(event);
        close(p.from_fd);
        close(p.to_fd);
        return 0;
}
