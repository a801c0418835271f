/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/banner.h"

#define LINE_LENGTH_MAX 255

static void copy_printable(const char *from, size_t length, char *to, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < length && n < size - 1; i++)
                if (from[i] > ' ' && from[i] < 0x7f)
                        to[n++] = from[i];
        to[n] = '\0';
}

static int parse_version_line(const char *line, size_t length, Banner *ret) {
        static const char *const versions[] = { "SSH-2.0-", "SSH-1.99-" };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                size_t skip = strlen(versions[i]);
                const char *software = line + skip;
                size_t n = 0;

                if (length < skip || memcmp(line, versions[i], skip) != 0)
                        continue;

                while (skip + n < length && software[n] != ' ')
                        n++;

                *ret = (Banner){ 0 };
                copy_printable(software, n, ret->software, sizeof(ret->software));
                ret->windows_openssh = startswith(ret->software, "OpenSSH_for_Windows_") ||
                                       memmem(software + n, length - skip - n, " Microsoft_Win32_port", 21);
                return 1;
        }

        return -EBADMSG;
}

int banner_parse(const char *data, size_t size, Banner *ret) {
        for (size_t start = 0; start < size;) {
                const char *line = data + start;
                size_t left = size - start;
                const char *end = memchr(line, '\n', left);
                size_t length = end ? (size_t) (end - line) : left;

                if (length > LINE_LENGTH_MAX)
                        return -EBADMSG;
                if (!end)
                        break;
                start += length + 1;
                if (length > 0 && line[length - 1] == '\r')
                        length--;
                if (length >= 4 && memcmp(line, "SSH-", 4) == 0)
                        return parse_version_line(line, length, ret);
        }

        return size >= BANNER_SIZE_MAX ? -EBADMSG : 0;
}
