/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include "unit/test.h"

static const struct {
        const char *name, *text;
        const char *value; /* of [general] instanceIdleTimeout; NULL: none */
        unsigned line;
} values[] = {
        { "nothing", "", NULL, 0 },
        { "plain", "[general]\ninstanceIdleTimeout=-1\n", "-1", 2 },
        { "no end of line", "[general]\ninstanceIdleTimeout=-1", "-1", 2 },
        { "line ends of Windows", "[general]\r\n\r\ninstanceIdleTimeout=-1\r\n", "-1", 3 },
        { "blanks and a comment", "  [general] # x\n\tinstanceIdleTimeout =  -1 \t# never\n", "-1", 2 },
        { "any case", "[GENERAL]\nINSTANCEidletimeout=7\n", "7", 2 },
        { "quotes", "[general]\ninstanceIdleTimeout=\"-1 #\" # x\n", "-1 #", 2 },
        { "the first counts", "[general]\ninstanceIdleTimeout=1\ninstanceIdleTimeout=2\n", "1", 2 },
        { "sections come again", "[general]\n[wsl2]\nx=1\n[general]\ninstanceIdleTimeout=2\n", "2", 5 },
        { "a line that goes on", "[general]\nx=a\\\nb\ninstanceIdleTimeout=3\\\n4\n", "34", 4 },
        { "a line that goes on, CRLF", "[general]\r\nx=a\\\r\nb\r\ninstanceIdleTimeout=3\\\r\n4\r\n", "34",
          4 },
        { "escapes", "[general]\ninstanceIdleTimeout=a\\\\b\\\"c\n", "a\\b\"c", 2 },
        { "another section", "[wsl2]\ninstanceIdleTimeout=-1\n", NULL, 0 },
        { "no section", "instanceIdleTimeout=-1\n", NULL, 0 },
        { "commented out", "[general]\n#instanceIdleTimeout=-1\n", NULL, 0 },
        { "an open quote is no line", "[general]\ninstanceIdleTimeout=\"-1\ninstanceIdleTimeout=5\n", "5",
          3 },
        { "an unknown escape is no line", "[general]\ninstanceIdleTimeout=\\q\ninstanceIdleTimeout=5\n", "5",
          3 },
        { "a backslash at the end", "[general]\ninstanceIdleTimeout=\\", NULL, 0 },
        { "a broken section is none", "[general\ninstanceIdleTimeout=5\n", NULL, 0 },
        { "a broken section ends the one before", "[general]\n[x y]\ninstanceIdleTimeout=5\n", NULL, 0 },
        { "behind a section there is nothing", "[general] x\ninstanceIdleTimeout=5\n", NULL, 0 },
        { "an indented section", "[general]\n?\n=\n[\n]\n\n [general]\ninstanceIdleTimeout=5", "5", 8 },
        { "no equals sign", "[general]\ninstanceIdleTimeout 5\n", NULL, 0 },
        { "a carriage return alone", "[general]\rinstanceIdleTimeout=5\n", NULL, 0 },
};

static void test_value(const void *data) {
        const __typeof__(values[0]) *row = data;
        char value[WSLCONFIG_VALUE_SIZE] = "untouched";
        WslSetting setting;

        test_equal_int(wslconfig_get(row->text, "general", "instanceIdleTimeout", &setting, value),
                       row->value != NULL);
        test_equal_string(value, row->value ? row->value : "untouched");
        test_equal_int(setting.line, row->line);
}

static void test_long_ones(void) {
        size_t size = 100000;
        char *text = malloc(size), value[WSLCONFIG_VALUE_SIZE];
        WslSetting setting;

        test_assert(text);
        memset(text, 'a', size);
        memcpy(text, "[general]\n", 10);
        memcpy(text + 10, "instanceIdleTimeout=", 20);
        text[size - 1] = '\0';
        test_assert(!wslconfig_get(text, "general", "instanceIdleTimeout", &setting, value));
        /* A name that was cut doesn't match a shorter one. */
        memset(text + 10, 'a', 20);
        memcpy(text + size - 20, "=1\n", 3);
        test_assert(!wslconfig_get(text, "general", "aaaa", &setting, value));
        free(text);
}

static void test_every_beginning_of_hostile_text(void) {
        static const char text[] =
                        "[wsl2]\nnetworkingMode=\"mirr\\\nored\"#\n[experimental]\nignoredPorts=22,\\\n "
                        "99999,-1,"
                        "0x50,2222abc,,\"\n\x01\xff[general]=]\ninstanceIdleTimeout=0xffffffffffff\\";
        WslConfig config;

        for (size_t i = 0; i < sizeof(text); i++) {
                char *part = strndup(text,
                                     i); /* not a byte more, so that a sanitizer sees a read behind it */

                test_assert(part);
                wslconfig_parse(part, &config);
                test_assert(config.instance_idle_msec == WSLCONFIG_INSTANCE_IDLE_MSEC);
                free(part);
        }
}

