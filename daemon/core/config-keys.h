/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* The keys of the configuration file, and how their values are parsed and printed. */

/* A value, and for a refused one what would be right. */
typedef struct ConfigValue {
        const char *text;
        char remedy[256]; /* empty: see .expected of the key */
} ConfigValue;

typedef struct ConfigKey {
        const char *section, *name;
        int (*parse)(ConfigValue *value, Config *config); /* 0, or -EINVAL; then *@config has what
                                                             stands before the error in a list */
        void (*print)(const Config *config,
                      FILE *out); /* the value, in a form that is read back to the same */
        const char *expected;     /* ends the sentence "write …" */
} ConfigKey;

/* By ConfigKeyId. The keys of one section stand together. */
extern const ConfigKey config_keys[_CONFIG_KEY_MAX];

bool config_has_section(const char *name, size_t length);

/* NULL if @section has no such key. */
const ConfigKey *config_find_key(const char *section, const char *name);

#define CONFIG_LIST_SIZE 128

/* Lists the keys of @section for people, or with NULL the sections. Returns @ret. */
const char *config_list_names(const char *section, char ret[static CONFIG_LIST_SIZE]);
