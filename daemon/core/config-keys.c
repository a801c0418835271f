/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-keys.h"

#include <strings.h>

#include "base/log.h"

static int _printf_(2, 3) refuse(ConfigValue *value, const char *format, ...) {
        format_arguments(value->remedy, sizeof(value->remedy), format);
        return -EINVAL;
}

static const char *bool_to_string(bool value) {
        return value ? "yes" : "no";
}

static int bool_from_string(const char *s, bool *ret) {
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on",
                                             "n",  "y",   "f",     "t",    "0",   "1" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(s, words[i]) == 0) {
                        *ret = i % 2;
                        return 0;
                }

        return -EINVAL;
}

/* Parses and prints a key whose value is one of the words of @type. */
#define DEFINE_WORD_KEY(member, type)                                    \
        static int parse_##member(ConfigValue *value, Config *config) {  \
                return type##_from_string(value->text, &config->member); \
        }                                                                \
        static void print_##member(const Config *config, FILE *out) {    \
                fputs(type##_to_string(config->member), out);            \
        }                                                                \
        struct swallow_the_semicolon

DEFINE_WORD_KEY(relocate, relocate_policy);
DEFINE_WORD_KEY(restore, restore_policy);
DEFINE_WORD_KEY(socket_activation, socket_activation);
DEFINE_WORD_KEY(ensure_enabled, bool);
DEFINE_WORD_KEY(interop, bool);
DEFINE_WORD_KEY(log_level, log_level);

/* A port, or two with a dash between. -EINVAL for another form, -ERANGE for another number. */
static int parse_range(char *item, PortRange *ret) {
        char *dash = strchr(item, '-');
        PortRange range;
        int r;

        if (dash)
                *dash = '\0';
        r = parse_port(item, &range.first);
        if (r >= 0)
                r = parse_port(dash ? dash + 1 : item, &range.last);
        if (dash)
                *dash = '-';
        if (r >= 0)
                *ret = range;
        return r;
}

/* Reads one item of the list behind those that *@config has. An item that comes twice is a slip. */
static int parse_candidate(ConfigValue *value, char *item, Config *config) {
        size_t n = config->n_candidates;
        PortRange range;
        int r;

        r = parse_range(item, &range);
        if (r == -ERANGE)
                return refuse(value, "%s: ports go from 1 to 65535", item);
        if (r < 0)
                return refuse(value, "%s is neither a port nor a range like 2200-2299", item);
        if (range.first > range.last)
                return refuse(value, "%s begins with the higher port: write %u-%u", item, range.last,
                              range.first);
        for (size_t i = 0; i < n; i++)
                if (config->candidates[i].first == range.first && config->candidates[i].last == range.last)
                        return refuse(value, "%s stands there twice: write it once", item);
        if (n == ELEMENTSOF(config->candidates))
                return refuse(value, "more than %zu items: write neighbouring ports as a range", n);
        config->candidates[config->n_candidates++] = range;
        return 0;
}

/* Ranges may overlap, as no port is tried twice. */
static int parse_candidates(ConfigValue *value, Config *config) {
        char text[CONFIG_LINE_MAX + 1], *rest = text, *item;
        int r = 0;

        snprintf(text, sizeof(text), "%s", value->text);
        config->n_candidates = 0;
        while (r >= 0 && (item = strtok_r(rest, " \t,", &rest)))
                r = parse_candidate(value, item, config);
        return config->n_candidates == 0 ? -EINVAL : r;
}

static void print_candidates(const Config *config, FILE *out) {
        char text[CONFIG_CANDIDATES_MAX * sizeof("65535-65535")];

        (void) port_ranges_format(config->candidates, config->n_candidates, text, sizeof(text));
        fputs(text, out);
}

/* Takes each name of a service that systemd takes, but for a template without its instance. */
static int parse_unit(ConfigValue *value, Config *config) {
        const char *text = value->text, *suffix = strrchr(text, '.');

        if (!streq(text, "auto") &&
            (!suffix || !streq(suffix, ".service") || suffix == text || suffix[-1] == '@' ||
             text[0] == '@' || text[strspn(text, UNIT_NAME_CHARACTERS)] != '\0'))
                return -EINVAL;
        if (strlen(text) >= sizeof(config->unit))
                return -EINVAL;

        strcpy(config->unit, text);
        return 0;
}

