/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/files.h"
#include "store/store.h"

/* The files that the daemon finds when it starts, whoever wrote them. The daemon reads or refuses each. It
 * reads back what it writes then, and writes that once only. A write that is cut off anywhere leaves the old
 * placement, the new one, or none. A reset leaves no file.
 *
 * The input: which files there are, where to cut, what is written: a port, the home port, the mechanism, how
 * many ports stay; the names of the service and of its socket, a line each; the socket's addresses, a line
 * each, up to an empty one; and the text of each file up to a NUL. */

#define DROP_IN(unit) STORE_DROP_INS "/" unit ".d/" UNIT_DROP_IN

static const char *const paths[] = { STORE_MOVED_FILE, STORE_PORT_FILE, STORE_LAST_PORT_FILE, STORE_DISABLED_SOCKET_FILE,
                                     STORE_RELOAD_DUE_FILE, STORE_REQUESTED_FILE, STORE_MOVED_UNTIL_BOOT_FILE,
                                     DROP_IN("ssh.service"), DROP_IN("ssh.socket"), DROP_IN("sshd.socket") };

static bool is_same(const Placement *a, const Placement *b) {
        return a->port == b->port && a->mechanism == b->mechanism && a->n_beside == b->n_beside &&
               memcmp(a->beside, b->beside, a->n_beside * sizeof(a->beside[0])) == 0;
}

static void try_reading(void) {
        const UnitState socket = { .id = "ssh.socket", .streams = "[::]:22\0", .overridden = true };
        BareUnits bare;
        DisabledSocket disabled;
        uint16_t port;
        Placement placement;
        int r;

        fuzz_untouched(placement);
        r = store_read_placement(&placement);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0) {
                require(placement.port > 0 && placement.n_beside <= SSHD_PORTS_MAX);
                require(placement.mechanism == MECHANISM_CONFIG || mechanism_is_drop_in(placement.mechanism));
        } else if (r == 0)
                require(placement.port == 0 && placement.mechanism == MECHANISM_NONE);
        else
                require_untouched(placement);

        fuzz_untouched(port);
        r = store_read_last_port(&port);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0)
                require(port > 0);
        else
                require_untouched(port);

        fuzz_untouched(disabled);
        r = store_read_disabled_socket(&disabled);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0) {
                require(fuzz_is_printable(disabled.socket, sizeof(disabled.socket)));
                require(fuzz_is_printable(disabled.service, sizeof(disabled.service)));
        } else
                require_untouched(disabled);

        require(store_read_bare_units((ManagedUnits){ .socket = &socket }, &bare) == 0);
        require(bare.streams[0] && fuzz_is_words(bare.streams, sizeof(bare.streams)));
}

/* A unit name with the letters that systemd allows. */
static void take_name(FuzzInput *input, char *ret, const char *suffix) {
        _cleanup_free_ char *text = fuzz_text(input, '\n');
        size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@");

        sprintf(ret, "%.*s%s", length < 80 ? (int) length : 80, text, suffix);
}

static Placement take_placement(FuzzInput *input) {
        Placement placement = { .port = fuzz_u16(input), .mechanism = fuzz_byte(input) % _MECHANISM_MAX };

        if (placement.mechanism != MECHANISM_CONFIG && !mechanism_is_drop_in(placement.mechanism))
                return (Placement){ .mechanism = MECHANISM_NONE };
        placement.port = placement.port ?: 1;
        placement.n_beside = fuzz_byte(input) % (SSHD_PORTS_MAX + 1U);
        for (size_t i = 0; i < placement.n_beside; i++)
                placement.beside[i] = (uint16_t) (i + 22);
        if (placement.mechanism == MECHANISM_CONFIG)
                placement.n_beside = 0; /* the port file has one port */
        return placement;
}

static unsigned count_drop_ins(void) {
        unsigned n = 0;

        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                n += !!startswith(fuzz_files.files[i].path, STORE_DROP_INS "/");
        return n;
}

