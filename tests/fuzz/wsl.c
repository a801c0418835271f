/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wsl.h"
#include "fuzz/fuzz.h"

/* Any output of wslinfo, and any kernel release. A mode counts only if the first line is exactly its
 * word. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        _cleanup_free_ char *output = fuzz_text(&input, '\0');
        NetworkingMode mode;
        size_t length;

        mode = wslinfo_parse(output);
        require(mode < _MODE_MAX && mode != MODE_NOT_WSL);
        if (mode != MODE_UNKNOWN) {
                length = strlen(networking_mode_to_string(mode));
                require(startswith(output, networking_mode_to_string(mode)));
                require(output[length] == '\0' || output[length] == '\r' || output[length] == '\n');
        }

        /* The release tells whether the kernel is WSL's, and of the modes only WSL 1. */
        mode = wsl_mode("", output);
        require(mode == MODE_UNKNOWN || mode == MODE_WSL1 || mode == MODE_NOT_WSL);
        if (strstr(output, "WSL2"))
                require(mode == MODE_UNKNOWN);
        if (!strcasestr(output, "microsoft") && !strstr(output, "WSL"))
                require(mode == MODE_NOT_WSL);
        return 0;
}
