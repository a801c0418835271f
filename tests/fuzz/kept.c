/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/files.h"
#include "store/kept.h"

/* The files that the daemon finds when it starts, whoever wrote them, and what it makes of them. Whatever stands there
 * is taken as it is or refused; what is written then is read again, once and for all; cut off anywhere it is what was
 * there before, what was to be, or nothing; and a reset leaves nothing.
 *
 * The input: which files there are, where to cut, what is written: a port, the home port, the mechanism, how many ports
 * stay; the names of the service and of its socket, a line each; the socket's addresses, a line each, up to an empty
 * one; and the text of each file up to a NUL. */

#define DROP_IN(unit) KEPT_DROP_INS "/" unit ".d/" UNIT_DROP_IN

static const char *const paths[] = { KEPT_MOVED_FILE, KEPT_PORT_FILE, KEPT_LAST_PORT_FILE, KEPT_DISABLED_SOCKET_FILE,
                                     KEPT_UNREAD_FILE, DROP_IN("ssh.service"), DROP_IN("ssh.socket"),
                                     DROP_IN("sshd.socket") };

static bool kept_equal(const Kept *a, const Kept *b) {
        return a->port == b->port && a->mechanism == b->mechanism && a->n_keep == b->n_keep &&
               memcmp(a->keep, b->keep, a->n_keep * sizeof(a->keep[0])) == 0;
}

static void try_reading(void) {
        char streams[1024];
        DisabledSocket disabled;
        uint16_t port;
        Kept kept;
        int r;

        fuzz_untouched(kept);
        r = kept_read(&kept);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0) {
                require(kept.port > 0 && kept.n_keep <= SSHD_PORTS_MAX);
                require(kept.mechanism == MECHANISM_CONFIG || mechanism_is_drop_in(kept.mechanism));
                for (size_t i = 0; i < kept.n_keep; i++)
                        require(kept_keeps(&kept, kept.keep[i]));
        } else if (r == 0)
                require(kept.port == 0 && kept.mechanism == MECHANISM_NONE);
        else
                require_untouched(kept);

        fuzz_untouched(port);
        r = kept_read_last_port(&port);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0)
                require(port > 0);
        else
                require_untouched(port);

        fuzz_untouched(disabled);
        r = kept_read_disabled_socket(&disabled);
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0) {
                require(fuzz_is_printable(disabled.socket, sizeof(disabled.socket)));
                require(fuzz_is_printable(disabled.service, sizeof(disabled.service)));
        } else
                require_untouched(disabled);

        fuzz_untouched(streams);
        r = kept_read_streams("ssh.socket", streams, sizeof(streams));
        require(r == 1 || r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r > 0)
                require(fuzz_is_words(streams, sizeof(streams)));
        else
                require_untouched(streams);
}

/* The name of a unit, as systemd has them. */
static void take_name(FuzzInput *input, char *ret, const char *suffix) {
        _cleanup_free_ char *text = fuzz_text(input, '\n');
        size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@");

        sprintf(ret, "%.*s%s", length < 80 ? (int) length : 80, text, suffix);
}

static Kept take_kept(FuzzInput *input) {
        Kept kept = { .port = fuzz_u16(input), .mechanism = fuzz_byte(input) % _MECHANISM_MAX };

        if (kept.mechanism != MECHANISM_CONFIG && !mechanism_is_drop_in(kept.mechanism))
                return (Kept){ .mechanism = MECHANISM_NONE };
        kept.port = kept.port ?: 1;
        kept.n_keep = fuzz_byte(input) % (SSHD_PORTS_MAX + 1U);
        for (size_t i = 0; i < kept.n_keep; i++)
                kept.keep[i] = (uint16_t) (i + 22);
        if (kept.mechanism == MECHANISM_CONFIG)
                kept.n_keep = 0; /* the port file has one */
        return kept;
}

static unsigned count_drop_ins(void) {
        unsigned n = 0;

        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                n += !!startswith(fuzz_files.files[i].path, KEPT_DROP_INS "/");
        return n;
}

/* Returns false where it doesn't fit a drop-in. */
static bool try_writing(const Kept *kept, uint16_t home, const KeptUnits *units) {
        char path[512];
        Kept again;
        int r;

        r = kept_write(kept, home, units);
        require(r == 0 || r == 1 || (r == -E2BIG && mechanism_is_drop_in(kept->mechanism)));
        require(kept_read(&again) == (kept->port != 0) && kept_equal(&again, kept));
        if (r < 0)
                return false;

        require(!!fuzz_file_find(KEPT_PORT_FILE) == (kept->mechanism == MECHANISM_CONFIG));
        require(!!fuzz_file_find(KEPT_MOVED_FILE) == mechanism_is_drop_in(kept->mechanism));
        require(count_drop_ins() == mechanism_is_drop_in(kept->mechanism));
        if (count_drop_ins() > 0) {
                sprintf(path, KEPT_DROP_INS "/%s.d/" UNIT_DROP_IN,
                        kept->mechanism == MECHANISM_SOCKET ? units->socket : units->service);
                require(fuzz_file_find(path));
        }

        /* Once and for all: not a file is touched again. */
        fuzz_files.n_writes = 0;
        require(kept_clean(kept) == 0 && kept_write(kept, home, units) == 0);
        require(fuzz_files.n_writes == 0);
        return true;
}

static void try_cut(const Kept *from, const Kept *to, uint16_t home, const KeptUnits *units, unsigned cut_at) {
        Kept kept, none = { .mechanism = MECHANISM_NONE };
        int r;

        fuzz_files.n_writes = 0;
        fuzz_files.cut_at = cut_at;
        r = kept_write(to, home, units);
        require(r >= 0 || r == -EIO || r == -E2BIG);
        fuzz_files.cut_at = 0;

        require(kept_read(&kept) >= 0);
        require(kept_equal(&kept, to) || (r == -EIO && (kept_equal(&kept, from) || kept_equal(&kept, &none))));
        (void) try_writing(to, home, units);
}

static void try_reset(const KeptUnits *units) {
        DisabledSocket disabled = { .service_was_enabled = true };
        DisabledSocket disabled_again;
        uint16_t port;

        strcpy(disabled.socket, units->socket);
        strcpy(disabled.service, units->service);
        require(kept_write_disabled_socket(&disabled) >= 0 && kept_read_disabled_socket(&disabled_again) == 1);
        require(streq(disabled.socket, disabled_again.socket) && streq(disabled.service, disabled_again.service));
        require(kept_write_last_port(2222) >= 0 && kept_read_last_port(&port) == 1 && port == 2222);
        require(kept_mark_unread(true) == 0 && fuzz_file_find(KEPT_UNREAD_FILE));

        require(kept_write(&(const Kept){ .mechanism = MECHANISM_NONE }, 0, units) >= 0);
        require(kept_reset(NULL) >= 0);
        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                require(!fuzz_files.files[i].path[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint8_t there = fuzz_byte(&input), cut_at = fuzz_byte(&input);
        KeptUnits units = { .command = { .program = "/usr/sbin/sshd" } };
        _cleanup_free_ char *streams = NULL;
        uint16_t home;
        Kept to, from;

        to = take_kept(&input);
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
        /* What can't be read is nothing to go back to. */
        if (kept_read(&from) < 0 || !try_writing(&from, home, &units)) {
                from = (Kept){ .mechanism = MECHANISM_NONE };
                require(try_writing(&from, home, &units));
        }
        try_cut(&from, &to, home, &units, cut_at % 12U + 1);
        try_reset(&units);

        fuzz_files_clear();
        return 0;
}