/* Returns false if it doesn't fit a drop-in. */
static bool try_writing(const Placement *placement, uint16_t home, const BareUnits *units) {
        char path[512];
        Placement again;
        int r;

        r = store_write_placement(placement, home, units);
        require(r == 0 || r == 1 || (r == -E2BIG && mechanism_is_drop_in(placement->mechanism)));
        require(store_read_placement(&again) == (placement->port != 0) && is_same(&again, placement));
        if (r < 0)
                return false;

        require(!!fuzz_file_find(STORE_PORT_FILE) == (placement->mechanism == MECHANISM_CONFIG));
        require(!!fuzz_file_find(STORE_MOVED_FILE) == mechanism_is_drop_in(placement->mechanism));
        require(count_drop_ins() == mechanism_is_drop_in(placement->mechanism));
        if (count_drop_ins() > 0) {
                sprintf(path, STORE_DROP_INS "/%s.d/" UNIT_DROP_IN,
                        placement->mechanism == MECHANISM_SOCKET ? units->socket : units->service);
                require(fuzz_file_find(path));
        }

        /* The same once more touches no file. */
        fuzz_files.n_writes = 0;
        require(store_clean(placement) == 0 && store_write_placement(placement, home, units) == 0);
        require(fuzz_files.n_writes == 0);
        return true;
}

static void try_cut(const Placement *from, const Placement *to, uint16_t home, const BareUnits *units, unsigned cut_at) {
        Placement placement, none = { .mechanism = MECHANISM_NONE };
        int r;

        fuzz_files.n_writes = 0;
        fuzz_files.cut_at = cut_at;
        r = store_write_placement(to, home, units);
        require(r >= 0 || r == -EIO || r == -E2BIG);
        fuzz_files.cut_at = 0;

        require(store_read_placement(&placement) >= 0);
        require(is_same(&placement, to) || (r == -EIO && (is_same(&placement, from) || is_same(&placement, &none))));
        (void) try_writing(to, home, units);
}

static void try_reset(const BareUnits *units) {
        DisabledSocket disabled = { .service_was_enabled = true };
        DisabledSocket disabled_again;
        uint16_t port;

        strcpy(disabled.socket, units->socket);
        strcpy(disabled.service, units->service);
        require(store_write_disabled_socket(&disabled) >= 0 && store_read_disabled_socket(&disabled_again) == 1);
        require(streq(disabled.socket, disabled_again.socket) && streq(disabled.service, disabled_again.service));
        require(store_write_last_port(2222) >= 0 && store_read_last_port(&port) == 1 && port == 2222);
        require(store_set_mark(STORE_RELOAD_DUE_FILE, true) == 0 && fuzz_file_find(STORE_RELOAD_DUE_FILE));

        require(store_write_placement(&(const Placement){ .mechanism = MECHANISM_NONE }, 0, units) >= 0);
        require(store_reset(NULL) >= 0);
        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                require(!fuzz_files.files[i].path[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint8_t there = fuzz_byte(&input), cut_at = fuzz_byte(&input);
        BareUnits units = { .command = { .program = "/usr/sbin/sshd" } };
        _cleanup_free_ char *streams = NULL;
        uint16_t home;
        Placement to, from;

        to = take_placement(&input);
        home = fuzz_u16(&input);
        take_name(&input, units.service, ".service");
        take_name(&input, units.socket, ".socket");
        streams = fuzz_words(&input);
        WORDS_FOREACH (stream, streams)
                (void) words_append(units.streams, sizeof(units.streams), stream);
        (void) words_append(units.command.arguments, sizeof(units.command.arguments), "-D");
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (there & 1U << i) {
                        char *text = fuzz_text(&input, '\0');

                        fuzz_file_put(paths[i], text, strlen(text));
                }

        try_reading();
        /* A placement that can't be read is no placement to go back to. */
        if (store_read_placement(&from) < 0 || !try_writing(&from, home, &units)) {
                from = (Placement){ .mechanism = MECHANISM_NONE };
                require(try_writing(&from, home, &units));
        }
        try_cut(&from, &to, home, &units, cut_at % 12U + 1);
        try_reset(&units);

        fuzz_files_clear();
        return 0;
}
