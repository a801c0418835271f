/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/owner.h"
#include "fuzz/fuzz.h"

/* The path of a cgroup, to which processes in the cgroup can add components. The unit's name is the first
 * component behind slices, and no component further down changes it. */

static bool is_slice(const char *name, size_t length) {
        return length > strlen(".slice") &&
               memcmp(name + length - strlen(".slice"), ".slice", strlen(".slice")) == 0;
}

static void require_first(const char *path, const char *unit) {
        size_t length;

        for (;;) {
                path += strspn(path, "/");
                length = strcspn(path, "/");
                if (!is_slice(path, length))
                        break;
                path += length;
        }
        if (*path == '_') {
                path++;
                length--;
        }
        require(length == strlen(unit) && memcmp(path, unit, length) == 0);
}

static void require_unit_name(const char *unit) {
        const char *dot = strrchr(unit, '.');

        require(fuzz_is_printable(unit, 256));
        require(!strpbrk(unit, "/ %$\"'"));
        require(dot && dot > unit &&
                (streq(dot, ".service") || streq(dot, ".socket") || streq(dot, ".scope")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        _cleanup_free_ char *path = fuzz_text(&input, '\n'), *inner = fuzz_text(&input, '\n'),
                            *longer = NULL;
        char unit[256], again[256];

        fuzz_untouched(unit);
        if (owner_unit_from_path(path, unit) < 0) {
                require(owner_unit_from_path(path, unit) == -ENXIO);
                require_untouched(unit);
                return 0;
        }
        require_unit_name(unit);
        require_first(path, unit);

        require(asprintf(&longer, "%s/%s", path, inner) >= 0);
        require(owner_unit_from_path(longer, again) == 0);
        require(streq(again, unit));
        return 0;
}
