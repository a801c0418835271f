/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/printable.h"

/* Of the characters that UTF-8 can say, what isn't one to be shown (RFC 3629; Unicode's Cc, Zl, Zp, most of Cf,
 * and what it calls noncharacters). */
static const struct {
        uint32_t first, last;
} unprintable[] = {
        { 0x0, 0x1f },
        { 0x7f, 0x9f },
        { 0xad, 0xad },
        { 0x61c, 0x61c },
        { 0x180e, 0x180e },
        { 0x200b, 0x200f },
        { 0x2028, 0x202e },
        { 0x2060, 0x206f },
        { 0xd800, 0xdfff },
        { 0xfdd0, 0xfdef },
        { 0xfeff, 0xfeff },
        { 0xfff9, 0xfffb },
        { 0xe0000, 0xe007f },
        { 0x110000, UINT32_MAX },
};

static bool is_printable(uint32_t c) {
        for (size_t i = 0; i < ELEMENTSOF(unprintable); i++)
                if (c >= unprintable[i].first && c <= unprintable[i].last)
                        return false;
        return (c & 0xfffe) != 0xfffe;
}

/* The character at @s, of which @left bytes may be read, in its shortest form, and how many bytes that is: 0 where
 * it isn't UTF-8. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *ret) {
        static const struct {
                unsigned char mask, lead;
                size_t length;
                uint32_t least;
        } forms[] = { { 0x80, 0x00, 1, 0 },
                      { 0xe0, 0xc0, 2, 0x80 },
                      { 0xf0, 0xe0, 3, 0x800 },
                      { 0xf8, 0xf0, 4, 0x10000 } };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t c;

                if (left < forms[i].length)
                        return 0;
                c = *s & (unsigned char) ~forms[i].mask;
                if ((*s & forms[i].mask) != forms[i].lead)
                        continue;
                for (size_t k = 1; k < forms[i].length; k++) {
                        if ((s[k] & 0xc0) != 0x80) /* the NUL at the end among others */
                                return 0;
                        c = c << 6 | (s[k] & 0x3f);
                }
                if (c < forms[i].least)
                        return 0;
                *ret = c;
                return forms[i].length;
        }
        return 0;
}

size_t printable_length(const char *text, size_t left) {
        uint32_t c = 0;
        size_t length = decode((const unsigned char *) text, left, &c);

        return is_printable(c) ? length : 0;
}

const char *printable(const char *text, char *buffer, size_t size) {
        const unsigned char *s = (const unsigned char *) text;
        size_t used = 0;

        while (*s) {
                uint32_t c = 0;
                size_t length = decode(s, SIZE_MAX, &c);
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
