/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/stat.h>

#include <ini.h>

#include "base/fs.h"
#include "base/log.h"

/* libinih takes the lines apart, but left to itself it lets pass what nobody meant: it reads the rest of a
 * long line as a line of its own, an indented line as one more value, an unclosed section as none, and takes
 * ':' for '='. So it only gets to see lines that check_line() has found to be [Section] or Key=value,
 * without comments. That also makes us independent of what distributions have built into it. */

#define CONFIG_SIZE_MAX ((size_t) 64 * 1024)
#define CONFIG_ERRORS_MAX 20

/* libinih's buffer has 200 bytes, for the newline and the NUL too. */
#define CONFIG_LINE_MAX ((size_t) 198)

/* Where the keys beneath a refused section go, unseen: the error is told once, for the section. */
#define REFUSED_SECTION "?"

#define MESSAGE_SIZE 512

/* A value on its way in and, where it is refused, what would be right. */
typedef struct Value {
        const char *text;
        unsigned line;
        char remedy[MESSAGE_SIZE]; /* empty: what the key says of its values in general */
} Value;

static int _printf_(2, 3) refuse(Value *value, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(value->remedy, sizeof(value->remedy), format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static int parse_relocate(Value *value, Config *config) {
        return relocate_policy_from_string(value->text, &config->relocate);
}

/* A port, or two with a dash between. -EINVAL for another form, -ERANGE for another number. */
static int parse_range(const char *item, size_t length, PortRange *ret) {
        char text[sizeof("65535-65535")], *dash;
        PortRange range;
        int r;

        if (length >= sizeof(text))
                return -EINVAL;
        memcpy(text, item, length);
        text[length] = '\0';

        dash = strchr(text, '-');
        if (dash)
                *dash = '\0';

        r = parse_port(text, &range.first);
        if (r < 0)
                return r;
        r = parse_port(dash ? dash + 1 : text, &range.last);
        if (r < 0)
                return r;

        *ret = range;
        return 0;
}

/* Ranges may overlap: the policy tries no port twice. The same item twice is a slip, though. */
static int parse_candidates(Value *value, Config *config) {
        static const char separators[] = " \t,";
        PortRange ranges[CONFIG_CANDIDATES_MAX] = {};
        size_t n = 0, length;

        for (const char *item = value->text; *(item += strspn(item, separators)) != '\0'; item += length) {
                PortRange range;
                int r;

                length = strcspn(item, separators);

                r = parse_range(item, length, &range);
                if (r == -ERANGE)
                        return refuse(value, "%.*s: ports go from 1 to 65535", (int) length, item);
                if (r < 0)
                        return refuse(value, "%.*s is neither a port nor a range like 2200-2299",
                                      (int) length, item);
                if (range.first > range.last)
                        return refuse(value, "%.*s is upside down, write %u-%u", (int) length, item,
                                      range.last, range.first);

                for (size_t i = 0; i < n; i++)
                        if (ranges[i].first == range.first && ranges[i].last == range.last)
                                return refuse(value, "%.*s is there twice, write it once", (int) length,
                                              item);

                if (n == ELEMENTSOF(ranges))
                        return refuse(value, "more than %zu items, write neighbouring ports as a range", n);
                ranges[n++] = range;
        }
        if (n == 0)
                return -EINVAL;

        memcpy(config->candidates, ranges, sizeof(ranges));
        config->n_candidates = n;
        config->candidates_line = value->line;
        return 0;
}

static int parse_restore(Value *value, Config *config) {
        return restore_policy_from_string(value->text, &config->restore);
}

/* What systemd takes for the name of a service, except a template without its instance. */
static int parse_unit(Value *value, Config *config) {
        static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
        const char *text = value->text, *suffix = strrchr(text, '.');

        if (!streq(text, "auto") &&
            (!suffix || !streq(suffix, ".service") || suffix == text || suffix[-1] == '@' ||
             text[0] == '@' || text[strspn(text, valid)] != '\0'))
                return -EINVAL;
        if (strlen(text) >= sizeof(config->unit))
                return -EINVAL;

        strcpy(config->unit, text);
        return 0;
}

static int parse_socket_activation(Value *value, Config *config) {
        return socket_activation_from_string(value->text, &config->socket_activation);
}

#define PROBE_TIMEOUT_MIN (50 * USEC_PER_MSEC)
#define PROBE_TIMEOUT_MAX (2 * USEC_PER_SEC)

/* Seconds, or with "ms" milliseconds; "s" may be written too. In integers, so that what is printed is read
 * back exactly. */
static int parse_probe_timeout(Value *value, Config *config) {
        uint64_t digits = 0, scale = 1, unit;
        const char *s = value->text;
        bool fraction = false;
        size_t n_digits = 0;

        for (; (*s >= '0' && *s <= '9') || (*s == '.' && !fraction); s++) {
                if (*s == '.') {
                        fraction = true;
                        continue;
                }
                if (++n_digits > 9)
                        return -EINVAL;
                digits = digits * 10 + (uint64_t) (*s - '0');
                if (fraction)
                        scale *= 10;
        }

        if (streq(s, "") || streq(s, "s"))
                unit = USEC_PER_SEC;
        else if (streq(s, "ms"))
                unit = USEC_PER_MSEC;
        else
                return -EINVAL;

        if (digits * unit % scale != 0 || digits * unit / scale < PROBE_TIMEOUT_MIN ||
            digits * unit / scale > PROBE_TIMEOUT_MAX)
                return -EINVAL;

        config->probe_timeout = digits * unit / scale;
        return 0;
}

static int parse_bool(const char *text, bool *ret) {
        static const struct {
                const char *word;
                bool value;
        } words[] = {
                { "yes", true },  { "true", true }, { "on", true },  { "y", true },
                { "t", true },    { "1", true },    { "no", false }, { "false", false },
                { "off", false }, { "n", false },   { "f", false },  { "0", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(text, words[i].word) == 0) {
                        *ret = words[i].value;
                        return 0;
                }

        return -EINVAL;
}

static int parse_ensure_enabled(Value *value, Config *config) {
        return parse_bool(value->text, &config->ensure_enabled);
}

static int parse_interop(Value *value, Config *config) {
        return parse_bool(value->text, &config->interop);
}

static int parse_log_level(Value *value, Config *config) {
        return log_level_from_string(value->text, &config->log_level);
}

typedef struct Key {
        const char *section, *name;
        int (*parse)(Value *value, Config *config); /* *@config is untouched where it fails */
        const char *expected;                       /* ends the sentence "write …" */
} Key;

/* Keys of one section stand together. */
static const Key keys[] = {
        { "Policy", "Relocate", parse_relocate, "conflict, mirrored or never" },
        { "Policy", "CandidatePorts", parse_candidates,
          "ports and ranges like 2222 2200-2299; where sshd must not be moved, set Relocate=never" },
        { "Policy", "Restore", parse_restore, "manual, boot or auto" },
        { "SSH", "Unit", parse_unit, "auto or the whole name of a service like ssh.service" },
        { "SSH", "SocketActivation", parse_socket_activation, "keep or disable" },
        { "SSH", "EnsureEnabled", parse_ensure_enabled, "yes or no" },
        { "Windows", "ProbeTimeoutSec", parse_probe_timeout, "0.05 to 2 seconds, like 1 or 0.5 or 500ms" },
        { "Windows", "Interop", parse_interop, "yes or no" },
        { "Daemon", "LogLevel", parse_log_level, "emerg, alert, crit, err, warning, notice, info or debug" },
};

typedef struct Parser {
        const char *path;
        ConfigErrorHandler on_error;
        void *userdata;

        const char *text; /* what has not been read yet, and its size */
        size_t size;
        unsigned line;                   /* read last, from 1; what is told now is about it */
        unsigned seen[ELEMENTSOF(keys)]; /* on which line each key came first, 0 for not yet */
        unsigned n_errors;               /* told and untold ones */

        Config config;
} Parser;

/* Needs no cleaning: check_line() lets nothing but printable ASCII and tabs through, and tells other bytes
 * by their number. */
static void _printf_(2, 3) complain(Parser *p, const char *format, ...) {
        char message[MESSAGE_SIZE + 128];
        va_list arguments;

        if (p->n_errors++ >= CONFIG_ERRORS_MAX)
                return;

        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        p->on_error(p->path, p->line, message, p->userdata);
}

#define LIST_SIZE 128

/* The keys of @section, or the sections where that is NULL, in words. */
static const char *list_valid(const char *section, char buffer[static LIST_SIZE]) {
        size_t length = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (section ? !streq(keys[i].section, section)
                            : i > 0 && streq(keys[i].section, keys[i - 1].section))
                        continue;

                length += (size_t) snprintf(buffer + length, LIST_SIZE - length, section ? "%s%s" : "%s[%s]",
                                            length > 0 ? ", " : "",
                                            section ? keys[i].name : keys[i].section);
        }

        return buffer;
}

/* The length of @line up to a comment, without the blanks at its end. '#' or ';' start one at the beginning
 * of the line and after a blank. */
static size_t length_before_comment(const char *line, size_t length) {
        for (size_t i = 0; i < length; i++)
                if ((line[i] == '#' || line[i] == ';') && (i == 0 || is_blank(line[i - 1]))) {
                        length = i;
                        break;
                }

        while (length > 0 && is_blank(line[length - 1]))
                length--;

        return length;
}

static bool check_section(Parser *p, const char *line, size_t length) {
        char sections[LIST_SIZE];

        if (memchr(line, ']', length) != line + length - 1) {
                complain(p, "%.*s: a section is written [Name], alone on its line", (int) length, line);
                return false;
        }

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strlen(keys[i].section) == length - 2 &&
                    memcmp(keys[i].section, line + 1, length - 2) == 0)
                        return true;

        complain(p, "unknown section %.*s, there are %s", (int) length, line, list_valid(NULL, sections));
        return false;
}

/* A line without its end, comment and blanks behind. False if it was refused; that has been told then. */
static bool check_line(Parser *p, const char *line, size_t length, size_t max) {
        const char *equals, *colon;

        if (is_blank(line[0])) {
                complain(p, "an indented line, start it in the first column; values can't be continued");
                return false;
        }

        for (size_t i = 0; i < length; i++)
                if ((line[i] < ' ' && line[i] != '\t') || line[i] > '~') {
                        complain(p,
                                 "byte 0x%02x in column %zu, outside comments only ASCII text is possible",
                                 (unsigned char) line[i], i + 1);
                        return false;
                }

        if (length > max) {
                complain(p, "a line of %zu characters, %zu at most; a range like 2200-2299 is shorter",
                         length, max);
                return false;
        }

        if (line[0] == '[')
                return check_section(p, line, length);

        equals = memchr(line, '=', length);
        colon = memchr(line, ':', length);
        if (!equals || (colon && colon < equals)) {
                complain(p, "%.*s: neither [Section] nor Key=value", (int) length, line);
                return false;
        }

        return true;
}

/* Takes the next line from the text, without its end, LF or CRLF. */
static bool next_line(Parser *p, const char **ret_line, size_t *ret_length) {
        const char *end;
        size_t length;

        if (p->size == 0)
                return false;

        end = memchr(p->text, '\n', p->size);
        length = end ? (size_t) (end - p->text) : p->size;

        *ret_line = p->text;
        /* NOLINTNEXTLINE(knownConditionTrueFalse): an empty line has no length */
        *ret_length = length > 0 && p->text[length - 1] == '\r' ? length - 1 : length;

        p->text += end ? length + 1 : length;
        p->size -= end ? length + 1 : length;
        p->line++;
        return true;
}

/* libinih's ini_reader: hands out the next line that says something. libinih asks for one only once it is
 * done with the last, so @line of the parser is right in take_value() too. */
static char *read_line(char *buffer, int buffer_size, void *userdata) {
        size_t max = (size_t) buffer_size - 2 < CONFIG_LINE_MAX ? (size_t) buffer_size - 2 : CONFIG_LINE_MAX;
        Parser *p = userdata;
        const char *line;
        size_t length;

        while (next_line(p, &line, &length)) {
                /* Also in comments: whoever looks at the file sees something else there than is read. */
                if (memchr(line, '\0', length)) {
                        complain(p, "a NUL byte, this isn't a text file");
                        continue;
                }
                if (memchr(line, '\r', length)) {
                        complain(p, "a carriage return inside, end lines with LF or CR LF");
                        continue;
                }

                length = length_before_comment(line, length);
                if (length == 0)
                        continue;

                if (!check_line(p, line, length, max)) {
                        while (is_blank(*line))
                                line++;
                        if (*line != '[')
                                continue;
                        line = "[" REFUSED_SECTION "]";
                        length = strlen(line);
                }

                memcpy(buffer, line, length);
                memcpy(buffer + length, "\n", 2);
                return buffer;
        }

        return NULL;
}

static const Key *find_key(const char *section, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (streq(keys[i].section, section) && streq(keys[i].name, name))
                        return &keys[i];

        return NULL;
}

static void complain_unknown_key(Parser *p, const char *section, const char *name) {
        char list[LIST_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcasecmp(keys[i].name, name) == 0) {
                        complain(p, "unknown key %s here, write %s, beneath [%s]", name, keys[i].name,
                                 keys[i].section);
                        return;
                }

        if (isempty(section))
                complain(p, "unknown key '%s' before any section, there are %s", name,
                         list_valid(NULL, list));
        else
                complain(p, "unknown key '%s', [%s] has %s", name, section, list_valid(section, list));
}

/* libinih's ini_handler. What it returns would only tell the first error: it is always 1. */
static int take_value(void *userdata, const char *section, const char *name, const char *text) {
        Parser *p = userdata;
        Value value = { .text = text, .line = p->line };
        const Key *key;
        unsigned *seen;

        if (streq(section, REFUSED_SECTION))
                return 1;

        key = find_key(section, name);
        if (!key) {
                complain_unknown_key(p, section, name);
                return 1;
        }

        seen = &p->seen[key - keys];
        if (*seen > 0) {
                complain(p, "[%s] %s: given twice (first on line %u), remove one", section, name, *seen);
                return 1;
        }
        *seen = p->line;

        if (text[0] == '"' || text[0] == '\'')
                complain(p, "[%s] %s=%s: write it without quotes", section, name, text);
        else if (key->parse(&value, &p->config) < 0) {
                if (isempty(value.remedy))
                        complain(p, "[%s] %s=%s: write %s", section, name, text, key->expected);
                else
                        complain(p, "[%s] %s: %s", section, name, value.remedy);
        }
        return 1;
}

bool config_allows_port(const Config *config, uint16_t port) {
        for (size_t i = 0; i < config->n_candidates; i++)
                if (config->candidates[i].first <= port && port <= config->candidates[i].last)
                        return true;

        return false;
}

Config config_default(void) {
        return (Config){
                .relocate = RELOCATE_CONFLICT,
                .candidates = { { 2222, 2222 }, { 22022, 22022 }, { 2200, 2299 } },
                .n_candidates = 3,
                .restore = RESTORE_MANUAL,
                .unit = "auto",
                .socket_activation = SOCKET_ACTIVATION_KEEP,
                .ensure_enabled = false,
                .probe_timeout = USEC_PER_SEC,
                .interop = false,
                .log_level = LOG_INFO,
        };
}

int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *ret) {
        Parser p = {
                .path = path,
                .on_error = on_error,
                .userdata = userdata,
                .text = text,
                .size = size,
                .config = config_default(),
        };
        int r;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                p.text += 3;
                p.size -= 3;
        }

        /* Windows PowerShell's `>` writes this, and each line would be an error. */
        if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
                complain(&p, "UTF-16, save the file as UTF-8");
                return -EINVAL;
        }

        r = ini_parse_stream(read_line, &p, take_value, &p);
        if (r < 0)
                return -ENOMEM;
        if (r > 0 && p.n_errors == 0) /* it has a rule that we don't know of */
                complain(&p, "libinih refuses a line");

        if (p.n_errors > CONFIG_ERRORS_MAX) {
                char message[64];

                snprintf(message, sizeof(message), "and %u more errors", p.n_errors - CONFIG_ERRORS_MAX);
                on_error(path, 0, message, userdata);
        }
        if (p.n_errors > 0)
                return -EINVAL;

        *ret = p.config;
        return 1;
}

