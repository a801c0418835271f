/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model.h"

/* What our files say, as text, and what such a text means. */

#define RENDER_SIZE_MAX 512

/* The dynamic part of sshd's configuration: moves sshd to @port. @home is named in its comment. */
void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]);

/* The port such a file moves sshd to; -EBADMSG if @text is not what we write. */
int render_parse_port_file(const char *text, uint16_t *ret_port);

/* The port that clients know, kept over a way back so that the next conflict takes it again. */
void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]);
int render_parse_last_port_file(const char *text, uint16_t *ret_port);
