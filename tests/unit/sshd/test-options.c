/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/options.h"
#include "unit/test.h"
#include "unit/words.h"

static const struct {
        const char *name;
        const char *arguments, *environment; /* "-D|-p|22" */
        const char *options;
        bool has_port;
} commands[] = {
        { "nothing", "", "", "", false },
        { "Debian's", "-D|$SSHD_OPTS", "SSHD_OPTS=", "", false },
        { "Fedora's, its variable unknown", "-D|$OPTIONS", "", "", false },

        { "a variable becomes words", "-D|$SSHD_OPTS", "SSHD_OPTS= -p 2022\t-4  ", "-p2022|-4", true },
        { "a variable of blanks", "$A|-4", "A= \t ", "-4", false },
        { "a variable as an argument", "-p|$PORT", "PORT=22", "-p22", true },
        { "a variable without words as an argument", "-f|$NONE|-4", "", "-f-4", false },
        { "the last of a name counts", "$A", "A=-4|A=-6", "-6", false },
        { "a name that goes on", "$A", "AB=-6|A=-4", "-4", false },
        { "a name that begins so", "$AB", "A=-6|AB=-4", "-4", false },
        { "a value that looks like a name", "$A", "X=A=-6|A=-4", "-4", false },
        { "a value with an equals sign", "$A", "A=-oPort=22", "-oPort=22", false },
        { "a value isn't expanded again", "$A", "A=-f$B|B=x", "-f$B", false },
        { "several variables", "$A|-D|$B", "A=-4|B=-6", "-4|-6", false },

        { "braces inside a word", "-p${PORT}", "PORT=22", "-p22", true },
        { "braces between", "-f/${A}/x${B}y", "A=a|B=b", "-f/a/xby", false },
        { "braces alone", "-f|${FILE}", "FILE=/etc/x", "-f/etc/x", false },
        { "braces don't split", "-o|${A}", "A=Port 22", "-oPort 22", false },
        { "braces around an unknown name", "-p${NONE}22", "", "-p22", true },
        { "braces around a name that begins so", "-f${AB}c", "A=x|ABC=y", "-fc", false },
        { "braces in braces' value", "-f${A}", "A=${B}|B=x", "-f${B}", false },
        { "an unclosed brace", "-f${A", "A=x", "-f${A", false },

        { "$$ is a dollar", "-f$$x", "", "-f$x", false },
        { "$$ and a name", "-f$$A|-4", "A=x", "-f$A|-4", false },
        { "$$ at the front of a word", "$$A|-4", "A=-6", "", false },
        { "$$ and braces", "-f$${A}", "A=x", "-f${A}", false },
        { "a name inside a word is none", "-f$A", "A=x", "-f$A", false },
        { "a dollar at the end", "-fx$|-4", "", "-fx$|-4", false },
        { "a dollar alone", "-4|$|-6", "A=x", "-4|-6", false },

        { "a port apart", "-p|22", "", "-p22", true },
        { "a port attached", "-p22", "", "-p22", true },
        { "two ports", "-p|22|-4|-p2022", "", "-p22|-4|-p2022", true },
        { "an option apart", "-o|Port=22", "", "-oPort=22", false },
        { "an option attached, with a blank", "-oPort 22", "", "-oPort 22", false },
        { "an option apart, with a blank", "-o|Port 22", "", "-oPort 22", false },
        { "an option named p", "-op|-4", "", "-op|-4", false },
        { "a file", "-f|/etc/ssh/other", "", "-f/etc/ssh/other", false },
        { "a file attached", "-f/etc/ssh/other", "", "-f/etc/ssh/other", false },
        { "all that are kept", "-4|-6|-c|1|-f|2|-h|3|-o|4|-p|5", "", "-4|-6|-c1|-f2|-h3|-o4|-p5", true },
        { "arguments that look like options", "-f|-p|-o|-4", "", "-f-p|-o-4", false },

        { "dropped", "-D|-G|-Q|-R|-T|-V|-d|-e|-i|-q|-r|-t|-4", "", "-4", false },
        { "dropped with their arguments", "-C|-4|-E|-4|-b|-4|-g|-4|-k|-4|-u|-4|-6", "", "-6", false },
        { "dropped with an argument attached", "-E/4|-C4|-6", "", "-6", false },
        { "a port that is another's argument", "-E|-p22", "", "", false },
        { "a log and a file", "-E|/var/log/x|-f|/etc/x", "", "-f/etc/x", false },

        { "a cluster of dropped ones", "-De", "", "", false },
        { "a cluster", "-D4e6", "", "-4|-6", false },
        { "a cluster that ends in an argument", "-De4p22|-6", "", "-4|-p22|-6", true },
        { "a cluster whose argument is apart", "-ddp|22|-6", "", "-p22|-6", true },
        { "a cluster whose argument is dropped", "-4E|-6|-6", "", "-4|-6", false },
        { "a cluster whose attached argument is dropped", "-4E6p22", "", "-4", false },

        { "an argument is missing", "-4|-p", "", "-4", false },
        { "a dropped one's argument is missing", "-4|-E", "", "-4", false },
        { "what isn't an option ends them", "-4|x|-6", "", "-4", false },
        { "a dash ends them", "-4|-|-6", "", "-4", false },
        { "a file named --", "-f|--|-4", "", "-f--|-4", false },
};

