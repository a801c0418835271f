/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "kernel/rtnetlink.h"

/* The links, routes and addresses of this network namespace, by rtnetlink: the traces that WSL's networking
 * mode leaves, and the addresses that other machines can use. */
typedef struct Routes Routes;

int routes_new(Routes **ret);
void routes_free(Routes *routes);
DEFINE_TRIVIAL_CLEANUP(Routes *, routes_free);

/* See route_to_mode(). */
int routes_read_mode(Routes *routes, NetworkingMode *ret);

/* Writes the addresses that other machines can use to @ret, at most @size of them: those of global scope, on
 * interfaces that are up and don't lead to containers or virtual machines. Once routes_watch() runs, the kernel
 * is asked only after a change. Returns their number, which can be more than @size, or a negative errno. */
int routes_list_addresses(Routes *routes, Address *ret, size_t size);

/* Takes those out of @endpoints whose address this machine has on any interface, of whatever scope. Returns 0,
 * or a negative errno and the set is as it was. */
int routes_keep_absent(Routes *routes, Endpoints *endpoints);

/* Calls back when links, IPv4 rules or routes, or addresses have changed: once, 200 ms after the last
 * change, but no later than 1 s after the first. Whoever reads them after this call misses no change. To be called
 * once. Returns 0 or a negative errno. */
int routes_watch(Routes *routes, sd_event *event, ChangeHandler callback, void *userdata);
