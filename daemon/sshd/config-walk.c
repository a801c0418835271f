/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/config-walk.h"

#include <glob.h>
#include <limits.h>
#include <strings.h>

#include "base/fs.h"

#define DEPTH_MAX 16U /* sshd reads no deeper (OpenSSH, SERVCONF_MAX_DEPTH) */
#define FILES_MAX 128U
#define TEXT_MAX ((size_t) 64 * 1024)
#define BLANKS " \t\r\f"

typedef struct Walk {
        const char *root, *folder;                        /* where a relative Include begins */
        ConfigLineHandler handler;                        /* NULL: nobody asks for lines */
        int (*on_path)(const char *path, void *userdata); /* NULL: nobody asks for them */
        void *userdata;
        unsigned depth, n_files;
        int error; /* the first */
} Walk;

/* Splits a line as sshd does (OpenSSH misc.c, strdelim() and argv_split()): one "=" may stand behind the
 * keyword, and quotes and backslashes go. @words has room for the line and two bytes more. */
static void split(const char *line, char *words) {
        char *to = words;

        for (line += strspn(line, BLANKS); *line && *line != '#'; line += strspn(line, BLANKS)) {
                char quote = '\0', *word = to;

                for (; *line && (quote || !strchr(BLANKS, *line)); line++) {
                        if (quote ? *line == quote : *line == '"' || *line == '\'') {
                                quote = quote ? '\0' : *line;
                                continue;
                        }
                        if (*line == '=' && word == words && !quote)
                                break;
                        if (*line == '\\' && line[1] && strchr(quote ? "'\"\\" : "'\"\\ ", line[1]))
                                line++;
                        *to++ = *line;
                }
                if (word == words) {
                        line += strspn(line, BLANKS);
                        line += *line == '=';
                }
                if (to > word)
                        *to++ = '\0';
        }
        *to = '\0';
}

static int walk(Walk *w, const char *pattern);

/* Changes @text, and writes the words behind it: there is as much room again. */
/* NOLINTNEXTLINE(misc-no-recursion): files include files, to DEPTH_MAX */
static int walk_text(Walk *w, const char *file, char *text) {
        char *words = text + strlen(text) + 1;
        ConfigLine line = { .words = words };
        int r = 0;

        (void) printable(file, line.place.file, sizeof(line.place.file));
        for (char *each; r == 0 && (each = strsep(&text, "\n"));) {
                line.place.line++;
                split(each, words);
                if (words[0] && strcasecmp(words, "include") != 0)
                        r = w->handler ? w->handler(&line, w->userdata) : 0;
                else if (words[0])
                        WORDS_FOREACH (pattern, words_next(words))
                                r = r != 0 ? r : walk(w, pattern);
        }
        return r;
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static int walk(Walk *w, const char *pattern) {
        _cleanup_free_ char *text = malloc(2 * TEXT_MAX + 4);
        bool relative = pattern[0] != '/' && pattern[0] != '~';
        glob_t paths = { 0 };
        char path[PATH_MAX];
        int r = 0;

        if (!text || w->depth > DEPTH_MAX ||
            snprintf(path, sizeof(path), "%s%s%s", w->root, relative ? w->folder : "", pattern) >=
                            PATH_MAX) {
                note_error(&w->error, -ELOOP);
                return 0;
        }
        if (w->on_path)
                r = w->on_path(path + strlen(w->root), w->userdata);
        errno = 0;
        if (glob(path, GLOB_ERR, NULL, &paths) != 0 && errno != ENOENT && errno != ENOTDIR)
                note_error(&w->error, -errno);
        w->depth++;
        for (size_t i = 0; i < paths.gl_pathc && r == 0; i++) {
                const char *file = paths.gl_pathv[i];
                ssize_t n = w->n_files++ < FILES_MAX ? fs_read_bytes(file, text, TEXT_MAX) : -E2BIG;

                if (n >= 0 && memchr(text, '\0', (size_t) n))
                        n = -EBADMSG;
                note_error(&w->error, n < 0 ? (int) n : 0);
                text[n < 0 ? 0 : n] = '\0';
                r = walk_text(w, file + strlen(w->root), text);
        }
        w->depth--;
        globfree(&paths);
        return r;
}

int config_walk(const char *root, const char *pattern, ConfigLineHandler handler, void *userdata) {
        Walk w = { .root = root, .folder = "/etc/", .handler = handler, .userdata = userdata };
        int r = walk(&w, pattern);

        return r != 0 ? r : w.error;
}

static int walk_sshd(Walk *w, const char *options) {
        const char *path = "/etc/ssh/sshd_config";
        int r;

        w->folder = "/etc/ssh/";
        WORDS_FOREACH (option, options)
                path = startswith(option, "-f") ? option + strlen("-f") : path;
        r = walk(w, path);
        if (w->n_files == 0) /* SUSE's is elsewhere */
                r = walk(w, "/usr/etc/ssh/sshd_config");
        return r != 0 ? r : w->error;
}

int config_walk_sshd(const char *root, const char *options, ConfigLineHandler handler, void *userdata) {
        return walk_sshd(&(Walk){ .root = root, .handler = handler, .userdata = userdata }, options);
}

int config_walk_paths(const char *options, int (*handler)(const char *path, void *userdata),
                      void *userdata) {
        return walk_sshd(&(Walk){ .root = "", .on_path = handler, .userdata = userdata }, options);
}