static void test_settings(void) {
        WslConfig config;

        wslconfig_parse("# "
                        "mine\n[wsl2]\nNetworkingMode=Mirrored\nvmIdleTimeout=0x10\n[experimental]"
                        "\nnetworkingMode=nat\n"
                        "ignoredPorts=80, 22,0,70000,443x,x\n",
                        &config);
        test_equal_int(config.mode, MODE_MIRRORED);
        test_equal_int(config.networking_mode.line, 3);
        test_equal_int(config.vm_idle_msec, 16);
        test_equal_int(config.n_ports, 3);
        test_equal_int(config.ports[1], 22);
        test_equal_int(config.ports[2], 443);
        test_equal_int(config.ignored_ports.line, 7);
        test_equal_int(config.ignored_ports.section_line, 5);
        test_equal_int(config.instance_idle_timeout.line, 0);
        test_equal_int(config.instance_idle_timeout.section_line, 0);
        test_equal_int(config.instance_idle_msec, WSLCONFIG_INSTANCE_IDLE_MSEC);

        wslconfig_parse("[experimental]\nnetworkingMode=mirrored\n[wsl2]\nnetworkingMode=nat\n", &config);
        test_equal_int(config.mode, MODE_MIRRORED);
        test_equal_int(config.networking_mode.line, 2);

        wslconfig_parse("[wsl2]\nnetworkingMode=not-wsl\n", &config);
        test_equal_int(config.mode, MODE_UNKNOWN);
        test_equal_int(config.networking_mode.line, 2);
}

static void test_ports_beyond_what_fits(void) {
        char text[2000] = "[experimental]\nignoredPorts=1";
        WslConfig config;

        for (unsigned i = 0; i < 100; i++)
                strcat(text, ",22");
        wslconfig_parse(text, &config);
        test_equal_int(config.n_ports, WSLCONFIG_PORTS_MAX);
}

static void test_where_a_setting_is_or_could_be(void) {
        WslConf conf;

        wsl_conf_parse("[boot]\ncommand=x\n", &conf);
        test_equal_int(conf.systemd.line, 0);
        test_equal_int(conf.systemd.section_line, 1);
        wsl_conf_parse("# x\n[boot]\ncommand=x\nsystemd=false\n", &conf);
        test_equal_int(conf.systemd.line, 4);
        test_equal_int(conf.systemd.section_line, 2);
        wsl_conf_parse("", &conf);
        test_equal_int(conf.systemd.section_line, 0);
}

static void test_decode(void) {
        static const char wide[] = "\xff\xfe[\0a\0]\0\xe9\0\0\0\x30\x04";
        char text[8];
        bool is_wide;

        test_equal_int(wslconfig_decode(wide, sizeof(wide) - 1, text, sizeof(text), &is_wide), 0);
        test_equal_string(text, "[a]???");
        test_assert(is_wide);
        test_equal_int(wslconfig_decode("\xef\xbb\xbf[a]", 6, text, sizeof(text), &is_wide), 0);
        test_equal_string(text, "[a]");
        test_assert(!is_wide);
        test_equal_int(wslconfig_decode("a\0b", 3, text, sizeof(text), &is_wide), 0);
        test_equal_string(text, "a?b");
        test_equal_int(wslconfig_decode("\xff\xfe", 2, text, sizeof(text), &is_wide), 0);
        test_equal_string(text, "");
        test_equal_int(wslconfig_decode("12345678", 8, text, sizeof(text), &is_wide), -E2BIG);
        test_equal_int(wslconfig_decode("", 0, text, sizeof(text), &is_wide), 0);
        test_equal_string(text, "");
}

static const struct {
        const char *name, *text;
        bool automount, interop;
        const char *root;
} wsl_conf_files[] = {
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

static void test_wsl_conf(const void *data) {
        const __typeof__(wsl_conf_files[0]) *row = data;
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
                TEST_TABLE(test_value, values),
                TEST(test_long_ones),
                TEST(test_every_beginning_of_hostile_text),
                TEST(test_settings),
                TEST(test_ports_beyond_what_fits),
                TEST(test_where_a_setting_is_or_could_be),
                TEST(test_decode),
                TEST_TABLE(test_wsl_conf, wsl_conf_files),
                TEST(test_long_root),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
