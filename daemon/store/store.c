/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store.h"

#include <glob.h>
#include <limits.h>

#include "base/fs.h"

/* Returns 1 and the file's text, 0 if there is no such file, or a negative errno. */
static int read_text(const char *path, char *text, size_t size) {
        ssize_t n = fs_read(path, text, size);

        return n == -ENOENT ? 0 : n < 0 ? (int) n : 1;
}

static int read_port(const char *path, const char *keyword, uint16_t *ret) {
        char text[RENDER_SIZE_MAX];
        int r;

        r = read_text(path, text, sizeof(text));
        if (r > 0 && render_parse_port(text, keyword, ret) < 0)
                return -EBADMSG;
        return r;
}

/* Returns 0 or a negative errno. @text NULL: removes the file. */
static int write_or_remove(const char *path, const char *text) {
        int r = text ? fs_write_if_changed(path, text) : fs_remove(path);

        return r < 0 ? r : 0;
}

int store_read_placement(Placement *ret) {
        char text[RENDER_SIZE_MAX];
        Placement placement = { 0 };
        int r;

        /* store_write_placement() writes, and removes, this file before the others. */
        r = read_text(STORE_MOVED_UNTIL_BOOT_FILE, text, sizeof(text));
        if (r == 0)
                r = read_text(STORE_MOVED_FILE, text, sizeof(text));
        if (r > 0)
                r = render_parse_moved_file(text, &placement) < 0 ||
                                                    !mechanism_is_drop_in(placement.mechanism)
                                    ? -EBADMSG
                                    : 0;
        else if (r == 0) {
                r = read_port(STORE_PORT_FILE, RENDER_PORT_KEYWORD, &placement.port);
                placement.mechanism = r > 0 ? MECHANISM_CONFIG : MECHANISM_NONE;
        }
        if (r < 0)
                return r;

        *ret = placement;
        return placement.port != 0;
}

/* ── drop-ins ── */

static void drop_in_path(const char *unit, char ret[static PATH_MAX]) {
        snprintf(ret, PATH_MAX, STORE_DROP_INS "/%s.d/" UNIT_DROP_IN, unit);
}

static int drop_in_write(const Placement *placement, const BareUnits *units) {
        char text[RENDER_DROP_IN_SIZE_MAX], path[PATH_MAX];
        int r;

        if (placement->mechanism == MECHANISM_SOCKET) {
                drop_in_path(units->socket, path);
                r = render_socket_drop_in(units->streams, placement->port, placement->beside,
                                          placement->n_beside, text);
        } else {
                drop_in_path(units->service, path);
                r = render_service_drop_in(&units->command, placement->port, placement->beside,
                                           placement->n_beside, text);
        }
        return r < 0 ? r : fs_write_if_changed(path, text);
}

int store_write_placement(const Placement *placement, uint16_t home, const BareUnits *units) {
        bool has_drop_in = mechanism_is_drop_in(placement->mechanism);
        char text[RENDER_SIZE_MAX], path[PATH_MAX];
        int r, q;

        render_moved_file(placement, text);
        r = write_or_remove(STORE_MOVED_FILE, has_drop_in ? text : NULL);
        if (r >= 0 || has_drop_in)
                r = write_or_remove(STORE_MOVED_UNTIL_BOOT_FILE, r < 0 ? text : NULL);
        if (r < 0)
                return r;
        render_port_file(placement->port, home, text);
        r = write_or_remove(STORE_PORT_FILE, placement->mechanism == MECHANISM_CONFIG ? text : NULL);
        if ((r < 0 && !has_drop_in) || !units) /* a drop-in overrides the port file */
                return r;

        drop_in_path(placement->mechanism == MECHANISM_SOCKET ? units->socket : units->service, path);
        r = fs_remove_all(STORE_DROP_INS "/*.d/" UNIT_DROP_IN, has_drop_in ? path : NULL);
        if (r < 0 || !has_drop_in)
                return r;
        q = drop_in_write(placement, units);
        return q < 0 ? q : r > 0 || q > 0;
}

static int read_own_streams(const UnitState *socket, char ret[static UNIT_STREAMS_SIZE]) {
        char text[RENDER_DROP_IN_SIZE_MAX], path[PATH_MAX];
        int r;

        if (socket->overridden) {
                drop_in_path(socket->id, path);
                r = read_text(path, text, sizeof(text));
                if (r > 0 && render_parse_socket_drop_in(text, ret, UNIT_STREAMS_SIZE) >= 0)
                        return 0;
                if (errno_is_passing(r))
                        return r;
        }
        memcpy(ret, socket->streams, UNIT_STREAMS_SIZE);
        return 0;
}

