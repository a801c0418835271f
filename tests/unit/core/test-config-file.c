/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"

#include <dirent.h>
#include <syslog.h>

#include "unit/test.h"

/* argv[1] is tests/corpus/config. */

#define TEXT_MAX ((size_t) 128 * 1024)

typedef struct Told {
        unsigned n;
        struct {
                unsigned line;
                char message[1024];
        } errors[32];
} Told;

/* A message is harmless to a terminal, whatever the file holds. */
static void tell(const char *path, unsigned line, const char *message, void *userdata) {
        Told *told = userdata;

        test_equal_string(path, "/the/path");
        test_assert(message[0] != '\0');
        for (const char *c = message; *c; c++)
                test_assert((*c >= ' ' && *c <= '~') || *c == '\t');

        test_assert(told->n < ELEMENTSOF(told->errors));
        told->errors[told->n].line = line;
        test_assert(strlen(message) < sizeof(told->errors[0].message));
        strcpy(told->errors[told->n].message, message);
        told->n++;
}

/* Parses a copy that ends where the text ends, so that the sanitizer sees a read beyond the text. */
static int parse(const char *text, size_t size, Told *ret_told, Config *ret) {
        _cleanup_free_ char *copy = malloc(size);
        int r;

        test_assert(copy || size == 0);
        if (size > 0)
                memcpy(copy, text, size);

        *ret = config_default();
        *ret_told = (Told){};

        r = config_parse("/the/path", copy, size, tell, ret_told, ret);
        if (r == 1)
                test_equal_int(ret_told->n, 0);
        else {
                test_equal_int(r, -EINVAL);
                test_assert(ret_told->n > 0);
                test_assert(ret->relocate <= RELOCATE_UNREADABLE && ret->n_candidates <= CONFIG_CANDIDATES_MAX);
        }
        return r;
}

/* What config_print() prints, without its comments. */
static char *print(const Config *config) {
        char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        test_assert(out);
        config_print(config, out);
        test_assert(fclose(out) == 0);
        for (char *comment; (comment = strstr(text, "  # "));)
                memmove(comment, comment + strcspn(comment, "\n"), strlen(comment + strcspn(comment, "\n")) + 1);
        return text;
}

/* The lines that config_print() prints otherwise than for the defaults. */
static char *print_changes(const Config *config) {
        _cleanup_free_ char *text = print(config), *defaults = NULL;
        char *changes = calloc(1, strlen(text) + 1), *a = text, *b;
        Config default_config = config_default();

        test_assert(changes);
        b = defaults = print(&default_config);
        for (const char *x, *y; (x = strsep(&a, "\n")) && (y = strsep(&b, "\n"));)
                if (!streq(x, y))
                        strcat(strcat(changes, x), "\n");
        test_assert(!a && !b);
        return changes;
}

/* A file is taken, and .takes has the lines that it changes. Or it is refused: then the first error is on
 * .line and its message has .says in it, and there are .n_errors, where 0 stands for one. */
typedef struct Outcome {
        const char *takes;
        unsigned line;
        const char *says;
        unsigned n_errors;
} Outcome;

#define TAKES(changes) \
        { .takes = changes }
#define REFUSED(at_line, message) \
        { .line = at_line, .says = message }
#define REFUSED_MANY(at_line, message, n) \
        { .line = at_line, .says = message, .n_errors = n }

static void check(const char *text, size_t size, const Outcome *outcome) {
        _cleanup_free_ char *changes = NULL, *printed = NULL, *printed_again = NULL;
        Config config, again;
        Told told;
        int r;

        r = parse(text, size, &told, &config);
        for (unsigned i = 0; i < told.n; i++)
                printf("# line %u: %s\n", told.errors[i].line, told.errors[i].message);

        if (!outcome->takes) {
                test_equal_int(r, -EINVAL);
                test_equal_int(told.errors[0].line, outcome->line);
                test_contains(told.errors[0].message, outcome->says);
                test_equal_int(told.n, outcome->n_errors > 0 ? outcome->n_errors : 1);
                return;
        }

        test_equal_int(r, 1);
        changes = print_changes(&config);
        test_equal_string(changes, outcome->takes);

        /* The output of config_print() is a file with the same meaning. */
        printed = print(&config);
        test_equal_int(parse(printed, strlen(printed), &told, &again), 1);
        printed_again = print(&again);
        test_equal_string(printed_again, printed);
}

/* A key a row: .name is the line, the only one of its section. */
typedef struct ValueRow {
        const char *name;
        const char *section;
        Outcome outcome;
} ValueRow;