static void test_options(const void *data) {
        const __typeof__(commands[0]) *row = data;
        char options[SSHD_COMMAND_SIZE] = "x";
        bool has_port = !row->has_port;

        test_equal_int(sshd_options(test_words(row->arguments), test_words(row->environment), options,
                                    &has_port),
                       0);
        test_equal_words(options, row->options);
        test_equal_int(has_port, row->has_port);
}

/* @prefix, and @text @n times. */
static const char *repeated(const char *prefix, const char *text, size_t n) {
        static char texts[2][TEST_WORDS_SIZE];
        static size_t next;
        char *ret = texts[next++ % ELEMENTSOF(texts)];
        size_t length = strlen(prefix);

        test_assert(length + n * strlen(text) < TEST_WORDS_SIZE);
        memcpy(ret, prefix, length + 1);
        for (; n > 0; n--, length += strlen(text))
                memcpy(ret + length, text, strlen(text) + 1);
        return ret;
}

static const struct {
        const char *name;
        const char *prefix, *text; /* the arguments; with @arguments, the environment */
        size_t fits;               /* how many times @text fits */
        const char *arguments;
} limits[] = {
        { "a word", "-f", "x", 253, NULL },
        { "a word of dollars", "-f", "$$", 253, NULL },
        { "a dropped word", "-E", "x", 253, NULL },
        { "a variable's word", "A=-f", "x", 253, "$A" },
        { "a variable's second word", "A=-4 -f", "x", 253, "$A" },
        { "a variable in braces", "A=-f", "x", 253, "${A}" },
        { "a variable in braces in a word", "A=", "x", 251, "-f/${A}/" },
        { "a variable in braces, more behind it", "A=-f", "x", 252, "${A}y" },
        { "all words", "-4", "|-D4", 255, NULL },
        { "a variable's words", "A=", " -4", 341, "$A" },
        { "all that is kept", "-44", "|-444", 113, NULL },
};

static void test_too_long(const void *data) {
        const __typeof__(limits[0]) *row = data;

        for (size_t more = 0; more < 2; more++) {
                const char *text = repeated(row->prefix, row->text, row->fits + more);
                char options[SSHD_COMMAND_SIZE] = "x";
                bool has_port = true;

                test_equal_int(sshd_options(test_words(row->arguments ? row->arguments : text),
                                            test_words(row->arguments ? text : ""), options, &has_port),
                               more ? -E2BIG : 0);
                test_equal_int(has_port, false);
                if (more)
                        test_assert(options[0] == '\0' && options[1] == '\0');
        }
}

