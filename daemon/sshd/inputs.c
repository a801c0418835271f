/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/inputs.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fs.h"

/* More, or longer, than a person's configuration has; sshd itself stops at a depth of 16. */
#define FILES_MAX 64
#define DEPTH_MAX 8
#define FILE_SIZE_MAX (64 * 1024)

typedef struct Inputs {
        uint64_t hash;
        char folder[PATH_MAX]; /* where Include looks for what isn't absolute */
        size_t n_files;
} Inputs;

/* Whoever could choose the files for two of them to have one number is root already. */
static void add(Inputs *inputs, const void *data, size_t size) {
        inputs->hash = hash_add(inputs->hash, data, size);
}

static void add_string(Inputs *inputs, const char *s) {
        add(inputs, s, strlen(s) + 1);
}

/* A file whose contents are not looked at. Not its device: that has another number at another boot. */
static void add_attributes(Inputs *inputs, const char *path) {
        struct stat st;

        add_string(inputs, path);
        if (stat(path, &st) < 0) {
                int error = errno;

                add(inputs, &error, sizeof(error));
                return;
        }
        add(inputs, &st.st_ino, sizeof(st.st_ino));
        add(inputs, &st.st_mode, sizeof(st.st_mode));
        add(inputs, &st.st_uid, sizeof(st.st_uid));
        add(inputs, &st.st_gid, sizeof(st.st_gid));
        add(inputs, &st.st_size, sizeof(st.st_size));
        add(inputs, &st.st_mtim, sizeof(st.st_mtim));
        add(inputs, &st.st_ctim, sizeof(st.st_ctim));
}

/* No name that somebody would have to be asked for; an interface's, behind %, comes and goes, too. */
static bool is_numeric(const char *address) {
        const char *colon = strchr(address, ':');
        bool ipv6 = address[0] == '[' || (colon && strchr(colon + 1, ':'));
        const char *digits = ipv6 ? "0123456789abcdefABCDEF.:[]" : "0123456789.:";

        return address[strspn(address, digits)] == '\0';
}

static int add_file(Inputs *inputs, const char *path, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): a file that is included includes others, to DEPTH_MAX */
static int add_included(Inputs *inputs, const char *pattern, unsigned depth) {
        char absolute[PATH_MAX];
        glob_t paths = { 0 };
        int r;

        if ((size_t) snprintf(absolute, sizeof(absolute), "%s%s%s", pattern[0] == '/' ? "" : inputs->folder,
                              pattern[0] == '/' ? "" : "/", pattern) >= sizeof(absolute))
                return -EOPNOTSUPP;

        r = glob(absolute, 0, NULL, &paths);
        r = r == 0 || r == GLOB_NOMATCH ? 0 : r == GLOB_NOSPACE ? -ENOMEM : -EOPNOTSUPP;
        for (size_t i = 0; i < paths.gl_pathc && r >= 0; i++)
                r = add_file(inputs, paths.gl_pathv[i], depth + 1);
        globfree(&paths);
        return r;
}

/* Whether sshd opens what such a line names to say what its configuration is. All else isn't looked at: it may be on a
 * drive of Windows' that hangs. */
static bool is_opened(const char *keyword) {
        static const char *const keywords[] = { "HostKey", "HostCertificate", "HostKeyAgent" };

        for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
                if (strcasecmp(keyword, keywords[i]) == 0)
                        return true;
        return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): see add_included() */
static int add_line(Inputs *inputs, char *line, unsigned depth) {
        static const char separators[] = " \t\r\f=\"";
        bool is_plain = !strpbrk(line, "\"'\\");
        char *rest = NULL, *word = strtok_r(line, separators, &rest);
        bool is_include, is_address, is_file;
        int r = 0;

        if (!word || word[0] == '#')
                return 0;
        is_include = strcasecmp(word, "Include") == 0;
        is_address = strcasecmp(word, "ListenAddress") == 0;
        is_file = is_opened(word);
        if (is_include && !is_plain)
                return -EOPNOTSUPP;

        while (r >= 0 && (word = strtok_r(NULL, separators, &rest))) {
                if (is_include)
                        r = add_included(inputs, word, depth);
                else if (is_address)
                        r = is_numeric(word) ? 0 : -EOPNOTSUPP;
                else if (is_file && word[0] == '/')
                        add_attributes(inputs, word);
        }
        return r;
}

/* NOLINTNEXTLINE(misc-no-recursion): see add_included() */
static int add_file(Inputs *inputs, const char *path, unsigned depth) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        char *line, *rest;
        struct stat st;
        ssize_t n;
        int r = 0;

        if (depth > DEPTH_MAX || ++inputs->n_files > FILES_MAX)
                return -EOPNOTSUPP;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
                return -EOPNOTSUPP;
        text = malloc((size_t) st.st_size + 2);
        if (!text)
                return -ENOMEM;
        n = fs_read_fd(fd, text, (size_t) st.st_size + 1);
        if (n < 0)
                return (int) n;
        if (memchr(text, '\0', (size_t) n))
                return -EOPNOTSUPP;
        text[n] = '\0';

        add_string(inputs, path);
        add(inputs, text, (size_t) n + 1);
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                r = add_line(inputs, line, depth);
        return r;
}

int sshd_inputs(const char *program, const char *config, uint64_t *ret) {
        static const char *const key_types[] = { "rsa", "ecdsa", "ed25519", "dsa" };
        Inputs inputs = { .hash = HASH_FIRST };
        const char *slash = strrchr(config, '/');
        int r;

        if (!slash || (size_t) snprintf(inputs.folder, sizeof(inputs.folder), "%.*s", (int) (slash - config),
                                        config) >= sizeof(inputs.folder))
                return -EINVAL;

        add_string(&inputs, PROJECT_VERSION); /* what is made of the answer may be different in another */
        add_attributes(&inputs, program);
        add_attributes(&inputs, "/etc/passwd"); /* sshd wants its user */
        for (size_t i = 0; i < ELEMENTSOF(key_types); i++) {
                char path[PATH_MAX + 32];

                snprintf(path, sizeof(path), "%s/ssh_host_%s_key", inputs.folder, key_types[i]);
                add_attributes(&inputs, path);
        }
        r = add_file(&inputs, config, 0);
        if (r < 0)
                return r;

        *ret = inputs.hash != 0 ? inputs.hash : 1;
        return 0;
}
