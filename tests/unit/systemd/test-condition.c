/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/unit.h"
#include "unit/test.h"
#include "unit/words.h"

#include <sys/stat.h>

/* %T is a folder with the file `empty`, the file `full`, the folder `folder`, the link `link` to `full` and the link
 * `dangling`. */
static const struct {
        const char *name;
        const char *conditions;
        const char *unmet; /* "": none */
} rows[] = {
        { "none", "", "" },
        { "a file is there", "ConditionPathExists=%T/full", "" },
        { "a file isn't there", "ConditionPathExists=%T/none", "ConditionPathExists=%T/none" },
        { "a folder on the way is a file", "ConditionPathExists=%T/full/x", "ConditionPathExists=%T/full/x" },
        { "a file is not to be there", "ConditionPathExists=!%T/full", "ConditionPathExists=!%T/full" },
        { "a file is not to be there, and isn't", "ConditionPathExists=!%T/none", "" },
        { "links are followed", "ConditionPathExists=%T/link|ConditionPathExists=!%T/dangling", "" },
        { "an assertion", "AssertPathExists=%T/none", "AssertPathExists=%T/none" },
        { "an assertion holds", "AssertPathExists=!%T/none", "" },

        { "the first that isn't met", "ConditionPathExists=%T/full|ConditionPathExists=%T/a|ConditionPathExists=%T/b",
          "ConditionPathExists=%T/a" },
        { "one of two", "ConditionPathExists=\x01%T/none|ConditionPathExists=\x01%T/full", "" },
        { "none of two: not told", "ConditionPathExists=\x01%T/a|ConditionPathExists=\x01!%T/full", "" },
        { "one of two that can't be told", "ConditionPathExists=\x01%T/none|ConditionKernelCommandLine=\x01x", "" },
        { "one of one, and another", "ConditionPathExists=\x01%T/full|ConditionPathExists=%T/a",
          "ConditionPathExists=%T/a" },

        { "kinds that only systemd can tell", "ConditionKernelCommandLine=x|ConditionPathIsReadWrite=%T/none|"
          "ConditionPathIsMountPoint=%T/none|ConditionPathIsDirectory=%T/none|ConditionFileNotEmpty=%T/none|ConditionNeedsUpdate=/etc|AssertHost=x|ConditionPathExistsGlob=%T/none*", "" },
        { "places that wslportd sees otherwise", "ConditionPathExists=/dev/none", "" },
};

static char folder[] = "/tmp/test-condition-XXXXXX";

/* Puts the folder's name in the place of each %T, and `|` for \x01. */
static const char *expand(const char *text, bool words) {
        static char ret[2][2048];
        static size_t next;
        char *to = ret[next++ % 2];
        size_t n = 0;

        for (; *text; text++)
                if (startswith(text, "%T")) {
                        n += (size_t) sprintf(to + n, "%s", folder);
                        text++;
                } else
                        to[n++] = words && *text == '|' ? '\0' : *text == '\x01' ? '|' : *text;
        to[n] = to[n + 1] = '\0';
        return to;
}

static void test_conditions(const void *data) {
        const __typeof__(rows[0]) *row = data;
        UnitState unit = { 0 };

        memcpy(unit.conditions, expand(row->conditions, true), sizeof(unit.conditions));
        test_equal_string(strempty(unit_find_unmet(&unit)), expand(row->unmet, false));
}

static const struct {
        const char *name; /* the hidden paths */
        bool hides;
} hidden[] = {
        { "", false },
        { "/var/lib", true },
        { "/home|/var/lib/wslportd", true },
        { "/var/lib/wslportd/sshd.d", true },
        { "/var/lib/wslportd/sshd.d/x", false },
        { "/var/lib/wsl", false },
        { "-/var|/home", true },
        { "-+/var/lib", true },
        { "/", true },
        { "/var/lib/other|/etc", false },
};

static void test_hides(const void *data) {
        const __typeof__(hidden[0]) *row = data;
        UnitState unit = { 0 };

        memcpy(unit.sandbox.hidden, test_words(row->name), strlen(row->name) + 2);
        test_equal_int(unit_hides(&unit, "/var/lib/wslportd/sshd.d"), row->hides);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_conditions, rows),
                TEST_TABLE(test_hides, hidden),
        };
        char command[512];
        int r;

        test_assert(mkdtemp(folder));
        snprintf(command, sizeof(command),
                 "cd %s && : >empty && echo x >full && mkdir folder && ln -s full link && ln -s none dangling", folder);
        test_equal_int(system(command), 0);
        r = test_main(argc, argv, tests, ELEMENTSOF(tests));
        snprintf(command, sizeof(command), "rm -r %s", folder);
        test_equal_int(system(command), 0);
        return r;
}
