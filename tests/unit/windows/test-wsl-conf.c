/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"
#include "windows/wsl-conf.h"

static const struct {
        const char *name, *text;
        bool automount, interop;
        const char *root;
} files[] = {
        { "nothing", "", true, true, "/mnt/" },
        { "all of it", "[automount]\nenabled = false\nroot = /windir/\n[interop]\nenabled=false\n", false,
          false, "/windir/" },
        { "as Ubuntu has it", "[boot]\nsystemd=true\n", true, true, "/mnt/" },
        { "upper and lower case", "[InterOp]\nENABLED=False\n", true, false, "/mnt/" },
        { "numbers", "[interop]\nenabled=0\n[automount]\nenabled=1\n", true, false, "/mnt/" },
        { "another section's", "[network]\nenabled=false\n", true, true, "/mnt/" },
        { "no section", "enabled=false\n", true, true, "/mnt/" },
        { "a comment", "#[interop]\n[interop] # here\n# enabled=false\nenabled=false # now\n", true, false,
          "/mnt/" },
        { "CR LF", "[interop]\r\nenabled=false\r\n", true, false, "/mnt/" },
        { "no line end", "[interop]\nenabled=false", true, false, "/mnt/" },
        { "indented", "  [interop]\n\tenabled = false\n", true, false, "/mnt/" },
        { "the first counts", "[interop]\nenabled=true\nenabled=false\n", true, true, "/mnt/" },
        { "what isn't a truth value", "[interop]\nenabled=no\n", true, true, "/mnt/" },
        { "and it counts", "[interop]\nenabled=no\nenabled=false\n", true, true, "/mnt/" },
        { "quotes", "[automount]\nroot=\"/a # b/\" # c\n", true, true, "/a # b/" },
        { "a root without a slash", "[automount]\nroot=/d\n", true, true, "/d/" },
        { "many slashes", "[automount]\nroot = /d///\n", true, true, "/d/" },
        { "the root of all", "[automount]\nroot = /\n", true, true, "/" },
        { "a relative root", "[automount]\nroot = mnt\n", true, true, "/mnt/" },
        { "an empty root", "[automount]\nroot =\n", true, true, "/mnt/" },
        { "an escape that WSL refuses", "[automount]\nroot = /\\x\n", true, true, "/mnt/" },
        { "junk between", "[interop\n=\n[]\n[interop]\n]\n\x01\xff\nenabled=false\n", true, false, "/mnt/" },
        { "a key with a tail", "[interop]\nenabledx=false\nenabled x=false\n", true, true, "/mnt/" },
};

static void test_file(const void *data) {
        const __typeof__(files[0]) *row = data;
        WslConf conf;

        wsl_conf_parse(row->text, &conf);
        test_equal_int(conf.automount, row->automount);
        test_equal_int(conf.interop, row->interop);
        test_equal_string(conf.root, row->root);
}

static void test_long_root(void) {
        char text[2 * WSL_CONF_ROOT_SIZE] = "[automount]\nroot=/";
        size_t head = strlen(text);
        WslConf conf;

        memset(text + head, 'a', WSL_CONF_ROOT_SIZE - 3);
        wsl_conf_parse(text, &conf);
        test_equal_int(strlen(conf.root), WSL_CONF_ROOT_SIZE - 1);
        memset(text + head, 'a', WSL_CONF_ROOT_SIZE - 2);
        wsl_conf_parse(text, &conf);
        test_equal_string(conf.root, "/mnt/");
        memset(text + head, 'a', WSL_CONF_ROOT_SIZE + 10);
        wsl_conf_parse(text, &conf);
        test_equal_string(conf.root, "/mnt/");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_file, files),
                TEST(test_long_root),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
