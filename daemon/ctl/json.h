/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "core/status.h"

/* --json. The keys are the names of org.wslport1's properties and signals; numbers stay numbers, each
 * listener and each address is an object. NULL: no memory. */

static inline void json_object_putp(json_object **object) {
        json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

json_object *ctl_json_status(const Status *status);
json_object *ctl_json_listeners(const Status *status);

/* Adds to an object, to an array; @value is taken over in any case. Returns false where there is no memory,
 * or NULL is given for one. */
bool ctl_json_add(json_object *object, const char *key, json_object *value);
bool ctl_json_add_text(json_object *object, const char *key, const char *text);
bool ctl_json_add_number(json_object *object, const char *key, uint64_t number);

bool ctl_json_append(json_object *array, json_object *value);

/* Prints @object (NULL: there was no memory for it) in one line, and frees it. CTL_OK or CTL_FAILED. */
int ctl_json_print(json_object *object);
