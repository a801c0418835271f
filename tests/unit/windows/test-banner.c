/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/banner.h"
#include "unit/test.h"

static const struct {
        const char *name;
        const char *data;
        int result;
        bool windows;
        const char *software;
} greetings[] = {
        { "Windows, inbox", "SSH-2.0-OpenSSH_for_Windows_9.5\r\n", 1, true, "OpenSSH_for_Windows_9.5" },
        { "Windows, from GitHub", "SSH-2.0-OpenSSH_for_Windows_9.8 Win32-OpenSSH-GitHub\r\n", 1, true,
          "OpenSSH_for_Windows_9.8" },
        { "Windows, the old port", "SSH-2.0-OpenSSH_7.1p1 Microsoft_Win32_port_with_VS\r\n", 1, true,
          "OpenSSH_7.1p1" },
        { "Debian", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n", 1, false, "OpenSSH_9.2p1" },
        { "compatible with version 1", "SSH-1.99-Cisco-1.25\n", 1, false, "Cisco-1.25" },
        { "without CR", "SSH-2.0-dropbear_2022.83\n", 1, false, "dropbear_2022.83" },
        { "lines before", "Authorised users only\r\n\r\nSSH-2.0-x\r\n", 1, false, "x" },
        { "nothing yet", "", 0, false, NULL },
        { "half a line", "SSH-2.0-OpenSSH_for_Win", 0, false, NULL },
        { "an older protocol", "SSH-1.5-x\r\n", -EBADMSG, false, NULL },
        { "a web server waits, and so do we", "HTTP/1.1 400 Bad Request\r\n\r\n", 0, false, NULL },
        { "escapes are taken out", "SSH-2.0-\033[31mOpen\aSSH\x9b_9\r\n", 1, false, "[31mOpenSSH_9" },
        { "no longer than it should be",
          "SSH-2.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1, false,
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "Windows in the comment only", "SSH-2.0-x OpenSSH_for_Windows_9.5\r\n", 1, false, "x" },
        { "no software at all", "SSH-2.0-\r\n", 1, false, "" },
};

static void test_greeting(const void *data) {
        const __typeof__(greetings[0]) *row = data;
        Banner banner = { .software = "untouched" };

        test_equal_int(banner_parse(row->data, strlen(row->data), &banner), row->result);
        test_equal_string(banner.software, row->software ? row->software : "untouched");
        test_equal_int(banner.windows_openssh, row->windows);
}

static void test_overlong_line_is_refused(void) {
        char data[300];
        Banner banner;

        memset(data, 'a', sizeof(data));
        memcpy(data, "SSH-2.0-", 8);
        test_equal_int(banner_parse(data, sizeof(data), &banner), -EBADMSG);
}

static void test_endless_lines_are_refused(void) {
        char data[BANNER_SIZE_MAX];
        Banner banner;

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = i % 64 == 63 ? '\n' : 'a';
        test_equal_int(banner_parse(data, sizeof(data), &banner), -EBADMSG);
        test_equal_int(banner_parse(data, sizeof(data) - 1, &banner), 0);
}

static void test_nul_bytes(void) {
        static const char data[] = "SSH-2.0-a\0b\r\n";
        Banner banner;

        test_equal_int(banner_parse(data, sizeof(data) - 1, &banner), 1);
        test_equal_string(banner.software, "ab");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_greeting, greetings),
                TEST(test_overlong_line_is_refused),
                TEST(test_endless_lines_are_refused),
                TEST(test_nul_bytes),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
