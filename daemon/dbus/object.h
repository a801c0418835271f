/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/log.h"
#include "core/status.h"

/* org.wslport1 on the system bus: shows the status, takes calls. Connects when asked to, and again whenever
 * the bus daemon went away. */
typedef struct BusObject BusObject;

/* What it needs of the one who decides. */
typedef struct BusObjectHandlers {
        /* The system bus is there, connected and answering; or it is gone (NULL). */
        void (*on_bus)(sd_bus *bus, void *userdata);
        /* Reload(). 0, or a negative errno and the first error in *@ret_error, to be freed. */
        int (*reload)(char **ret_error, void *userdata);
        /* Probe(), Relocate() and Restore(). 0: @call was taken over (referenced), and is answered when it
         * is done; or -EBUSY where another one is under way. */
        int (*request)(Request request, uint16_t port, sd_bus_message *call, void *userdata);
} BusObjectHandlers;

/* All that is pointed to outlives it; @status is shown as it is at each call, @log can be changed from the
 * bus. Returns 0 or -ENOMEM. */
int bus_object_new(sd_event *event, Log *log, const Status *status, const BusObjectHandlers *handlers,
                    void *userdata, BusObject **ret);
BusObject *bus_object_free(BusObject *bus);
DEFINE_TRIVIAL_CLEANUP(BusObject *, bus_object_free);

/* Begins to connect; errors are logged and tried again later. */
void bus_object_connect(BusObject *bus);

/* Tells everyone that these properties (NULL-terminated, as status_changes() names them) have changed: at
 * once, or, where much changes, together with what follows. */
void bus_object_changed(BusObject *bus, const char *const names[]);

/* The signals. They are lost where the bus isn't there. */
void bus_object_conflict(BusObject *bus, uint16_t port, Holder holder, const char *detail);
void bus_object_relocated(BusObject *bus, uint16_t from, uint16_t to);
void bus_object_restored(BusObject *bus, uint16_t port);