static void print_unit(const Config *config, FILE *out) {
        fputs(config->unit, out);
}

#define PROBE_TIMEOUT_MIN (50 * USEC_PER_MSEC)
#define PROBE_TIMEOUT_MAX (2 * USEC_PER_SEC)

/* Seconds, with or without "s", or milliseconds with "ms", down to whole microseconds. */
static int parse_probe_timeout(ConfigValue *value, Config *config) {
        const char *unit = value->text + strspn(value->text, "0123456789.");
        bool milli = streq(unit, "ms");
        char *end;
        double timeout = strtod(value->text, &end) * (double) (milli ? USEC_PER_MSEC : USEC_PER_SEC), rest;

        if (end != unit || (!milli && !streq(unit, "") && !streq(unit, "s")) ||
            timeout < PROBE_TIMEOUT_MIN - 0.5 || timeout > PROBE_TIMEOUT_MAX + 0.5)
                return -EINVAL;
        rest = timeout - (double) (usec_t) (timeout + 0.5);
        if (rest < -0.001 || rest > 0.001)
                return -EINVAL;

        config->probe_timeout = (usec_t) (timeout + 0.5);
        return 0;
}

static void print_probe_timeout(const Config *config, FILE *out) {
        fprintf(out, "%.7g", (double) config->probe_timeout / (double) USEC_PER_SEC);
}

#define KEY(section, name, member, expected) \
        { section, name, parse_##member, print_##member, expected }

const ConfigKey config_keys[_CONFIG_KEY_MAX] = {
        [CONFIG_RELOCATE] = KEY("Policy", "Relocate", relocate, "conflict, mirrored or never"),
        [CONFIG_CANDIDATE_PORTS] = KEY("Policy", "CandidatePorts", candidates,
                                       "ports and ranges like 2222 2200-2299; where sshd must not be moved, "
                                       "set Relocate=never"),
        [CONFIG_RESTORE] = KEY("Policy", "Restore", restore, "manual, boot or auto"),
        [CONFIG_UNIT] = KEY("SSH", "Unit", unit, "auto or the whole name of a service like ssh.service"),
        [CONFIG_SOCKET_ACTIVATION] = KEY("SSH", "SocketActivation", socket_activation, "keep or disable"),
        [CONFIG_ENSURE_ENABLED] = KEY("SSH", "EnsureEnabled", ensure_enabled, "yes or no"),
        [CONFIG_PROBE_TIMEOUT] = KEY("Windows", "ProbeTimeoutSec", probe_timeout,
                                     "0.05 to 2 seconds, like 1 or 0.5 or 500ms"),
        [CONFIG_INTEROP] = KEY("Windows", "Interop", interop, "yes or no"),
        [CONFIG_LOG_LEVEL] = KEY("Daemon", "LogLevel", log_level,
                                 "emerg, alert, crit, err, warning, notice, info or debug"),
};

bool config_has_section(const char *name, size_t length) {
        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++)
                if (strlen(config_keys[i].section) == length &&
                    memcmp(config_keys[i].section, name, length) == 0)
                        return true;

        return false;
}

const ConfigKey *config_find_key(const char *section, const char *name) {
        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++)
                if (streq(config_keys[i].section, section) && streq(config_keys[i].name, name))
                        return &config_keys[i];

        return NULL;
}

const char *config_list_names(const char *section, char ret[static CONFIG_LIST_SIZE]) {
        size_t length = 0;

        for (size_t i = 0; i < _CONFIG_KEY_MAX; i++) {
                const ConfigKey *key = &config_keys[i];

                if (section ? !streq(key->section, section) : i > 0 && streq(key->section, key[-1].section))
                        continue;
                length += (size_t) snprintf(ret + length, CONFIG_LIST_SIZE - length,
                                            section ? "%s%s" : "%s[%s]", length > 0 ? ", " : "",
                                            section ? key->name : key->section);
        }

        return ret;
}