/* If it is too long, nothing of the options comes out. */
static void test_too_long_has_no_port(void) {
        char options[SSHD_COMMAND_SIZE];
        bool has_port;

        test_equal_int(sshd_options(test_words(repeated("-p|22", "|-444", 113)), "", options, &has_port), 0);
        test_equal_int(has_port, true);
        test_equal_int(sshd_options(test_words(repeated("-p|22", "|-444", 114)), "", options, &has_port),
                       -E2BIG);
        test_equal_int(has_port, false);
        test_assert(options[0] == '\0' && options[1] == '\0');
}

static const struct {
        const char *name; /* the words */
        const char *rest;
} ours[] = {
        { "-p|2222|-D", "-D" },
        { "-p|65535", "" },
        { "-p|2022|-p|2222|-D|$SSHD_OPTS", "-D|$SSHD_OPTS" },
        { "-D|-p|2222", "-D|-p|2222" },
        { "-p2222|-D", "-p2222|-D" },
        { "-p|2222|-p22|-D", "-p22|-D" },
        { "-p|65536|-D", "-p|65536|-D" },
        { "-p|0|-D", "-p|0|-D" },
        { "-p|$PORT|-D", "-p|$PORT|-D" },
        { "-p", "-p" },
        { "-o|22", "-o|22" },
        { "22|-D", "22|-D" },
        { "-D", "-D" },
};

static void test_without_ours(const void *data) {
        const __typeof__(ours[0]) *row = data;
        char arguments[SSHD_COMMAND_SIZE] = "";

        memcpy(arguments, test_words(row->name), strlen(row->name) + 2);
        sshd_options_without_ours(arguments);
        test_equal_words(arguments, row->rest);
}

static void test_without_ours_of_nothing(void) {
        char arguments[SSHD_COMMAND_SIZE] = "\0-p\0" "22\0";

        sshd_options_without_ours(arguments);
        test_equal_words(arguments, "");
}

static const struct {
        const char *name;
        const char *program, *arguments;
        const char *own;
} wrapped[] = {
        { "sshd itself", "/usr/sbin/sshd", "-D|$SSHD_OPTS", "-D|$SSHD_OPTS" },
        { "sshd at a path of its own", "/opt/x/bin/sshd", "-D|sshd|-p|22", "-D|sshd|-p|22" },
        { "a blank in an argument", "/usr/sbin/sshd", "-o|Port 22|-D", "-o|Port 22|-D" },
        { "env", "/usr/bin/env", "LANG=C|/usr/sbin/sshd|-D|-p|2022", "-D|-p|2022" },
        { "nice", "/usr/bin/nice", "-n|-5|/usr/sbin/sshd|-D|$SSHD_OPTS", "-D|$SSHD_OPTS" },
        { "env, and a blank in an argument", "/usr/bin/env", "A=b c|sshd|-o|Port 22", "-o|Port 22" },
        { "env without arguments of sshd's", "/usr/bin/env", "sshd", "" },
        { "a shell", "/bin/sh", "-c|exec /usr/sbin/sshd -D -p 2022", "-D|-p|2022" },
        { "a shell's variable", "/bin/sh", "-c|umask 022; exec /usr/sbin/sshd -D $SSHD_OPTS", "-D|$SSHD_OPTS" },
        { "a shell's quotes", "/bin/sh", "-c|sshd -o \"Port 22\" -o 'B c'", "-o|Port 22|-o|B c" },
        { "a shell goes on", "/bin/sh", "-c|sshd -D -p 2022; true -p 22", "-D|-p|2022" },
        { "a shell goes on, a blank apart", "/bin/sh", "-c|sshd -D ; true -p 22", "-D" },
        { "a shell redirects", "/bin/sh", "-c|exec sshd -D >/dev/null 2>&1", "-D" },
        { "a shell asks", "/bin/sh", "-c|exec sshd -D -p $(port)", "-D|-p|$" },
        { "a shell's default", "/bin/sh", "-c|exec sshd -D -p ${PORT:-22} -4", "-D|-p|$" },
        { "a shell that names sshd alone", "/bin/sh", "-c|exec sshd", "" },
        { "a script", "/opt/site/start-sshd", "", "" },
        { "a script's arguments", "/opt/site/start", "-p|2022", "" },
        { "another program in a shell", "/bin/sh", "-c|exec /opt/x -p 2022", "" },
        { "a name that ends so", "/usr/sbin/xsshd", "-p|2022", "" },
        { "no command", "", "", "" },
};

