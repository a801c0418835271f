/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "ctl/verb.h"

/* The output of --json. Keys are the names of org.wslport1's properties and signals. */

void ctl_json_add_text(json_object *object, const char *key, const char *text);
void ctl_json_add_number(json_object *object, const char *key, uint64_t number);

json_object *ctl_json_status(const Status *status);
json_object *ctl_json_listeners(const Status *status);

/* Reads the daemon's properties, and prints what @make makes of them, or without --json calls @print. Returns
 * an exit status. */
int ctl_show_status(Ctl *ctl, json_object *(*make)(const Status *status),
                    void (*print)(const Ctl *ctl, const Status *status));

/* Prints @object on one line, and frees it. */
void ctl_json_print(json_object *object);
