/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/unit.h"

#include "windows/wsl.h"

/* Returns 1, 0, or a negative errno if only systemd can tell. To systemd, WSL is a container. (systemd,
 * src/basic/virt.c) */
static int test_virtualization(const char *parameter) {
        static const char *const met[] = { "wsl", "container", "yes", "y", "true", "t", "on", "1" };
        NetworkingMode mode;

        if (wsl_detect(&mode) < 0 || mode == MODE_NOT_WSL || *parameter == '|' ||
            streq(parameter, "private-users"))
                return -ENODATA;
        return string_index(parameter, met, ELEMENTSOF(met)) >= 0;
}

const char *unit_find_unmet(const UnitState *state) {
        WORDS_FOREACH (condition, state->conditions) {
                const char *kind = startswith(condition, "Assert") ?: startswith(condition, "Condition"),
                           *path;
                const char *equals = strchr(condition, '='), *parameter = equals ? equals + 1 : "";
                bool negate = *parameter == '!';
                int r = -ENODATA; /* also with a `|`: then another may be met in its place */

                if (kind && startswith(kind, "Virtualization="))
                        r = test_virtualization(parameter + negate);
                else if (kind && startswith(kind, "PathExists=") && *(path = parameter + negate) == '/' &&
                         !startswith(path, "/dev/")) /* our unit has another /dev */
                        r = access(path, F_OK) >= 0 ? 1 : errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
                if (r >= 0 && (r > 0) == negate)
                        return condition;
        }
        return NULL;
}
