/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store.h"

#include <limits.h>

#include "base/fs.h"

/* 1 and the file's text, 0 where there is none, or a negative errno. */
static int read_text(const char *path, char *text, size_t size) {
        ssize_t n;

        n = fs_read(path, text, size);
        return n == -ENOENT ? 0 : n < 0 ? (int) n : 1;
}

static int read_port(const char *path, int (*parse)(const char *text, uint16_t *ret), uint16_t *ret) {
        char text[RENDER_SIZE_MAX];
        int r, q;

        r = read_text(path, text, sizeof(text));
        if (r <= 0)
                return r;

        q = parse(text, ret);
        return q < 0 ? q : r;
}

int store_read_placement(Placement *ret) {
        char text[RENDER_SIZE_MAX];
        Placement placement = { 0 };
        int r;

        /* It is written first and removed first. */
        r = read_text(STORE_MOVED_FILE, text, sizeof(text));
        if (r > 0)
                r = render_parse_moved_file(text, &placement);
        else if (r == 0) {
                r = read_port(STORE_PORT_FILE, render_parse_port_file, &placement.port);
                placement.mechanism = r > 0 ? MECHANISM_CONFIG : MECHANISM_NONE;
        }
        if (r < 0)
                return r;

        *ret = placement;
        return placement.port != 0;
}

static void drop_in_path(const char *unit, char ret[static PATH_MAX]) {
        snprintf(ret, PATH_MAX, STORE_DROP_INS "/%s.d/" UNIT_DROP_IN, unit);
}

static int drop_in_remove(const char *unit) {
        char path[PATH_MAX];
        int r, q;

        drop_in_path(unit, path);
        r = fs_remove(path);
        if (r <= 0)
                return r;

        *strrchr(path, '/') = '\0';
        q = fs_remove(path); /* others may have files there */
        return q < 0 && q != -ENOTEMPTY && q != -EEXIST ? q : 1;
}

static int drop_in_write(const Placement *placement, const BareUnits *units) {
        char text[RENDER_DROP_IN_SIZE_MAX], path[PATH_MAX];
        bool socket = placement->mechanism == MECHANISM_SOCKET;
        int r;

        drop_in_path(socket ? units->socket : units->service, path);
        r = socket ? render_socket_drop_in(units->streams, placement->port, placement->beside, placement->n_beside, text)
                   : render_service_drop_in(&units->command, placement->port, placement->beside, placement->n_beside, text);
        return r < 0 ? r : fs_write_if_changed(path, text);
}

/* Of the units' own and, where another unit was managed before, of all others but @spared. */
static int drop_ins_remove(const BareUnits *units, const char *spared) {
        const char *names[2 + 2 * UNIT_PAIRS];
        int changed = 0, r;
        size_t n = 0;

        names[n++] = units->socket;
        names[n++] = units->service;
        for (size_t i = 0; i < UNIT_PAIRS; i++) {
                names[n++] = unit_pairs[i].socket;
                names[n++] = unit_pairs[i].service;
        }

        for (size_t i = 0; i < n; i++) {
                if (!names[i][0] || streq(names[i], spared))
                        continue;
                r = drop_in_remove(names[i]);
                if (r < 0)
                        return r;
                changed = changed || r > 0;
        }
        return changed;
}

static int drop_ins_write(const Placement *placement, const BareUnits *units) {
        bool drop_in = mechanism_is_drop_in(placement->mechanism);
        int changed, r;

        changed = drop_ins_remove(units, !drop_in                              ? ""
                                         : placement->mechanism == MECHANISM_SOCKET ? units->socket
                                                                               : units->service);
        if (changed < 0 || !drop_in)
                return changed;

        r = drop_in_write(placement, units);
        return r < 0 ? r : changed || r > 0;
}

