/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/programs.h"
#include "windows/wslconfig.h"

/* Any output of Windows' programs, and any wsl.conf. A parser reads nothing beyond the text, gives sound
 * and printable output, and leaves the output alone if it refuses the text. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static void require_untouched(const void *output, size_t size) {
        for (size_t i = 0; i < size; i++)
                require(((const uint8_t *) output)[i] == 0xa5);
}

static void require_printable(const char *text, size_t size) {
        require(memchr(text, '\0', size));
        for (; *text; text++)
                require(*text >= ' ' && *text <= '~');
}

#define UNTOUCHED(output) memset(&(output), 0xa5, sizeof(output))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1); /* no byte more, for the sanitizer */
        PortRange range;
        bool administered;
        char name[WINDOWS_NAME_SIZE], profile[64];
        WindowsStart start;
        WindowsRules rules;
        uint32_t pid;
        WslConf conf;

        if (!text)
                abort();
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';

        UNTOUCHED(range);
        if (windows_parse_excluded_range(text, 22, &range, &administered) == 0)
                require(range.last == 0 || (range.first <= 22 && range.last >= 22));
        else
                require_untouched(&range, sizeof(range));

        UNTOUCHED(range);
        if (windows_parse_dynamic_range(text, &range) == 0)
                require(range.first > 0 && range.first <= range.last);
        else
                require_untouched(&range, sizeof(range));

        UNTOUCHED(pid);
        if (windows_parse_listener(text, 22, &pid) == 1)
                require(pid > 0);
        else
                require_untouched(&pid, sizeof(pid));

        UNTOUCHED(name);
        if (windows_parse_task(text, 4312, name) == 0) {
                require_printable(name, sizeof(name));
                require(name[0] != '\0');
        } else
                require_untouched(name, sizeof(name));

        UNTOUCHED(start);
        if (windows_parse_start(text, &start) == 0)
                require(start >= WINDOWS_START_AUTOMATIC && start <= WINDOWS_START_DISABLED);
        else
                require_untouched(&start, sizeof(start));

        UNTOUCHED(profile);
        if (windows_parse_profile(text, "/mnt/", profile, sizeof(profile)) == 0) {
                require_printable(profile, sizeof(profile));
                require(memcmp(profile, "/mnt/", 5) == 0 && profile[6] == '/');
                require(!strstr(profile, "/../") && !strchr(profile, '\\'));
        } else
                require_untouched(profile, sizeof(profile));

        UNTOUCHED(rules);
        if (windows_parse_rules(text, 2222, &rules) == 0) {
                require(rules.n <= WINDOWS_RULES_MAX);
                for (size_t i = 0; i < rules.n; i++) {
                        require_printable(rules.rules[i].name, sizeof(rules.rules[i].name));
                        require_printable(rules.rules[i].remote, sizeof(rules.rules[i].remote));
                }
        } else
                require_untouched(&rules, sizeof(rules));

        wsl_conf_parse(text, &conf);
        require(memchr(conf.root, '\0', sizeof(conf.root)));
        require(conf.root[0] == '/' && conf.root[strlen(conf.root) - 1] == '/');
        return 0;
}
