/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/options.h"

#include <ctype.h>

/* getopt's string of sshd (sshd.c, OpenSSH 10.2) and those of it that are kept. */
#define WITH_ARGUMENT "CEbcfghkopu"
#define KEPT "46cfhop"

#define WORD_SIZE 256

static const char *find_variable(const char *environment, const char *name, size_t length) {
        WORDS_FOREACH (entry, environment)
                if (strncmp(entry, name, length) == 0 && entry[length] == '=')
                        return entry + length + 1;
        return "";
}

/* `$NAME` alone: split at blanks, with quotes and backslashes taken away (systemd, replace_env_argv()). */
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
        char text[WORD_SIZE] = "";
        size_t n = 0;

        if (word[0] == '$' && word[1] != '{' && word[1] != '$')
                return append_split(words, size, find_variable(environment, word + 1, strlen(word + 1)));

        while (*word && n < sizeof(text) - 1)
                if (word[0] == '$' && word[1] == '$') {
                        text[n++] = '$';
                        word += 2;
                } else if (word[0] == '$' && word[1] == '{' && strchr(word, '}')) {
                        size_t length = strcspn(word + 2, "}");

                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s",
                                               find_variable(environment, word + 2, length));
                        if (n >= sizeof(text))
                                return false;
                        word += length + 3;
                } else
                        text[n++] = *word++;
        text[n] = '\0';

        return *word == '\0' && (n == 0 || words_append(words, size, text));
}

int sshd_options(const char *arguments, const char *environment, char ret[static SSHD_COMMAND_SIZE],
                 bool *ret_has_port) {
        char words[SSHD_COMMAND_SIZE] = "", kept[SSHD_COMMAND_SIZE] = "";
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
                        bool keep = strchr(KEPT, *letter), takes = strchr(WITH_ARGUMENT, *letter);
                        const char *argument = !takes          ? ""
                                               : letter[1]     ? letter + 1
                                               : *words_next(word) ? (word = words_next(word))
                                                               : "";
                        char option[WORD_SIZE];

                        if (keep && (!takes || *argument)) {
                                has_port = has_port || *letter == 'p';
                                if (snprintf(option, sizeof(option), "-%c%s", *letter, argument) >= WORD_SIZE ||
                                    !words_append(kept, sizeof(kept), option))
                                        return -E2BIG;
                        }
                        if (takes)
                                break;
                }
        }

        memcpy(ret, kept, sizeof(kept));
        *ret_has_port = has_port;
        return 0;
}

void sshd_options_without_ours(char arguments[static SSHD_COMMAND_SIZE]) {
        char *last = NULL, *before = NULL;
        uint16_t port;

        for (;;) {
                last = before = NULL;
                for (char *word = arguments; *word; word += strlen(word) + 1) {
                        before = last;
                        last = word;
                }
                if (!before || !streq(before, "-p") || parse_port(last, &port) < 0)
                        return;
                *before = '\0';
        }
}

void sshd_environment_add(const char *text, char *environment, size_t size) {
        size_t limit = size < SSHD_COMMAND_SIZE ? size : SSHD_COMMAND_SIZE;

        while (*text) {
                size_t length = strcspn(text, "\n"), name;
                char line[512], all[SSHD_COMMAND_SIZE] = "";

                if (length < sizeof(line)) {
                        char *value, quote;

                        memcpy(line, text, length);
                        line[length] = '\0';
                        while (length > 0 && isspace((unsigned char) line[length - 1]))
                                line[--length] = '\0';
                        name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
                        if (name > 0 && line[name] == '=') {
                                value = line + name + 1;
                                quote = *value;
                                if ((quote == '"' || quote == '\'') && length > name + 2 &&
                                    line[length - 1] == quote) {
                                        line[length - 1] = '\0';
                                        memmove(value, value + 1, strlen(value));
                                }
                                /* In front, so that the last one counts. */
                                if (words_append(all, limit, line)) {
                                        WORDS_FOREACH (entry, environment)
                                                (void) words_append(all, limit, entry);
                                        memcpy(environment, all, limit);
                                }
                        }
                        length = strcspn(text, "\n");
                }
                text += length + (text[length] == '\n');
        }
}