static const ValueRow value_rows[] = {
        { "Relocate=conflict", "Policy", TAKES("") },
        { "Relocate=mirrored", "Policy", TAKES("Relocate=mirrored\n") },
        { "Relocate=never", "Policy", TAKES("Relocate=never\n") },
        { "Relocate=Never", "Policy",
          REFUSED(2, "[Policy] Relocate=Never: write conflict, mirrored or never") },
        { "Relocate=never never", "Policy", REFUSED(2, "write conflict, mirrored or never") },

        { "CandidatePorts=2222 22022 2200-2299", "Policy", TAKES("") },
        { "CandidatePorts=1", "Policy", TAKES("CandidatePorts=1\n") },
        { "CandidatePorts=65535", "Policy", TAKES("CandidatePorts=65535\n") },
        { "CandidatePorts=1-65535", "Policy", TAKES("CandidatePorts=1-65535\n") },
        { "CandidatePorts=2222-2222", "Policy", TAKES("CandidatePorts=2222\n") },
        { "CandidatePorts=02222", "Policy", TAKES("CandidatePorts=2222\n") },
        { "CandidatePorts=9,8, 7 ,6\t5", "Policy", TAKES("CandidatePorts=9 8 7 6 5\n") },
        { "CandidatePorts=7 7-9 8-9", "Policy", TAKES("CandidatePorts=7 7-9 8-9\n") },
        { "CandidatePorts=2222 2200-2299 2250-2350", "Policy",
          TAKES("CandidatePorts=2222 2200-2299 2250-2350\n") },
        { "CandidatePorts=0", "Policy", REFUSED(2, "[Policy] CandidatePorts: 0: ports go from 1 to 65535") },
        { "CandidatePorts=00", "Policy", REFUSED(2, "00: ports go from 1 to 65535") },
        { "CandidatePorts=65536", "Policy", REFUSED(2, "65536: ports go from 1 to 65535") },
        { "CandidatePorts=0-10", "Policy", REFUSED(2, "0-10: ports go from 1 to 65535") },
        { "CandidatePorts=65535-65536", "Policy", REFUSED(2, "65535-65536: ports go from 1 to 65535") },
        { "CandidatePorts=2222 2-", "Policy",
          REFUSED(2, "2- is neither a port nor a range like 2200-2299") },
        { "CandidatePorts=-", "Policy", REFUSED(2, "- is neither a port") },
        { "CandidatePorts=2-3-4", "Policy", REFUSED(2, "2-3-4 is neither a port") },
        { "CandidatePorts=2..4", "Policy", REFUSED(2, "2..4 is neither a port") },
        { "CandidatePorts=2:4", "Policy", REFUSED(2, "2:4 is neither a port") },
        { "CandidatePorts=+22", "Policy", REFUSED(2, "+22 is neither a port") },
        { "CandidatePorts=0x22", "Policy", REFUSED(2, "0x22 is neither a port") },
        { "CandidatePorts=ssh", "Policy", REFUSED(2, "ssh is neither a port") },
        { "CandidatePorts=00000002222", "Policy", TAKES("CandidatePorts=2222\n") },
        { "CandidatePorts=000000002222", "Policy", TAKES("CandidatePorts=2222\n") },
        { "CandidatePorts=10-9", "Policy", REFUSED(2, "10-9 begins with the higher port: write 9-10") },
        { "CandidatePorts=7 8 7", "Policy", REFUSED(2, "7 stands there twice: write it once") },
        { "CandidatePorts=7 7-7", "Policy", REFUSED(2, "7-7 stands there twice") },
        { "CandidatePorts=", "Policy",
          REFUSED(2, "[Policy] CandidatePorts=: write ports and ranges like 2222 2200-2299") },

        { "Restore=manual", "Policy", TAKES("") },
        { "Restore=boot", "Policy", TAKES("Restore=boot\n") },
        { "Restore=auto", "Policy", TAKES("Restore=auto\n") },
        { "Restore=yes", "Policy", REFUSED(2, "[Policy] Restore=yes: write manual, boot or auto") },

        { "Unit=auto", "SSH", TAKES("") },
        { "Unit=ssh.service", "SSH", TAKES("Unit=ssh.service\n") },
        { "Unit=my-sshd_2@a.b:c\\x2d.service", "SSH", TAKES("Unit=my-sshd_2@a.b:c\\x2d.service\n") },
        { "Unit=ssh", "SSH",
          REFUSED(2, "[SSH] Unit=ssh: write auto or the whole name of a service like ssh.service") },
        { "Unit=Auto", "SSH", REFUSED(2, "write auto or") },
        { "Unit=ssh.socket", "SSH", REFUSED(2, "write auto or") },
        { "Unit=.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=sshd@.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=@a.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=a b.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=../../etc/a.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=a*.service", "SSH", REFUSED(2, "write auto or") },
        { "Unit=", "SSH", REFUSED(2, "write auto or") },

        { "SocketActivation=keep", "SSH", TAKES("") },
        { "SocketActivation=disable", "SSH", TAKES("SocketActivation=disable\n") },
        { "SocketActivation=no", "SSH", REFUSED(2, "[SSH] SocketActivation=no: write keep or disable") },

        { "ProbeTimeoutSec=1", "Windows", TAKES("") },
        { "ProbeTimeoutSec=1s", "Windows", TAKES("") },
        { "ProbeTimeoutSec=1.000", "Windows", TAKES("") },
        { "ProbeTimeoutSec=1.", "Windows", TAKES("") },
        { "ProbeTimeoutSec=1000ms", "Windows", TAKES("") },
        { "ProbeTimeoutSec=2", "Windows", TAKES("ProbeTimeoutSec=2\n") },
        { "ProbeTimeoutSec=0.5", "Windows", TAKES("ProbeTimeoutSec=0.5\n") },
        { "ProbeTimeoutSec=.5", "Windows", TAKES("ProbeTimeoutSec=0.5\n") },
        { "ProbeTimeoutSec=0.5s", "Windows", TAKES("ProbeTimeoutSec=0.5\n") },
        { "ProbeTimeoutSec=500ms", "Windows", TAKES("ProbeTimeoutSec=0.5\n") },
        { "ProbeTimeoutSec=50ms", "Windows", TAKES("ProbeTimeoutSec=0.05\n") },
        { "ProbeTimeoutSec=50.001ms", "Windows", TAKES("ProbeTimeoutSec=0.050001\n") },
        { "ProbeTimeoutSec=1.999999", "Windows", TAKES("ProbeTimeoutSec=1.999999\n") },
        { "ProbeTimeoutSec=1.000001", "Windows", TAKES("ProbeTimeoutSec=1.000001\n") },
        { "ProbeTimeoutSec=0", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=0.049999", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=2.000001", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=1.0000001", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=0.0000000000000000000000000001", "Windows", REFUSED(2, "0.05 to 2 seconds") },
        { "ProbeTimeoutSec=18446744073709551617", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=-1", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=1.0.0", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=.", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=s", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=0,5", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=1 s", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=1min", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=1e0", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=nan", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=infinity", "Windows", REFUSED(2, "write 0.05 to 2 seconds") },
        { "ProbeTimeoutSec=", "Windows",
          REFUSED(2, "[Windows] ProbeTimeoutSec=: write 0.05 to 2 seconds, like 1 or 0.5 or 500ms") },

        { "Interop=yes", "Windows", TAKES("Interop=yes\n") },
        { "Interop=True", "Windows", TAKES("Interop=yes\n") },
        { "Interop=ON", "Windows", TAKES("Interop=yes\n") },
        { "Interop=y", "Windows", TAKES("Interop=yes\n") },
        { "Interop=t", "Windows", TAKES("Interop=yes\n") },
        { "Interop=1", "Windows", TAKES("Interop=yes\n") },
        { "Interop=no", "Windows", TAKES("") },
        { "Interop=false", "Windows", TAKES("") },
        { "Interop=off", "Windows", TAKES("") },
        { "Interop=n", "Windows", TAKES("") },
        { "Interop=f", "Windows", TAKES("") },
        { "Interop=0", "Windows", TAKES("") },
        { "Interop=2", "Windows", REFUSED(2, "[Windows] Interop=2: write yes or no") },
        { "Interop=", "Windows", REFUSED(2, "[Windows] Interop=: write yes or no") },

        { "LogLevel=emerg", "Daemon", TAKES("LogLevel=emerg\n") },
        { "LogLevel=alert", "Daemon", TAKES("LogLevel=alert\n") },
        { "LogLevel=crit", "Daemon", TAKES("LogLevel=crit\n") },
        { "LogLevel=err", "Daemon", TAKES("LogLevel=err\n") },
        { "LogLevel=warning", "Daemon", TAKES("LogLevel=warning\n") },
        { "LogLevel=notice", "Daemon", TAKES("LogLevel=notice\n") },
        { "LogLevel=info", "Daemon", TAKES("") },
        { "LogLevel=debug", "Daemon", TAKES("LogLevel=debug\n") },
        { "LogLevel=7", "Daemon",
          REFUSED(2, "[Daemon] LogLevel=7: write emerg, alert, crit, err, warning") },
        { "LogLevel=verbose", "Daemon", REFUSED(2, "notice, info or debug") },
};

