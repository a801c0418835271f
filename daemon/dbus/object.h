/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/log.h"
#include "core/status.h"

/* /org/wslport1 on the system bus, with the interface org.wslport1.Manager: shows the status, takes calls,
 * sends signals. It connects again whenever the bus daemon was gone. */
typedef struct BusObject BusObject;

typedef struct BusObjectHandlers {
        /* The bus daemon has answered over @bus, or with NULL: the connection has ended. */
        void (*on_bus)(sd_bus *bus, void *userdata);
        /* Carries out Reload(). Returns 0, or a negative errno and the first error in *@ret_error, to be
         * freed. */
        int (*reload)(char **ret_error, void *userdata);
        /* Begins Probe(), Relocate() or Restore() for the user @uid, and answers @call when it is done. Returns
         * 0, or -EBUSY while another request is under way. */
        int (*request)(Request request, uint16_t port, sd_bus_message *call, uint32_t uid, void *userdata);
} BusObjectHandlers;

/* All arguments have to outlive the object. It shows @status as it is at each call. Returns 0 or -ENOMEM. */
int bus_object_new(sd_event *event, const Log *log, const Status *status, const BusObjectHandlers *handlers,
                   void *userdata, BusObject **ret);
void bus_object_free(BusObject *bus);

/* Begins to connect. Failures are logged and tried again. */
void bus_object_connect(BusObject *bus);

/* Sends PropertiesChanged with @names, NULL-terminated, as status_changes() names them. */
void bus_object_changed(BusObject *bus, const char *const names[]);

/* Sends a signal of the interface, its arguments as for sd_bus_emit_signal(3). Without a bus, signals are lost. */
void bus_object_emit(BusObject *bus, const char *signal, const char *types, ...);
