/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wsl.h"

#include "unit/test.h"

typedef struct ReleaseRow {
        const char *name; /* the text itself */
        NetworkingMode mode;
} ReleaseRow;

static const ReleaseRow release_rows[] = {
        { "5.15.167.4-microsoft-standard-WSL2", MODE_UNKNOWN },
        { "6.18.20.1-microsoft-standard-WSL2+", MODE_UNKNOWN },
        { "4.19.43-microsoft-standard", MODE_UNKNOWN },
        { "4.4.0-19041-Microsoft", MODE_WSL1 },
        { "6.6.36-Microsoft-own-WSL2", MODE_UNKNOWN },
        { "6.1.0-13-amd64", MODE_NOT_WSL },
        { "6.8.0-1010-azure", MODE_NOT_WSL },
        { "", MODE_NOT_WSL },
};

static void test_release(const void *data) {
        const ReleaseRow *row = data;

        test_equal_int(wsl_mode("", row->name), row->mode);
}

static void test_detects_wsl(void) {
        NetworkingMode mode = MODE_BRIDGED;

        test_equal_int(wsl_mode("wsl", "6.8.0-homemade"), MODE_UNKNOWN);
        test_equal_int(wsl_mode("docker", "6.8.0-homemade"), MODE_NOT_WSL);
        test_equal_int(wsl_detect(&mode), 0);
        test_assert(mode == MODE_NOT_WSL || mode == MODE_UNKNOWN || mode == MODE_WSL1);
}

static const struct {
        const char *name;
        const char *output;
        NetworkingMode mode;
} answers[] = {
        { "mirrored", "mirrored\n", MODE_MIRRORED },
        { "nat", "nat\n", MODE_NAT },
        { "without a newline", "none", MODE_NONE },
        { "CR LF", "bridged\r\n", MODE_BRIDGED },
        { "wsl1", "wsl1\n", MODE_WSL1 },
        { "empty", "", MODE_UNKNOWN },
        { "a new word", "quantum\n", MODE_UNKNOWN },
        { "our own word", "not-wsl\n", MODE_UNKNOWN },
        { "words behind", "nat mode\n", MODE_UNKNOWN },
        { "long", "mirroredmirroredmirrored\n", MODE_UNKNOWN },
        { "capitals", "NAT\n", MODE_UNKNOWN },
};

static void test_wslinfo_answer(const void *data) {
        const __typeof__(answers[0]) *row = data;

        test_equal_string(networking_mode_to_string(wslinfo_parse(row->output)),
                          networking_mode_to_string(row->mode));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_release, release_rows),
                TEST(test_detects_wsl),
                TEST_TABLE(test_wslinfo_answer, answers),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
