/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"
#include "core/status.h"
#include "kernel/sockets.h"
#include "systemd/units.h"

/* Who listens on a port, here: the kernel's listeners, each with its owner, seen beside the managed unit. */

#define PORT_VIEW_LISTENERS_MAX 16

typedef struct PortView {
        Holder holder;   /* HOLDER_NONE where nothing here listens; Windows isn't looked at */
        char detail[80]; /* as PortFact's */
        bool ipv4, ipv6; /* which families the managed unit listens on there */
        size_t n_sshds;  /* of its listeners */
        StatusListener listeners[PORT_VIEW_LISTENERS_MAX];
        size_t n_listeners;
        usec_t spent; /* as Owner's, in all */
} PortView;

/* @port 0 is every port, and tells sshd's listeners only. Of more than fit, users' are passed over first. Does not
 * bind, and waits for no more than owner_find() does. @home, where it is known: an sshd that has the port on all of its
 * addresses is the holder, whoever else is there. Returns 0 or a negative errno. */
int holders_look(Sockets *sockets, ManagedUnits managed, const SshdHome *home, uint16_t port, PortView *ret);