static void test_own_arguments(const void *data) {
        const __typeof__(wrapped[0]) *row = data;
        char own[SSHD_COMMAND_SIZE] = "x";
        SshdCommand command = { 0 };

        snprintf(command.program, sizeof(command.program), "%s", row->program);
        memcpy(command.arguments, test_words(row->arguments), strlen(row->arguments) + 2);
        sshd_own_arguments(&command, own);
        test_equal_words(own, row->own);
}

/* The prefix `:` of a command. */
static void test_without_expansion(void) {
        char options[SSHD_COMMAND_SIZE];
        bool has_port;

        test_equal_int(sshd_options(test_words("-D|$A|-f${A}|-f$$"), NULL, options, &has_port), 0);
        test_equal_words(options, "");
        test_equal_int(sshd_options(test_words("-D|-f${A}|-f$$"), NULL, options, &has_port), 0);
        test_equal_words(options, "-f${A}|-f$$");
}

static const struct {
        const char *name;
        size_t size;
        const char *before, *word;
        bool fits;
} appends[] = {
        { "the first", 16, "", "abc", true },
        { "another", 16, "abc", "de", true },
        { "exactly, the first", 5, "", "abc", true },
        { "one too many, the first", 4, "", "abc", false },
        { "exactly", 8, "abc", "de", true },
        { "one too many", 7, "abc", "de", false },
        { "one letter, exactly", 3, "", "a", true },
        { "one letter, one too many", 2, "", "a", false },
        { "nothing", 16, "abc", "", false },
        { "nothing to nothing", 16, "", "", false },
};

static void test_words_append(const void *data) {
        const __typeof__(appends[0]) *row = data;
        char expected[32];
        _cleanup_free_ char *words = calloc(1, row->size + 1);

        test_assert(words);
        memcpy(words, test_words(row->before), strlen(row->before) + 2);
        words[row->size] = '!';
        test_equal_int(words_append(words, row->size, row->word), row->fits);
        snprintf(expected, sizeof(expected), "%s%s%s", row->before, row->fits && *row->before ? "|" : "",
                 row->fits ? row->word : "");
        test_equal_words(words, expected);
        test_equal_int(words[row->size], '!');
}

/* The buffer's old contents behind the list don't come back. */
static void test_words_append_ends_the_list(void) {
        char words[16] = "abc\0\0ghij\0klm";

        test_assert(words_append(words, sizeof(words), "d"));
        test_equal_words(words, "abc|d");
}

static void test_words_foreach(void) {
        const char *words = test_words("a|bc|d"), *third = words_next(words_next(words));
        size_t n = 0;

        WORDS_FOREACH (word, words)
                n += strlen(word);
        test_equal_int(n, 4);
        test_equal_string(third, "d");
        test_equal_string(words_next(third), "");
        WORDS_FOREACH (word, "")
                test_fail("An empty list has a word, %s", word);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_options, commands),
                TEST_TABLE(test_too_long, limits),
                TEST(test_too_long_has_no_port),
                TEST_TABLE(test_without_ours, ours),
                TEST(test_without_ours_of_nothing),
                TEST_TABLE(test_own_arguments, wrapped),
                TEST(test_without_expansion),
                TEST_TABLE(test_words_append, appends),
                TEST(test_words_append_ends_the_list),
                TEST(test_words_foreach),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