static void test_value(const void *data) {
        const ValueRow *row = data;
        char text[512];

        /* With both kinds of line ends, and without one. */
        for (size_t i = 0; i < 3; i++) {
                snprintf(text, sizeof(text), "[%s]%s%s%s", row->section, i == 1 ? "\r\n" : "\n", row->name,
                         i == 0   ? "\n"
                         : i == 1 ? "\r\n"
                                  : "");
                check(text, strlen(text), &row->outcome);
        }
}

/* A file of tests/corpus/config a row: .name is the file's name without .conf. */
typedef struct FileRow {
        const char *name;
        Outcome outcome;
} FileRow;

static const FileRow file_rows[] = {
        /* Unusual, and clear. */
        { "empty", TAKES("") },
        { "only-blanks", TAKES("") },
        { "no-newline-at-end", TAKES("Relocate=never\n") },
        { "bom", TAKES("Relocate=never\n") },
        { "bom-comment", TAKES("Relocate=never\n") },
        { "crlf", TAKES("Relocate=never\nCandidatePorts=2222\n") },
        { "crlf-no-newline-at-end", TAKES("Relocate=never\n") },
        { "long-comment", TAKES("Restore=boot\n") },
        { "long-inline-comment", TAKES("Restore=boot\n") },
        { "long-blanks", TAKES("Restore=boot\n") },
        { "inline-comments", TAKES("Relocate=never\nCandidatePorts=2222\nRestore=boot\n") },
        { "indented-comment", TAKES("Restore=boot\n") },
        { "comment-with-bytes", TAKES("Restore=boot\n") },
        { "section-twice", TAKES("Relocate=never\nRestore=boot\nUnit=ssh.service\n") },
        { "blanks-around", TAKES("Relocate=never\nCandidatePorts=22022 2222\n") },
        { "longest-line", TAKES("CandidatePorts=1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 "
                                "24 25 26 27 28 29 "
                                "30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 "
                                "55 56 57 58 59 60 "
                                "61 62 63 100\n") },
        { "sample-of-design", TAKES("") },

        /* Bytes that no text has. */
        { "nul-in-value", REFUSED(0, "NUL") },
        { "nul-in-key", REFUSED(0, "NUL") },
        { "nul-in-comment", REFUSED(0, "NUL") },
        { "nul-only", REFUSED(0, "NUL") },
        { "nul-after-newline", REFUSED(0, "NUL") },
        { "latin1-value", REFUSED(2, "byte 0xfc in column 7") },
        { "utf8-value", REFUSED(2, "byte 0xc3 in column 7") },
        { "no-break-space", REFUSED(2, "byte 0xc2 in column 20") },
        { "en-dash", REFUSED(2, "byte 0xe2 in column 20") },
        { "typographic-quotes", REFUSED(2, "byte 0xe2 in column 10") },
        { "overlong-utf8", REFUSED(2, "byte 0xc0 in column 10") },
        { "escape-in-value", REFUSED(2, "byte 0x1b in column 6") },
        { "escape-in-key", REFUSED(2, "byte 0x1b in column 1") },
        { "escape-in-section", REFUSED(1, "byte 0x1b in column 2") },
        { "c1-escape", REFUSED(2, "byte 0xc2 in column 6") },
        { "right-to-left", REFUSED(2, "byte 0xe2 in column 10") },
        { "delete-character", REFUSED(2, "byte 0x7f in column 15") },
        { "ctrl-z", REFUSED(3, "byte 0x1a in column 1") },
        { "form-feed", REFUSED(2, "byte 0x0c in column 1") },
        { "bom-twice", REFUSED_MANY(1, "byte 0xef in column 1", 2) },
        { "bom-inside", REFUSED(2, "byte 0xef in column 1") },
        { "cr-only", REFUSED(1, "carriage return") },
        { "cr-only-comment", REFUSED(1, "carriage return") },
        { "cr-cr-lf", REFUSED_MANY(1, "carriage return", 2) },
        { "utf16-le", REFUSED(0, "the file is in UTF-16: save it as UTF-8") },
        { "utf16-be", REFUSED(0, "the file is in UTF-16: save it as UTF-8") },
        { "utf16-no-bom", REFUSED(0, "NUL") },
        { "elf", REFUSED(0, "NUL") },

        /* Lines that libinih would read otherwise. */
        { "overlong-value", REFUSED(3, "the line has 514 characters, more than 198: a range like 2200-2299") },
        { "overlong-with-key-in-tail", REFUSED(2, "the line has 213 characters, more than 198") },
        { "overlong-by-one", REFUSED(2, "the line has 199 characters, more than 198") },
        { "overlong-no-newline-at-end", REFUSED(2, "the line has 5008 characters, more than 198") },
        { "overlong-key", REFUSED(2, "the line has 302 characters, more than 198") },
        { "overlong-section", REFUSED(1, "the line has 302 characters, more than 198") },
        { "indented-continuation", REFUSED(3, "the line is indented") },
        { "indented-key", REFUSED(3, "the line is indented") },
        { "indented-section", REFUSED(3, "the line is indented") },
        { "backslash-continuation", REFUSED_MANY(2, "\\ is neither a port nor a range", 2) },
        { "colon", REFUSED(2, "Relocate: never: write [Section] or Key=value") },
        { "colon-before-equals", REFUSED(2, "write [Section] or Key=value") },
        { "no-equals", REFUSED(2, "Relocate never: write [Section] or Key=value") },
        { "json", REFUSED_MANY(1, "{: write [Section] or Key=value", 3) },
        { "merge-conflict", REFUSED_MANY(2, "<<<<<<< HEAD: write [Section] or Key=value", 4) },
        { "word", REFUSED(1, "hello: write [Section] or Key=value") },

        /* Sections. The keys beneath a refused section are not told. */
        { "unclosed-section", REFUSED(3, "[SSH: write a section as [Name], alone on its line") },
        { "unclosed-section-at-end", REFUSED(1, "[: write a section as [Name], alone on its line") },
        { "section-closed-in-comment", REFUSED(1, "[Policy: write a section as [Name]") },
        { "empty-section", REFUSED(1, "there is no section []") },
        { "section-with-blanks", REFUSED(1, "there is no section [ Policy ]") },
        { "key-behind-section", REFUSED(1, "[Policy] Relocate=never: write a section as [Name]") },
        { "two-brackets", REFUSED(1, "[Policy]]: write a section as [Name]") },
        { "unknown-section",
          REFUSED(1, "there is no section [Polcy], but [Policy], [SSH], [Windows], [Daemon]") },
        { "unknown-section-without-keys", REFUSED(3, "there is no section [Extra]") },
        { "question-mark-section", REFUSED(1, "there is no section [?]") },
        { "section-in-lower-case", REFUSED(1, "there is no section [policy], but [Policy]") },
        { "long-section-prefix", REFUSED(1, "there is no section [Policyxxx") },

        /* Keys. */
        { "key-before-section", REFUSED(1, "there is no key Relocate here: write Relocate, beneath [Policy]") },
        { "unknown-key-before-section",
          REFUSED(1, "the key 'Foo' stands before any section; there are [Policy]") },
        { "unknown-key",
          REFUSED(2, "there is no key 'Relocat' in [Policy], but Relocate, CandidatePorts, Restore") },
        { "key-in-lower-case", REFUSED(2, "there is no key relocate here: write Relocate, beneath [Policy]") },
        { "key-in-other-section",
          REFUSED(2, "there is no key Relocate here: write Relocate, beneath [Policy]") },
        { "empty-key", REFUSED(2, "there is no key '' in [Policy], but") },
        { "format-in-key", REFUSED(2, "there is no key '%s%n%n'") },
        { "format-in-value", REFUSED(2, "[Policy] Relocate=%s%n%n: write") },
        { "duplicate", REFUSED(4, "[Policy] Relocate stands on line 2 already: remove one of the two") },
        { "duplicate-in-repeated-section", REFUSED(6, "stands on line 2 already") },
        { "triplicate", REFUSED_MANY(3, "stands on line 2 already", 2) },
        { "duplicate-of-wrong", REFUSED_MANY(2, "Relocate=wrong", 2) },

        /* Values. */
        { "empty-value", REFUSED(2, "[Policy] Relocate=: write conflict, mirrored or never") },
        { "comment-for-value", REFUSED(2, "[Policy] Relocate=: write conflict, mirrored or never") },
        { "double-quotes", REFUSED(2, "[SSH] Unit=\"ssh.service\": write it without quotes") },
        { "single-quotes", REFUSED(2, "[Policy] CandidatePorts='2222': write it without quotes") },
        { "semicolon-in-quotes", REFUSED(2, "write it without quotes") },
        { "semicolon-list", REFUSED(2, "2222; is neither a port nor a range") },
        { "no-candidates", REFUSED(2, "where sshd must not be moved, set Relocate=never") },
        { "only-commas", REFUSED(2, "where sshd must not be moved, set Relocate=never") },
        { "port-0", REFUSED(2, "0: ports go from 1 to 65535") },
        { "port-65536", REFUSED(2, "65536: ports go from 1 to 65535") },
        { "port-minus-1", REFUSED(2, "-1 is neither a port nor a range") },
        { "port-22x", REFUSED(2, "22x is neither a port nor a range") },
        { "port-overflow", REFUSED(2, "18446744073709551638: ports go from 1 to 65535") },
        { "range-upside-down", REFUSED(2, "2299-2200 begins with the higher port: write 2200-2299") },
        { "range-with-blanks", REFUSED(2, "- is neither a port nor a range like 2200-2299") },
        { "port-twice", REFUSED(2, "2222 stands there twice: write it once") },
        { "range-twice", REFUSED(2, "2200-2299 stands there twice: write it once") },

        /* Many. */
        { "many-errors", REFUSED_MANY(2, "there is no key 'Key0'", 21) },
        { "an-error-in-each-section", REFUSED_MANY(2, "Relocate=x", 8) },
};

