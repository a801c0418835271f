/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"

/* Characters of UTF-8 that a terminal must not get (RFC 3629; of Unicode Cc, Zl, Zp, most of Cf, and the
 * noncharacters). */
static const struct {
        uint32_t first, last;
} unprintable[] = {
        { 0x0, 0x1f },        { 0x7f, 0x9f },           { 0xad, 0xad },     { 0x61c, 0x61c },
        { 0x180e, 0x180e },   { 0x200b, 0x200f },       { 0x2028, 0x202e }, { 0x2060, 0x206f },
        { 0xd800, 0xdfff },   { 0xfdd0, 0xfdef },       { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
        { 0xe0000, 0xe007f }, { 0x110000, UINT32_MAX },
};

static bool is_printable(uint32_t c) {
        for (size_t i = 0; i < ELEMENTSOF(unprintable); i++)
                if (c >= unprintable[i].first && c <= unprintable[i].last)
                        return false;
        return (c & 0xfffe) != 0xfffe;
}

/* The first character of @s, and how many bytes it has; 0: @s doesn't begin with UTF-8 in its shortest form. */
static size_t decode(const unsigned char *s, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        unsigned char lead = *s;
        size_t length = lead < 0x80   ? 1
                        : lead < 0xc0 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf8 ? 4
                                      : 0;
        uint32_t c = length == 1 ? lead : lead & (0x7fU >> length);

        if (length == 0)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xc0) != 0x80) /* the NUL at the end among others */
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < least[length])
                return 0;

        *ret = c;
        return length;
}

const char *printable(const char *text, char *buffer, size_t size) {
        const unsigned char *s = (const unsigned char *) text;
        size_t used = 0;

        while (*s) {
                uint32_t c = 0;
                size_t length = decode(s, &c);
                bool shown = length > 0 && is_printable(c);
                size_t needed = shown ? length : 1;

                if (used + needed >= size)
                        break;
                if (shown)
                        memcpy(buffer + used, s, length);
                else
                        buffer[used] = '?';
                used += needed;
                s += length > 0 ? length : 1;
        }
        buffer[used] = '\0';
        return buffer;
}
