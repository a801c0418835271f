/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/banner.h"
#include "fuzz/fuzz.h"

/* What a server greets with, as it comes in piece by piece: once it is told for SSH, or for something else,
 * more of it changes nothing. */

#define PIECES_MAX 24

static int parse(const uint8_t *data, size_t size, Banner *ret) {
        _cleanup_free_ char *text = malloc(size); /* no byte more, for the sanitizer */
        int r;

        require(text || size == 0);
        if (size > 0)
                memcpy(text, data, size);

        fuzz_untouched(*ret);
        r = banner_parse(text, size, ret);
        require(r == 0 || r == 1 || r == -EBADMSG);
        if (r != 1)
                require_untouched(*ret);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Banner whole, part;
        int r, q;

        if (size > BANNER_SIZE_MAX)
                size = BANNER_SIZE_MAX;

        r = parse(data, size, &whole);
        require(size < BANNER_SIZE_MAX || r != 0);
        if (r == 1) {
                require(fuzz_is_printable(whole.software, sizeof(whole.software)));
                require(!strchr(whole.software, ' '));
                require(memmem(data, size, "SSH-", 4));
                if (whole.windows_openssh)
                        require(startswith(whole.software, "OpenSSH_for_Windows_") ||
                                memmem(data, size, " Microsoft_Win32_port", 21));
        }

        /* Ends of lines, and some in the middle of one: all of them would take too long. */
        for (size_t i = 0, n = 0; i < size && n < PIECES_MAX; i++) {
                if (data[i] != '\n' && i % 61 != 0)
                        continue;
                n++;
                q = parse(data, i, &part);
                require(q == 0 || q == r);
                if (q == 1)
                        require(part.windows_openssh == whole.windows_openssh &&
                                streq(part.software, whole.software));
        }
        return 0;
}