/* .name is the value of CandidatePorts=, and .ports are those that are warned about. */
typedef struct WarningRow {
        const char *name, *ports;
} WarningRow;

static const WarningRow warning_rows[] = {
        { "2222 22022 2200-2299", NULL },
        { "134 136-1899 1901 2868 2870 3701 3703 5003 5005 5356 5359-65535", NULL },
        { "5357", " 5357" },
        { "2222 5350-5357", " 5357" },
        { "1-65535", " 135 1900 2869 3702 5004 5357 5358" },
};

static void test_warning(const void *data) {
        const WarningRow *row = data;
        char text[128], says[128];
        Config config;
        Told told;

        snprintf(text, sizeof(text), "[Policy]\nCandidatePorts=%s\n", row->name);
        test_equal_int(parse(text, strlen(text), &told, &config), 1);
        config_warn(&config, tell, &told);
        test_equal_int(told.n, row->ports ? 1 : 0);
        if (!row->ports)
                return;
        test_equal_int(told.errors[0].line, 2);
        snprintf(says, sizeof(says), "[Policy] CandidatePorts has%s: Windows passes on", row->ports);
        test_contains(told.errors[0].message, says);
}

static size_t read_text(const char *path, char buffer[static TEXT_MAX]) {
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        size_t size;

        if (!file)
                test_fail("%s: %s", path, strerror(errno));
        size = fread(buffer, 1, TEXT_MAX, file);
        test_assert(!ferror(file) && size < TEXT_MAX);
        return size;
}