int store_write_placement(const Placement *placement, uint16_t home, const BareUnits *units) {
        char text[RENDER_SIZE_MAX];
        int r;

        if (mechanism_is_drop_in(placement->mechanism)) {
                render_moved_file(placement, text);
                r = fs_write_if_changed(STORE_MOVED_FILE, text);
        } else
                r = fs_remove(STORE_MOVED_FILE);
        if (r < 0)
                return r;

        if (placement->mechanism == MECHANISM_CONFIG) {
                render_port_file(placement->port, home, text);
                r = fs_write_if_changed(STORE_PORT_FILE, text);
        } else
                r = fs_remove(STORE_PORT_FILE);
        if (r < 0)
                return r;

        return units ? drop_ins_write(placement, units) : 0;
}

static const char *const files[] = { STORE_MOVED_FILE, STORE_PORT_FILE, STORE_LAST_PORT_FILE,
                                     STORE_DISABLED_SOCKET_FILE, STORE_RELOAD_DUE_FILE };

int store_set_reload_due(bool due) {
        int r;

        r = due ? fs_write_if_changed(STORE_RELOAD_DUE_FILE, "") : fs_remove(STORE_RELOAD_DUE_FILE);
        return r < 0 ? r : 0;
}

bool store_is_reload_due(void) {
        /* Not known is as good as there: it costs a daemon-reload. */
        return access(STORE_RELOAD_DUE_FILE, F_OK) >= 0 || (errno != ENOENT && errno != ENOTDIR);
}

static int drop_in_clean(const char *unit) {
        char path[PATH_MAX];

        drop_in_path(unit, path);
        return fs_clean(path);
}

/* Does something to each file that there may be; adds up whether a unit's drop-in was changed. */
static int for_all_files(int (*of_file)(const char *path), int (*of_drop_in)(const char *unit), const char *spared) {
        int first = 0, changed = 0;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                note_error(&first, of_file(files[i]));
        for (size_t i = 0; i < UNIT_PAIRS; i++) {
                const char *const units[] = { unit_pairs[i].service, unit_pairs[i].socket };

                for (size_t k = 0; k < ELEMENTSOF(units); k++) {
                        int r = spared && streq(units[k], spared) ? 0 : of_drop_in(units[k]);

                        note_error(&first, r);
                        changed = changed || r > 0;
                }
        }
        return first < 0 ? first : changed;
}

int store_clean(const Placement *placement) {
        int first = 0;

        note_error(&first, for_all_files(fs_clean, drop_in_clean, NULL));
        if (placement->mechanism != MECHANISM_CONFIG)
                note_error(&first, fs_remove(STORE_PORT_FILE));
        return first;
}

int store_reset(const char *spared) {
        return for_all_files(fs_remove, drop_in_remove, spared);
}

int store_read_own_streams(const UnitState *socket, char ret[static UNIT_STREAMS_SIZE]) {
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
                if (managed.service->overridden)
                        sshd_options_without_ours(bare.command.arguments);
        }
        if (managed.socket) {
                snprintf(bare.socket, sizeof(bare.socket), "%s", managed.socket->id);
                r = store_read_own_streams(managed.socket, bare.streams);
                if (r < 0)
                        return r;
        }

        *ret = bare;
        return 0;
}

int store_read_disabled_socket(DisabledSocket *ret) {
        char text[RENDER_SIZE_MAX];
        int r, q;

        r = read_text(STORE_DISABLED_SOCKET_FILE, text, sizeof(text));
        if (r <= 0)
                return r;

        q = render_parse_disabled_socket(text, ret);
        return q < 0 ? q : r;
}

int store_write_disabled_socket(const DisabledSocket *disabled) {
        char text[RENDER_SIZE_MAX];

        if (!disabled)
                return fs_remove(STORE_DISABLED_SOCKET_FILE);

        render_disabled_socket(disabled, text);
        return fs_write_if_changed(STORE_DISABLED_SOCKET_FILE, text);
}

int store_read_last_port(uint16_t *ret) {
        return read_port(STORE_LAST_PORT_FILE, render_parse_last_port_file, ret);
}

int store_write_last_port(uint16_t port) {
        char text[RENDER_SIZE_MAX];

        if (port == 0)
                return fs_remove(STORE_LAST_PORT_FILE);

        render_last_port_file(port, text);
        return fs_write_if_changed(STORE_LAST_PORT_FILE, text);
}