int store_read_bare_units(ManagedUnits managed, BareUnits *ret) {
        BareUnits bare = { 0 };
        int r;

        if (managed.service) {
                snprintf(bare.service, sizeof(bare.service), "%s", managed.service->id);
                bare.command = managed.service->command;
                bare.hidden = unit_hides(managed.service, STATEDIR "/sshd.d");
                if (managed.service->overridden)
                        sshd_options_without_ours(bare.command.arguments);
        }
        if (managed.socket) {
                snprintf(bare.socket, sizeof(bare.socket), "%s", managed.socket->id);
                r = read_own_streams(managed.socket, bare.streams);
                if (r < 0)
                        return r;
        }

        *ret = bare;
        return 0;
}

void store_find_moved_service(char ret[static 256]) {
        glob_t paths = { 0 };

        ret[0] = '\0';
        if (glob(STORE_DROP_INS "/*.{service,socket}.d/" UNIT_DROP_IN, GLOB_BRACE, NULL, &paths) == 0) {
                const char *name = paths.gl_pathv[0] + strlen(STORE_DROP_INS "/"), *end = name;

                for (const char *s = name; (s = strstr(s, ".s")); s++)
                        end = s;
                snprintf(ret, 256, "%.*s.service", (int) (end - name), name);
        }
        globfree(&paths);
}

/* ── all of our files ── */

int store_clean(const Placement *placement) {
        int first = fs_remove_all("{/run/wslportd/.*.new," STATEDIR "/.*.new," STATEDIR
                                  "/sshd.d/.*.new," STORE_DROP_INS "/*.d/." UNIT_DROP_IN ".new}",
                                  NULL);

        if (placement->mechanism != MECHANISM_CONFIG)
                note_error(&first, fs_remove(STORE_PORT_FILE));
        return first < 0 ? first : 0;
}

int store_reset(const char *spared) {
        static const char *const files[] = { STORE_MOVED_FILE, STORE_PORT_FILE, STORE_LAST_PORT_FILE,
                                             STORE_DISABLED_SOCKET_FILE };
        char path[PATH_MAX];
        int first = 0, r;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                note_error(&first, fs_remove(files[i]));
        note_error(&first, fs_remove_all("/run/wslportd/{*,.*.new}", NULL));
        drop_in_path(strempty(spared), path);
        r = fs_remove_all(STORE_DROP_INS "/*.d/{" UNIT_DROP_IN ",." UNIT_DROP_IN ".new}", path);
        note_error(&first, r);
        return first < 0 ? first : r;
}

/* ── what else is remembered ── */

int store_set_mark(const char *path, bool set) {
        return write_or_remove(path, set ? "" : NULL);
}

int store_note_unread(const Placement *in_force, uint16_t home, const char *streams) {
        char text[RENDER_DROP_IN_SIZE_MAX];

        render_unread_file(in_force, home, streams, text);
        return write_or_remove(STORE_RELOAD_DUE_FILE, in_force->port != 0 ? text : "");
}

int store_take_back_unread(const char *socket, const char *streams, Placement *placement) {
        char text[RENDER_DROP_IN_SIZE_MAX];
        BareUnits units = { 0 };
        Placement before = { 0 };
        uint16_t home = 0;
        int r;

        r = read_text(STORE_RELOAD_DUE_FILE, text, sizeof(text));
        if (r > 0 && text[0])
                r = render_parse_unread_file(text, &before, &home, units.streams, sizeof(units.streams)) >=
                    0;
        /* If the last run was cut off in the midst of writing, *placement may be what was before already. */
        if (r <= 0 || streams_have_port(streams, before.port ?: placement->port) == (before.port == 0))
                return r < 0 ? r : 0;

        snprintf(units.socket, sizeof(units.socket), "%s", socket);
        r = store_write_placement(&before, home, &units);
        if (r >= 0)
                *placement = before;
        return r;
}

bool store_has_mark(const char *path) {
        return access(path, F_OK) >= 0 || (errno != ENOENT && errno != ENOTDIR);
}

int store_read_disabled_socket(DisabledSocket *ret) {
        char text[RENDER_SIZE_MAX];
        int r;

        r = read_text(STORE_DISABLED_SOCKET_FILE, text, sizeof(text));
        if (r > 0 && render_parse_disabled_socket(text, ret) < 0)
                return -EBADMSG;
        return r;
}

int store_write_disabled_socket(const DisabledSocket *disabled) {
        char text[RENDER_SIZE_MAX];

        if (disabled)
                render_disabled_socket(disabled, text);
        return write_or_remove(STORE_DISABLED_SOCKET_FILE, disabled ? text : NULL);
}

int store_read_last_port(uint16_t *ret) {
        return read_port(STORE_LAST_PORT_FILE, "", ret);
}

int store_write_last_port(uint16_t port) {
        char text[RENDER_SIZE_MAX];

        render_last_port_file(port, text);
        return write_or_remove(STORE_LAST_PORT_FILE, text);
}