static void test_file(const void *data) {
        _cleanup_free_ char *text = malloc(TEXT_MAX), *path = NULL;
        const FileRow *row = data;

        test_assert(asprintf(&path, "%s/%s.conf", test_argument(1), row->name) > 0);
        check(text, read_text(path, text), &row->outcome);
}

static int is_conf(const struct dirent *entry) {
        size_t length = strlen(entry->d_name);

        return length > 5 && streq(entry->d_name + length - 5, ".conf");
}

static void test_each_file_has_a_row(void) {
        struct dirent **entries;
        int n;

        n = scandir(test_argument(1), &entries, is_conf, alphasort);
        test_equal_int(n, ELEMENTSOF(file_rows));
        for (int i = 0; i < n; i++) {
                bool found = false;

                for (size_t j = 0; j < ELEMENTSOF(file_rows); j++) {
                        const char *rest = startswith(entries[i]->d_name, file_rows[j].name);

                        found |= rest && streq(rest, ".conf");
                }
                if (!found)
                        test_fail("%s has no row", entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
}

static void test_10000_candidates(void) {
        static const Outcome outcome = REFUSED(2, "a range like 2200-2299 is shorter");
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        test_assert(out);
        fputs("[Policy]\nCandidatePorts=", out);
        for (unsigned port = 10000; port < 20000; port++)
                fprintf(out, "%u ", port);
        fputc('\n', out);
        test_assert(fclose(out) == 0);

        check(text, size, &outcome);
}

/* Each error is told with its own line, up to a bound. */
static void test_all_errors_are_told(void) {
        static const char text[] = "Unit=auto\n"
                                   "[Policy]\n"
                                   "Relocate=x\n"
                                   "\n"
                                   "# comment\n"
                                   "Restore: auto\n"
                                   "Restore=auto\n"
                                   "[Nonsense]\n"
                                   "Restore=auto\n"
                                   "[Windows]\n"
                                   "Interop=maybe";
        static const unsigned lines[] = { 1, 3, 6, 8, 11 };
        Config config;
        Told told;

        test_equal_int(parse(text, strlen(text), &told, &config), -EINVAL);
        test_equal_int(told.n, ELEMENTSOF(lines));
        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                test_equal_int(told.errors[i].line, lines[i]);
}

static void test_errors_are_bounded(void) {
        Config config;
        Told told;

        for (unsigned n = 19; n <= 23; n++) {
                char text[256] = "";

                for (unsigned i = 0; i < n; i++)
                        strcat(text, "x\n");

                test_equal_int(parse(text, strlen(text), &told, &config), -EINVAL);
                test_equal_int(told.n, n <= 20 ? n : 21);
                test_equal_int(told.errors[told.n - 1].line, n <= 20 ? n : 0);
                if (n == 23)
                        test_equal_string(told.errors[20].message, "and 3 more errors");
        }
}

/* Each beginning of a good file, the empty one included, is taken or refused without a crash. */
static void test_each_beginning(void) {
        _cleanup_free_ char *text = NULL;
        Config config = config_default();

        text = print(&config);
        for (size_t size = 0; size <= strlen(text); size++) {
                Told told;

                (void) parse(text, size, &told, &config);
        }
}

static void test_default(void) {
        Config config = config_default();

        test_equal_int(config.relocate, RELOCATE_CONFLICT);
        test_equal_int(config.n_candidates, 3);
        test_equal_int(config.candidates[0].first, 2222);
        test_equal_int(config.candidates[0].last, 2222);
        test_equal_int(config.candidates[1].first, 22022);
        test_equal_int(config.candidates[1].last, 22022);
        test_equal_int(config.candidates[2].first, 2200);
        test_equal_int(config.candidates[2].last, 2299);
        test_equal_int(config.restore, RESTORE_MANUAL);
        test_equal_string(config.unit, "auto");
        test_equal_int(config.socket_activation, SOCKET_ACTIVATION_KEEP);
        test_equal_int(config.probe_timeout, USEC_PER_SEC);
        test_assert(!config.ensure_enabled);
        test_assert(!config.interop);
        test_equal_int(config.log_level, LOG_INFO);
}

/* The tables above know a configuration by its printed form only; this test compares its members. */
static void test_print(void) {
        static const char expected[] = "[Policy]\n"
                                       "Relocate=mirrored\n"
                                       "CandidatePorts=1 2-65535\n"
                                       "Restore=auto\n"
                                       "\n"
                                       "[SSH]\n"
                                       "Unit=sshd.service\n"
                                       "SocketActivation=disable\n"
                                       "EnsureEnabled=yes\n"
                                       "\n"
                                       "[Windows]\n"
                                       "ProbeTimeoutSec=0.25\n"
                                       "Interop=yes\n"
                                       "\n"
                                       "[Daemon]\n"
                                       "LogLevel=debug\n";
        static const Config config = {
                .relocate = RELOCATE_MIRRORED,
                .candidates = { { 1, 1 }, { 2, 65535 } },
                .n_candidates = 2,
                .restore = RESTORE_AUTO,
                .unit = "sshd.service",
                .socket_activation = SOCKET_ACTIVATION_DISABLE,
                .ensure_enabled = true,
                .probe_timeout = 250 * USEC_PER_MSEC,
                .interop = true,
                .log_level = LOG_DEBUG,
        };
        _cleanup_free_ char *text = print(&config);
        Config again;
        Told told;

        test_equal_string(text, expected);
        test_equal_int(parse(text, strlen(text), &told, &again), 1);
        test_equal_int(again.relocate, config.relocate);
        test_equal_int(again.n_candidates, config.n_candidates);
        test_assert(memcmp(again.candidates, config.candidates, 2 * sizeof(PortRange)) == 0);
        test_equal_int(again.restore, config.restore);
        test_equal_string(again.unit, config.unit);
        test_equal_int(again.socket_activation, config.socket_activation);
        test_equal_int(again.ensure_enabled, config.ensure_enabled);
        test_equal_int(again.probe_timeout, config.probe_timeout);
        test_equal_int(again.interop, config.interop);
        test_equal_int(again.log_level, config.log_level);
}

/* The shipped file sets nothing. Its comments have each key once, with the default. */
static void test_shipped_file(void) {
        static const Outcome nothing_changed = TAKES("");
        _cleanup_free_ char *text = calloc(1, TEXT_MAX + 1), *uncommented = calloc(1, TEXT_MAX + 1),
                            *defaults = NULL, *path = NULL;
        Config config = config_default();
        size_t n_keys = 0;
        char *rest;

        test_assert(asprintf(&path, "%s/../../../conf/wslportd.conf", test_argument(1)) > 0);
        check(text, read_text(path, text), &nothing_changed);

        /* A line of prose has a blank behind its '#', a key with its default has none. */
        for (const char *c = text; *c; c++)
                if (*c != '#' || (c > text && c[-1] != '\n') || c[1] < 'A' || c[1] > 'Z')
                        uncommented[strlen(uncommented)] = *c;
                else
                        n_keys++;
        check(uncommented, strlen(uncommented), &nothing_changed);
        test_equal_int(n_keys, 9);

        rest = defaults = print(&config);
        for (const char *line; (line = strsep(&rest, "\n"));)
                if (strchr(line, '='))
                        test_contains(text, line);
}

/* A file with an error, and the configuration that a start makes of it: .changes are print_changes() of that, where a
 * Relocate= that can't be read is printed as the default. */
typedef struct RestRow {
        const char *name; /* the text */
        RelocatePolicy relocate;
        const char *changes;
} RestRow;

static const RestRow rest_rows[] = {
        { "[Policy]\nRelocate=never\n[Daemon]\nLoglevel=debug\n", RELOCATE_NEVER, "Relocate=never\n" },
        { "[Daemno]\nLogLevel=debug\n[Policy]\nRelocate=never\n", RELOCATE_NEVER, "Relocate=never\n" },
        { "[Policy]\nRelocate=conflict\nRestore=Boot\n", RELOCATE_CONFLICT, "" },
        { "[Policy]\nRelocate=mirrored\nRestore=boot\nx\n", RELOCATE_MIRRORED, "Relocate=mirrored\nRestore=boot\n" },

        { "[Policy]\nRelocate=Never\nRestore=boot\n", RELOCATE_UNREADABLE, "Restore=boot\n" },
        { "[Policy]\nRelocate='never'\n", RELOCATE_UNREADABLE, "" },
        { "[Policy]\nRelocate=conflict\nRelocate=never\n", RELOCATE_UNREADABLE, "" },
        { "[Policy]\nRelocate=never\nRelocate=conflict\n", RELOCATE_NEVER, "Relocate=never\n" },
        { "[Policy]\n Relocate=never\n", RELOCATE_UNREADABLE, "" },
        { "[Policy]\nRelocat=never\n", RELOCATE_UNREADABLE, "" },
        { "[Polcy]\nRelocate=never\n", RELOCATE_UNREADABLE, "" },
        { "Relocate=never\n", RELOCATE_UNREADABLE, "" },
        { "[Daemon]\nLoglevel=debug\n", RELOCATE_UNREADABLE, "" },
        { "\xff\xfe[", RELOCATE_UNREADABLE, "" },
        { "[SSH]\nSocketActivation=disabel\n", RELOCATE_UNREADABLE, "" },
        { "[Policy]\nRelocate=conflict\n[SSH]\nUnit=sshd-lan\nEnsureEnabled=yes\n", RELOCATE_CONFLICT, "Unit=unreadable.service\nEnsureEnabled=yes\n" },

        { "[Policy]\nRelocate=conflict\nCandidatePorts=4022 4o23 4024\n", RELOCATE_CONFLICT, "CandidatePorts=4022\n" },
        { "[Policy]\nRelocate=conflict\nCandidatePorts=\"4022\"\n", RELOCATE_CONFLICT, "CandidatePorts=\n" },
        { "[Policy]\nRelocate=conflict\nCandidatePorts=none\n", RELOCATE_CONFLICT, "CandidatePorts=\n" },
};

static void test_rest(const void *data) {
        const RestRow *row = data;
        _cleanup_free_ char *changes = NULL;
        Config config;
        Told told;

        test_equal_int(parse(row->name, strlen(row->name), &told, &config), -EINVAL);
        test_equal_int(config.relocate, row->relocate);
        test_equal_int(config.socket_activation, SOCKET_ACTIVATION_UNREADABLE); /* no row has a line for it that can be read */
        changes = print_changes(&config);
        test_equal_string(changes, row->changes);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_default),
                TEST(test_print),
                TEST_TABLE(test_value, value_rows),
                TEST_TABLE(test_file, file_rows),
                TEST_TABLE(test_warning, warning_rows),
                TEST(test_each_file_has_a_row),
                TEST(test_10000_candidates),
                TEST(test_all_errors_are_told),
                TEST(test_errors_are_bounded),
                TEST(test_each_beginning),
                TEST(test_shipped_file),
                TEST_TABLE(test_rest, rest_rows),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
