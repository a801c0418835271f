/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

#define SSHD_CONFIG_FILE "/etc/ssh/sshd_config"

/* What `sshd -T` without further options makes its answer of, boiled down to a number: the program, its configuration
 * with all that this includes, and the host keys with what belongs to them. As long as the number is the same, so is the
 * answer.
 *
 * Returns 0 and *@ret, which is never 0; -EOPNOTSUPP where more than files goes into it (host names, an Include that is not
 * plain), or another negative errno. */
int sshd_inputs(const char *program, const char *config, uint64_t *ret);