/* The whole file into @buffer. A symbolic link is followed: people keep their configuration elsewhere. */
static ssize_t read_file(const char *path, char *buffer, size_t size, const char **ret_what) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        ssize_t n;

        /* O_NONBLOCK so that a FIFO can't hold us up; it is refused right after. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT && lstat(path, &st) >= 0) {
                *ret_what = "a symbolic link to a file that isn't there";
                return -ENOLINK;
        }
        if (fd < 0 || fstat(fd, &st) < 0) {
                *ret_what = strerrordesc_np(errno);
                return -errno;
        }
        if (!S_ISREG(st.st_mode)) {
                *ret_what = "not a regular file";
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        }

        n = fs_read_fd(fd, buffer, size);
        if (n < 0)
                *ret_what = n == -E2BIG ? "larger than 64 KiB" : strerrordesc_np((int) -n);
        return n;
}

int config_load(const char *path, ConfigErrorHandler on_error, void *userdata, Config *ret) {
        _cleanup_free_ char *text = NULL;
        const char *what = "out of memory";
        ssize_t size = -ENOMEM;

        text = malloc(CONFIG_SIZE_MAX + 1);
        if (text)
                size = read_file(path, text, CONFIG_SIZE_MAX + 1, &what);
        if (size == -ENOENT) {
                *ret = config_default();
                return 0;
        }
        if (size < 0) {
                on_error(path, 0, what, userdata);
                return (int) size;
        }

        return config_parse(path, text, (size_t) size, on_error, userdata, ret);
}

bool port_ranges_format(const PortRange *ranges, size_t n, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < n && used < size; i++)
                used += (size_t) snprintf(ret + used, size - used,
                                          ranges[i].first == ranges[i].last ? "%s%u" : "%s%u-%u", i > 0 ? " " : "",
                                          ranges[i].first, ranges[i].last);
        return used < size;
}

static void print_candidates(const Config *config, FILE *out) {
        char text[CONFIG_CANDIDATES_MAX * sizeof("65535-65535")];

        (void) port_ranges_format(config->candidates, config->n_candidates, text, sizeof(text));
        fprintf(out, "CandidatePorts=%s\n", text);
}

/* In seconds, with as many decimals as it takes. */
static void print_probe_timeout(const Config *config, FILE *out) {
        usec_t fraction = config->probe_timeout % USEC_PER_SEC;
        int n_decimals = 6;

        while (n_decimals > 0 && fraction % 10 == 0) {
                fraction /= 10;
                n_decimals--;
        }

        fprintf(out, "ProbeTimeoutSec=%" PRIu64, config->probe_timeout / USEC_PER_SEC);
        if (n_decimals > 0)
                fprintf(out, ".%0*" PRIu64, n_decimals, fraction);
        fputc('\n', out);
}

void config_print(const Config *config, FILE *out) {
        fprintf(out, "[Policy]\nRelocate=%s\n", relocate_policy_to_string(config->relocate));
        print_candidates(config, out);
        fprintf(out, "Restore=%s\n\n", restore_policy_to_string(config->restore));

        fprintf(out, "[SSH]\nUnit=%s\n", config->unit);
        fprintf(out, "SocketActivation=%s\n", socket_activation_to_string(config->socket_activation));
        fprintf(out, "EnsureEnabled=%s\n\n", config->ensure_enabled ? "yes" : "no");

        fputs("[Windows]\n", out);
        print_probe_timeout(config, out);
        fprintf(out, "Interop=%s\n\n", config->interop ? "yes" : "no");

        fprintf(out, "[Daemon]\nLogLevel=%s\n", log_level_to_string(config->log_level));
}
