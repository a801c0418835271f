/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/verb.h"

/* The daemon, as the verbs ask it. */

/* Connects to the system bus; a second call does nothing. Returns CTL_OK, or CTL_NOT_RUNNING after it has
 * printed an error. */
int ctl_connect(Ctl *ctl);

/* Connects, and reads the daemon's properties. Returns CTL_OK, or another exit status after it has printed
 * an error. */
int ctl_get_status(Ctl *ctl, Status *ret);

/* Prints why a call failed: @error if the bus daemon or the daemon answered with one, else @r, a negative
 * errno. Returns the exit status. */
int ctl_bus_error(const sd_bus_error *error, int r);
