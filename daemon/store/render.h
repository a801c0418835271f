/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "sshd/dump.h"
#include "sshd/options.h"

/* What our files say, as text, and what such a text means. */

#define RENDER_SIZE_MAX 640 /* the names of two units among it */
#define RENDER_DROP_IN_SIZE_MAX 4096

/* What SocketActivation=disable has changed, to be undone. */
typedef struct DisabledSocket {
        char socket[256], service[256]; /* unit names; "" where nothing was changed */
        bool service_was_enabled;
        bool unfinished; /* a change, this way or back, is under way or was cut off: it may be that neither listens */
} DisabledSocket;

/* The dynamic part of sshd's configuration: moves sshd to @port. @home is named in its comment. */
void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]);

/* The port such a file moves sshd to; -EBADMSG if @text is not what we write. */
int render_parse_port_file(const char *text, uint16_t *ret_port);

/* The port that clients know, kept over a way back so that the next conflict takes it again. */
void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_last_port_file(const char *text, uint16_t *ret_port);

/* What our files say. */
typedef struct Placement {
        uint16_t port; /* where sshd is moved to; 0: nowhere */
        Mechanism mechanism;
        uint16_t beside[SSHD_PORTS_MAX]; /* of its own ports those that stay, where a drop-in says so */
        size_t n_beside;
} Placement;

/* Where sshd is moved to by anything but the port file: the decision that a drop-in below /run is made of at each
 * boot. */
void render_moved_file(const Placement *placement, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_moved_file(const char *text, Placement *ret);

void render_disabled_socket(const DisabledSocket *disabled, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_disabled_socket(const char *text, DisabledSocket *ret);

/* A socket's drop-in: @streams (words, as systemd's property Listen has the addresses) with each port but those
 * of @beside replaced by @port, none twice; what isn't an address and a port stays as it is. @streams is kept in
 * it. Returns 0, or -E2BIG where it is too long, or has what a unit file can't hold. */
int render_socket_drop_in(const char *streams, uint16_t port, const uint16_t *beside, size_t n_beside,
                          char ret_text[static RENDER_DROP_IN_SIZE_MAX]);

/* The addresses that such a drop-in has taken the place of. 0, or -EBADMSG if @text isn't what we write. */
int render_parse_socket_drop_in(const char *text, char *ret_streams, size_t size);

/* A service's drop-in: its own command and, behind it, `-p` for each of @beside and @port. Returns 0, or -E2BIG where
 * it is too long, or has what a unit file can't hold. */
int render_service_drop_in(const SshdCommand *command, uint16_t port, const uint16_t *beside, size_t n_beside,
                           char ret_text[static RENDER_DROP_IN_SIZE_MAX]);
