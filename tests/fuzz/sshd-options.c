/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/fuzz.h"
#include "sshd/options.h"

/* A unit's command line, its Environment= and a file of EnvironmentFile=: three lists, an empty line between
 * them. */

static bool is_variable(const char *entry) {
        size_t length = strspn(entry, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

        return length > 0 && entry[length] == '=';
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
        char plain[SSHD_COMMAND_SIZE] = "", added[SSHD_COMMAND_SIZE];
        bool fits = true;

        WORDS_FOREACH (word, arguments)
                fits = fits && words_append(plain, sizeof(plain), word);
        if (!fits)
                return;
        memcpy(added, plain, sizeof(added));
        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                fits = fits && words_append(added, sizeof(added), ours[i]);

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
        r = sshd_environment_add(file, environment);
        require(r == 0 || r == -E2BIG);
        require(fuzz_is_words(environment, SSHD_COMMAND_SIZE));
        WORDS_FOREACH (entry, environment) {
                bool there = is_variable(entry);

                WORDS_FOREACH (each, given)
                        there = there || streq(each, entry);
                require(there);
        }

        r = sshd_options(arguments, environment, options, &has_port);
        require(r == 0 || r == -E2BIG);
        if (r == 0)
                require_options(options, has_port);
        else
                require(options[0] == '\0' && options[1] == '\0' && !has_port);

        try_without_ours(arguments);
        return 0;
}
