/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Defines property_NAME(), which answers Get() of a property of the D-Bus type @type with the value of
 * @expression. The expression may use userdata, as the vtable was added with. */
#define DEFINE_BUS_GETTER(name, type, expression)                                                          \
        static int property_##name(sd_bus *bus, const char *path, const char *interface,                   \
                                   const char *property, sd_bus_message *reply, void *userdata,            \
                                   sd_bus_error *error) {                                                  \
                (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error; \
                return sd_bus_message_append(reply, type, (expression));                                   \
        }                                                                                                  \
        struct swallow_the_semicolon
