/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"
#include "fuzz/fuzz.h"

/* A server's greeting arrives piece by piece. Once the parser has taken it for SSH, or for something else,
 * more of it changes nothing. */

#define PIECES_MAX 24

typedef struct Parsed {
        Greeting greeting;
        char software[GREETING_SOFTWARE_SIZE];
} Parsed;

static int parse(const uint8_t *data, size_t size, Parsed *ret) {
        _cleanup_free_ char *text = malloc(size); /* no byte more, for the sanitizer */
        int r;

        require(text || size == 0);
        if (size > 0)
                memcpy(text, data, size);

        fuzz_untouched(*ret);
        r = greeting_parse(text, size, &ret->greeting, ret->software);
        require(r == 0 || r == 1 || r == -EBADMSG);
        if (r != 1)
                require_untouched(*ret);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Parsed whole, part;
        int r, q;

        if (size > GREETING_SIZE_MAX)
                size = GREETING_SIZE_MAX;

        r = parse(data, size, &whole);
        require(size < GREETING_SIZE_MAX || r != 0);
        if (r == 1) {
                require(fuzz_is_printable(whole.software, sizeof(whole.software)));
                require(!strchr(whole.software, ' '));
                require(memmem(data, size, "SSH-", 4));
                require(whole.greeting == GREETING_SSH || whole.greeting == GREETING_WINDOWS_OPENSSH);
                if (whole.greeting == GREETING_WINDOWS_OPENSSH)
                        require(startswith(whole.software, "OpenSSH_for_Windows_") ||
                                memmem(data, size, " Microsoft_Win32_port", 21));
        }

        /* Cuts at ends of lines, and now and then in the middle of one: to cut everywhere would take too
         * long. */
        for (size_t i = 0, n = 0; i < size && n < PIECES_MAX; i++) {
                if (data[i] != '\n' && i % 61 != 0)
                        continue;
                n++;
                q = parse(data, i, &part);
                require(q == 0 || q == r);
                if (q == 1)
                        require(part.greeting == whole.greeting && streq(part.software, whole.software));
        }
        return 0;
}
