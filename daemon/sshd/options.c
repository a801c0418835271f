/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/options.h"

/* sshd's options with an argument (its getopt() string, sshd.c, OpenSSH 10.2), and the options that we pick. */
#define WITH_ARGUMENT "CEbcfghkopu"
#define PICKED "46cfhop"

#define WORD_SIZE 256

static const char *find_variable(const char *environment, const char *name, size_t length) {
        const char *value = "";

        WORDS_FOREACH (entry, environment)
                if (strncmp(entry, name, length) == 0 && entry[length] == '=')
                        value = entry + length + 1;
        return value;
}

/* systemd splits the value of a lone `$NAME` at blanks, and removes quotes and backslashes (replace_env_argv()). */
static bool append_split(char *words, size_t size, const char *value) {
        while (*(value += strspn(value, " \t\n")) != '\0') {
                char word[WORD_SIZE], quote = '\0';
                size_t n = 0;

                for (; *value && (quote || !strchr(" \t\n", *value)); value++) {
                        if (quote ? *value == quote : *value == '"' || *value == '\'') {
                                quote = quote ? '\0' : *value;
                                continue;
                        }
                        if (*value == '\\' && quote != '\'' && value[1])
                                value++;
                        if (n == sizeof(word) - 1)
                                return false;
                        word[n++] = *value;
                }
                word[n] = '\0';
                if (n > 0 && !words_append(words, size, word))
                        return false;
        }
        return true;
}

static bool append_expanded(char *words, size_t size, const char *word, const char *environment) {
        char text[WORD_SIZE];
        size_t n = 0;

        if (!environment)
                return words_append(words, size, word);
        if (word[0] == '$' && word[1] != '{' && word[1] != '$')
                return append_split(words, size, find_variable(environment, word + 1, strlen(word + 1)));

        while (*word) {
                const char *part = word, *end;
                size_t length = 1;

                if (startswith(word, "$$"))
                        word += 2;
                else if (startswith(word, "${") && (end = strchr(word, '}'))) {
                        part = find_variable(environment, word + 2, (size_t) (end - word - 2));
                        length = strlen(part);
                        word = end + 1;
                } else
                        word++;
                if (n + length >= sizeof(text))
                        return false;
                memcpy(text + n, part, length);
                n += length;
        }
        text[n] = '\0';
        return n == 0 || words_append(words, size, text);
}

int sshd_options(const char *arguments, const char *environment, char ret[static SSHD_COMMAND_SIZE],
                 bool *ret_has_port) {
        char words[SSHD_COMMAND_SIZE] = "", picked[SSHD_COMMAND_SIZE] = "";
        bool has_port = false;

        ret[0] = ret[1] = '\0';
        *ret_has_port = false;
        WORDS_FOREACH (word, arguments)
                if (!append_expanded(words, sizeof(words), word, environment))
                        return -E2BIG;

        WORDS_FOREACH (word, words) {
                if (word[0] != '-' || word[1] == '\0' || streq(word, "--"))
                        break;
                for (const char *letter = word + 1; *letter; letter++) {
                        bool takes = strchr(WITH_ARGUMENT, *letter);
                        const char *argument = "";
                        char option[WORD_SIZE];

                        if (takes && letter[1])
                                argument = letter + 1;
                        else if (takes && *words_next(word))
                                argument = word = words_next(word);
                        if (strchr(PICKED, *letter) && (!takes || *argument)) {
                                has_port = has_port || *letter == 'p';
                                if (snprintf(option, sizeof(option), "-%c%s", *letter, argument) >=
                                                    WORD_SIZE ||
                                    !words_append(picked, sizeof(picked), option))
                                        return -E2BIG;
                        }
                        if (takes)
                                break;
                }
        }

        memcpy(ret, picked, sizeof(picked));
        *ret_has_port = has_port;
        return 0;
}

void sshd_options_without_ours(char arguments[static SSHD_COMMAND_SIZE]) {
        const char *rest = arguments;
        uint16_t port;

        while (streq(rest, "-p") && parse_port(words_next(rest), &port) >= 0)
                rest = words_next(words_next(rest));
        memmove(arguments, rest, SSHD_COMMAND_SIZE - (size_t) (rest - arguments));
}

bool sshd_is_named_by(const char *program) {
        const char *slash = strrchr(program, '/');

        return streq(slash ? slash + 1 : program, "sshd");
}

/* Appends what follows sshd's name in a shell's @line, up to a character that means something to a shell.
 * Returns false if @line has no such name. */
static bool append_from_line(char words[static SSHD_COMMAND_SIZE], const char *line) {
        char split[SSHD_COMMAND_SIZE] = "";
        char *word = split, *end;

        if (!append_split(split, sizeof(split), line))
                return false;
        while (*word && !sshd_is_named_by(word))
                word += strlen(word) + 1;
        if (!*word)
                return false;
        do {
                word += strlen(word) + 1;
                end = word + strcspn(word, ";&|<>()`{");
                if (*end)
                        end[0] = end[1] = '\0';
        } while (words_append(words, SSHD_COMMAND_SIZE, word));
        return true;
}

void sshd_own_arguments(const SshdCommand *command, char ret[static SSHD_COMMAND_SIZE]) {
        bool found = sshd_is_named_by(command->program);

        ret[0] = ret[1] = '\0';
        WORDS_FOREACH (word, command->arguments)
                if (found)
                        (void) words_append(ret, SSHD_COMMAND_SIZE, word); /* fits: it is a part */
                else if (!strpbrk(word, " \t\n"))
                        found = sshd_is_named_by(word);
                else if (append_from_line(ret, word))
                        return;
}
