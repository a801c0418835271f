/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* The keys of the configuration file, and the form of their values. */

/* A value, and where it is refused what would be right. */
typedef struct ConfigValue {
        const char *text;
        char remedy[256]; /* empty: .expected of the key says it */
} ConfigValue;

typedef struct ConfigKey {
        const char *section, *name;
        int (*parse)(ConfigValue *value, Config *config); /* 0, or -EINVAL and *@config is untouched */
        void (*print)(const Config *config,
                      FILE *out); /* the value, in a form that is read back to the same */
        const char *expected;     /* ends the sentence "write …" */
} ConfigKey;

/* By CONFIG_RELOCATE and its like; the keys of one section stand together. */
extern const ConfigKey config_keys[_CONFIG_KEY_MAX];

bool config_has_section(const char *name, size_t length);

/* NULL where @section has no such key. */
const ConfigKey *config_find_key(const char *section, const char *name);

#define CONFIG_LIST_SIZE 128

/* The keys of @section, or with NULL the sections, for people. Returns @ret. */
const char *config_list_names(const char *section, char ret[static CONFIG_LIST_SIZE]);
