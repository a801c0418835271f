/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/home.h"
#include "sshd/options.h"

/* The texts of our files: each is written in one way only, and its parser refuses every other text with
 * -EBADMSG. Pure. */

#define RENDER_SIZE_MAX 640 /* fits the names of two units */
#define RENDER_DROP_IN_SIZE_MAX 4096

/* The port file is a piece of sshd's configuration. A comment in it names the port @home. */
#define RENDER_PORT_KEYWORD "Port "
void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]);

/* The file "moved": a placement, by a drop-in that is written anew at each boot. */
void render_moved_file(const Placement *placement, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_moved_file(const char *text, Placement *ret);

/* The port that sshd was moved to last. It stays after a way back, so that the next conflict takes the port
 * that clients know. */
void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]);

/* Reads the file of a port: @keyword stands before it, RENDER_PORT_KEYWORD or "". */
int render_parse_port(const char *text, const char *keyword, uint16_t *ret_port);

/* What SocketActivation=disable has changed, to be undone. */
typedef struct DisabledSocket {
        char socket[256], service[256]; /* unit names; "" if nothing was changed */
        bool service_was_enabled;
        bool unfinished; /* a change or its undoing has begun and not ended: perhaps neither unit listens */
} DisabledSocket;

void render_disabled_socket(const DisabledSocket *disabled, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_disabled_socket(const char *text, DisabledSocket *ret);

/* A socket unit's drop-in. It repeats @streams (words, as in systemd's property Listen) with @port in the place of
 * each port that isn't one of @beside, no address twice; what isn't an address with a port stays. It holds @streams
 * too, for the parser. Returns 0, or -E2BIG if the text is too long or a unit file can't hold it. */
int render_socket_drop_in(const char *streams, uint16_t port, const uint16_t *beside, size_t n_beside,
                          char ret_text[static RENDER_DROP_IN_SIZE_MAX]);
int render_parse_socket_drop_in(const char *text, char *ret_streams, size_t size);

/* The file "unread": the placement @in_force, sshd's first own port @home, and the words of @streams, a socket unit's own
 * addresses of less than 3000 letters. */
void render_unread_file(const Placement *in_force, uint16_t home, const char *streams,
                        char ret_text[static RENDER_DROP_IN_SIZE_MAX]);
int render_parse_unread_file(const char *text, Placement *ret_in_force, uint16_t *ret_home,
                             char *ret_streams, size_t size);

/* A service's drop-in: its own command, and a `-p` for each of @beside and for @port. Returns as above. */
int render_service_drop_in(const SshdCommand *command, uint16_t port, const uint16_t *beside,
                           size_t n_beside, char ret_text[static RENDER_DROP_IN_SIZE_MAX]);
