/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wsl-conf.h"

#include <strings.h>

#include "windows/wslconfig.h"

static void read_bool(const char *text, const char *section, const char *key, bool *ret) {
        char value[8];
        unsigned line;

        if (wslconfig_get(text, section, key, value, sizeof(value), &line) <= 0)
                return;
        if (streq(value, "1") || strcasecmp(value, "true") == 0)
                *ret = true;
        else if (streq(value, "0") || strcasecmp(value, "false") == 0)
                *ret = false;
}

/* An absolute path; what isn't one leaves the default. */
static void read_root(const char *text, char ret[static WSL_CONF_ROOT_SIZE]) {
        char value[WSL_CONF_ROOT_SIZE];
        unsigned line;
        size_t length;

        if (wslconfig_get(text, "automount", "root", value, sizeof(value), &line) <= 0 || value[0] != '/')
                return;

        length = strlen(value);
        while (length > 1 && value[length - 1] == '/')
                length--;
        if (length + 2 <= WSL_CONF_ROOT_SIZE)
                snprintf(ret, WSL_CONF_ROOT_SIZE, "%.*s%s", (int) length, value, length > 1 ? "/" : "");
}

void wsl_conf_parse(const char *text, WslConf *ret) {
        *ret = (WslConf){ .automount = true, .interop = true, .root = "/mnt/" };

        read_bool(text, "automount", "enabled", &ret->automount);
        read_bool(text, "interop", "enabled", &ret->interop);
        read_root(text, ret->root);
}
