/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/files.h"

static int read_placement(Placement *ret, const Log *log) {
        int r;

        *ret = (Placement){ 0 };
        r = store_read_placement(ret);
        if (r >= 0 || errno_is_passing(r))
                return r;

        log_error_errno(log, r, "What is in " STATEDIR " is not what wslportd writes and is taken away");
        (void) store_set_mark(STORE_RELOAD_DUE_FILE, true); /* a generator may have made units of it */
        r = store_write_placement(ret, 0, NULL);
        if (r < 0)
                log_error_errno(log, r, "It can't be taken away");
        return 0;
}

int files_read(Files *files, const Log *log) {
        int r;

        files->disabled = (DisabledSocket){ 0 };
        r = read_placement(&files->placement, log);
        if (r >= 0)
                r = store_read_disabled_socket(&files->disabled);
        if (errno_is_passing(r))
                return log_error_errno(log, r, "What is in " STATEDIR " could not be read");
        if (r < 0)
                log_error_errno(log, r, "%s can't be used", STORE_DISABLED_SOCKET_FILE);

        files->last_port = 0;
        r = store_read_last_port(&files->last_port);
        if (r < 0)
                log_message(log, LOG_WARNING, "%s can't be used: %s", STORE_LAST_PORT_FILE,
                            strerrordesc_np(-r));
        files->saved_port = files->last_port;
        files->reload_due = store_has_mark(STORE_RELOAD_DUE_FILE);
        files->until_boot = store_has_mark(STORE_MOVED_UNTIL_BOOT_FILE);
        files->requested = store_has_mark(STORE_REQUESTED_FILE);
        return 0;
}

void files_save(Files *files, const Log *log) {
        uint16_t port = files->placement.port;
        int r;

        if (files->until_boot && store_write_placement(&files->placement, 0, NULL) >= 0)
                files->until_boot = store_has_mark(STORE_MOVED_UNTIL_BOOT_FILE);
        if (port == 0 || port == files->saved_port)
                return;

        r = store_write_last_port(port);
        if (r >= 0)
                files->saved_port = port;
        else if (port != files->last_port)
                log_error_errno(log, r, "%s can't be written", STORE_LAST_PORT_FILE);
        files->last_port = port;
}

void files_note_request(Files *files, bool requested, const Log *log) {
        int r;

        files->requested = requested;
        r = store_set_mark(STORE_REQUESTED_FILE, requested);
        if (r < 0)
                log_error_errno(log, r, "%s can't be brought up to date", STORE_REQUESTED_FILE);
}

void files_end_switch(Files *files, bool undone, const Log *log) {
        int r;

        files->disabled.unfinished = false;
        if (undone)
                files->disabled = (DisabledSocket){ 0 };
        r = store_write_disabled_socket(undone ? NULL : &files->disabled);
        if (r < 0)
                log_error_errno(log, r, "%s can't be brought up to date", STORE_DISABLED_SOCKET_FILE);
}
