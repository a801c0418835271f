/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/fuzz.h"
#include "sshd/options.h"

/* A unit's command line, its Environment= and a file of EnvironmentFile=: three lists, an empty line between
 * them. */

/* A name ends where the value begins, and both fit. */
static int on_assignment(const char *name, const char *value, unsigned line, void *userdata) {
        char entry[2 * SSHD_COMMAND_SIZE], *environment = userdata;

        require(!strpbrk(name, "=\n\r") && strlen(name) < 128 && line > 0);
        require(name[0] == '\0' || (!is_blank(name[0]) && !is_blank(name[strlen(name) - 1])));
        require(!value || strlen(value) < SSHD_COMMAND_SIZE);
        snprintf(entry, sizeof(entry), "%s=%s", name, strempty(value));
        (void) words_append(environment, SSHD_COMMAND_SIZE, entry);
        return 0;
}

/* What sshd gets is a part of the command. */
static void try_own_arguments(const char *words) {
        char own[SSHD_COMMAND_SIZE];
        SshdCommand command = { 0 };
        size_t length = 0;

        snprintf(command.program, sizeof(command.program), "%s", words);
        WORDS_FOREACH (word, *words ? words_next(words) : words)
                if (words_append(command.arguments, sizeof(command.arguments), word))
                        length += strlen(word) + 1;
        memset(own, 'x', sizeof(own));
        sshd_own_arguments(&command, own);
        require(fuzz_is_words(own, sizeof(own)));
        WORDS_FOREACH (word, own) {
                require(length > strlen(word));
                length -= strlen(word) + 1;
        }
        if (sshd_is_named_by(command.program))
                require(fuzz_same_words(own, command.arguments));
}

static void require_options(const char *options, bool has_port) {
        char again[SSHD_COMMAND_SIZE];
        bool port_again, port = false, variables = false;

        require(fuzz_is_words(options, SSHD_COMMAND_SIZE));
        WORDS_FOREACH (option, options) {
                require(option[0] == '-' && option[1] && strchr("46cfhop", option[1]));
                require(strchr("46", option[1]) ? option[2] == '\0' : option[2] != '\0');
                port = port || option[1] == 'p';
                variables = variables || strchr(option, '$');
        }
        require(port == has_port);

        /* The picked options say the same when they are read again. */
        if (!variables) {
                require(sshd_options(options, "", again, &port_again) == 0);
                require(fuzz_same_words(again, options));
                require(port_again == has_port);
        }
}

static void try_without_ours(const char *arguments) {
        static const char *const ours[] = { "-p", "22", "-p", "65535" };
        char plain[SSHD_COMMAND_SIZE] = "", added[SSHD_COMMAND_SIZE] = "";
        bool fits = true;

        WORDS_FOREACH (word, arguments)
                fits = fits && words_append(plain, sizeof(plain), word);
        if (!fits)
                return;
        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                fits = fits && words_append(added, sizeof(added), ours[i]);
        WORDS_FOREACH (word, plain)
                fits = fits && words_append(added, sizeof(added), word);

        sshd_options_without_ours(plain);
        require(fuzz_is_words(plain, sizeof(plain)));
        if (!fits)
                return;
        sshd_options_without_ours(added);
        require(fuzz_same_words(added, plain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        _cleanup_free_ char *arguments = fuzz_words(&input), *given = fuzz_words(&input);
        _cleanup_free_ char *file = fuzz_text(&input, '\0'), *environment = calloc(1, SSHD_COMMAND_SIZE);
        char options[SSHD_COMMAND_SIZE];
        bool has_port;
        int r;

        require(environment);
        WORDS_FOREACH (entry, given)
                (void) words_append(environment, SSHD_COMMAND_SIZE, entry);
        require(environment_parse(file, on_assignment, environment) == 0);
        require(fuzz_is_words(environment, SSHD_COMMAND_SIZE));

        r = sshd_options(arguments, environment, options, &has_port);
        require(r == 0 || r == -E2BIG);
        if (r == 0)
                require_options(options, has_port);
        else
                require(options[0] == '\0' && options[1] == '\0' && !has_port);

        try_without_ours(arguments);
        try_own_arguments(arguments);
        return 0;
}
