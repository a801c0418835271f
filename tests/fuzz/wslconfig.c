/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"
#include "fuzz/fuzz.h"

/* Any bytes as .wslconfig, and as wsl.conf. The parsers read nothing beyond them, name only lines that
 * exist, give values of the text, and keep the default for what they don't understand. The first two
 * bytes are the buffer's size. */

/* True if the text has a line of that number. */
static bool has_line(const char *text, unsigned line) {
        for (; line > 1; line--) {
                text = strchr(text, '\n');
                if (!text)
                        return false;
                text++;
        }
        return line == 1 && *text;
}

static void require_setting(const char *text, const WslSetting *setting) {
        require(setting->line == 0 || has_line(text, setting->line));
        require(setting->section_line == 0 || has_line(text, setting->section_line));
}

static void try_config(const char *text) {
        WslConfig config, again;

        wslconfig_parse(text, &config);
        require_setting(text, &config.networking_mode);
        require_setting(text, &config.ignored_ports);
        require_setting(text, &config.instance_idle_timeout);
        require_setting(text, &config.vm_idle_timeout);
        require(config.mode < MODE_WSL1);
        require(config.mode == MODE_UNKNOWN || config.networking_mode.line > 0);
        require(config.n_ports <= WSLCONFIG_PORTS_MAX &&
                (config.n_ports == 0 || config.ignored_ports.line > 0));
        for (size_t i = 0; i < config.n_ports; i++)
                require(config.ports[i] > 0);
        require(config.instance_idle_msec == WSLCONFIG_INSTANCE_IDLE_MSEC ||
                config.instance_idle_timeout.line > 0);
        require(config.vm_idle_msec == WSLCONFIG_VM_IDLE_MSEC || config.vm_idle_timeout.line > 0);

        /* No member keeps what was in memory before. */
        memset(&again, 0xff, sizeof(again));
        wslconfig_parse(text, &again);
        require(again.mode == config.mode && again.n_ports == config.n_ports &&
                memcmp(again.ports, config.ports, config.n_ports * sizeof(config.ports[0])) == 0);
}

static void try_get(const char *text, const char *section, const char *key) {
        char value[WSLCONFIG_VALUE_SIZE];
        WslSetting setting;

        fuzz_untouched(value);
        if (wslconfig_get(text, section, key, &setting, value)) {
                require(memchr(value, '\0', sizeof(value)) && has_line(text, setting.line));
                require(strcasestr(text, key) && setting.section_line > 0);
        } else {
                require_untouched(value);
                require(setting.line == 0);
        }
        require_setting(text, &setting);
}

static void try_wsl_conf(const char *text) {
        WslConf conf;

        wsl_conf_parse(text, &conf);
        require(memchr(conf.root, '\0', sizeof(conf.root)));
        require(conf.root[0] == '/' && conf.root[strlen(conf.root) - 1] == '/');
        require((conf.automount && conf.interop) || strcasestr(text, "enabled"));
}

static void try_text(const char *text) {
        try_config(text);
        try_get(text, "wsl2", "networkingMode");
        try_get(text, "automount", "root");
        try_wsl_conf(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        size_t text_size = (size_t) fuzz_u16(&input) + 1;
        /* No byte more, for the sanitizer. */
        _cleanup_free_ char *bytes = malloc(input.size), *text = malloc(text_size);
        bool wide;
        int r;

        require(text && (bytes || input.size == 0));
        if (input.size > 0)
                memcpy(bytes, input.data, input.size);

        memset(text, FUZZ_UNTOUCHED, text_size);
        fuzz_untouched(wide);
        r = wslconfig_decode(bytes, input.size, text, text_size, &wide);
        if (r < 0) {
                require(r == -E2BIG && fuzz_is_untouched(text, text_size) &&
                        fuzz_is_untouched(&wide, sizeof(wide)));
                return 0;
        }
        require(r == 0 && memchr(text, '\0', text_size));
        require(strlen(text) <= (wide ? input.size / 2 : input.size));
        for (const char *c = text; wide && *c; c++)
                require(!(*c & 0x80));
        try_text(text);
        return 0;
}
