/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verb.h"
#include "unit/test.h"

static const struct {
        const char *name;
        const char *arguments[6];
        int status;
        const char *verb, *argument;
        const char *options[_OPTION_MAX];
        const char *error; /* its end */
} lines[] = {
        { "nothing", { NULL }, .status = CTL_OK, .verb = "status" },
        { "a verb", { "monitor" }, .status = CTL_OK, .verb = "monitor" },
        { "an option before the verb",
          { "--json", "listeners" },
          .status = CTL_OK,
          .verb = "listeners",
          .options = { [OPTION_JSON] = "" } },
        { "an option behind the verb",
          { "listeners", "--json" },
          .status = CTL_OK,
          .verb = "listeners",
          .options = { [OPTION_JSON] = "" } },
        { "only an option",
          { "--json" },
          .status = CTL_OK,
          .verb = "status",
          .options = { [OPTION_JSON] = "" } },
        { "an argument", { "relocate", "2222" }, .status = CTL_OK, .verb = "relocate", .argument = "2222" },
        { "an argument before an option",
          { "relocate", "2222", "--json" },
          .status = CTL_OK,
          .verb = "relocate",
          .argument = "2222",
          .options = { [OPTION_JSON] = "" } },
        { "an empty argument", { "relocate", "" }, .status = CTL_OK, .verb = "relocate", .argument = "" },
        { "an argument like an option",
          { "relocate", "--", "--json" },
          .status = CTL_OK,
          .verb = "relocate",
          .argument = "--json" },
        { "a verb behind --", { "--", "status" }, .status = CTL_OK, .verb = "status" },
        { "values",
          { "firewall", "--scope", "any", "--port=2201", "--yes" },
          .status = CTL_OK,
          .verb = "firewall",
          .options = { [OPTION_SCOPE] = "any", [OPTION_PORT] = "2201", [OPTION_YES] = "" } },
        { "a value like an option",
          { "ssh-config", "--user", "--json" },
          .status = CTL_OK,
          .verb = "ssh-config",
          .options = { [OPTION_USER] = "--json" } },
        { "an empty value",
          { "ssh-config", "--host=" },
          .status = CTL_OK,
          .verb = "ssh-config",
          .options = { [OPTION_HOST] = "" } },
        { "an option of two verbs",
          { "ssh-config", "--scope=any", "--windows" },
          .status = CTL_OK,
          .verb = "ssh-config",
          .options = { [OPTION_SCOPE] = "any", [OPTION_WINDOWS] = "" } },
        { "the last of two values",
          { "ssh-config", "--host=a", "--host", "b" },
          .status = CTL_OK,
          .verb = "ssh-config",
          .options = { [OPTION_HOST] = "b" } },
        { "help", { "--help" }, .status = CTL_OK, .verb = "help", .options = { [OPTION_HELP] = "" } },
        { "help for a verb",
          { "firewall", "-h" },
          .status = CTL_OK,
          .verb = "help",
          .argument = "firewall",
          .options = { [OPTION_HELP] = "" } },
        { "help instead of an error",
          { "status", "x", "--help" },
          .status = CTL_OK,
          .verb = "help",
          .argument = "status",
          .options = { [OPTION_HELP] = "" } },

        { "two letters swapped",
          { "stauts" },
          .status = CTL_USAGE,
          .error = "there is no verb \"stauts\"; did you mean \"status\"?\n" },
        { "a letter too many",
          { "monitors" },
          .status = CTL_USAGE,
          .error = "there is no verb \"monitors\"; did you mean \"monitor\"?\n" },
        { "a letter missing",
          { "sshconfig" },
          .status = CTL_USAGE,
          .error = "there is no verb \"sshconfig\"; did you mean \"ssh-config\"?\n" },
        { "another letter",
          { "ralocate", "2222" },
          .status = CTL_USAGE,
          .error = "there is no verb \"ralocate\"; did you mean \"relocate\"?\n" },
        { "the last letter missing",
          { "wh" },
          .status = CTL_USAGE,
          .error = "there is no verb \"wh\"; did you mean \"who\"?\n" },
        { "nothing near",
          { "start" },
          .status = CTL_USAGE,
          .error = "there is no verb \"start\"; see `wslportctl --help`\n" },
        { "a part of a verb",
          { "list" },
          .status = CTL_USAGE,
          .error = "there is no verb \"list\"; see `wslportctl --help`\n" },
        { "an empty verb",
          { "" },
          .status = CTL_USAGE,
          .error = "there is no verb \"\"; see `wslportctl --help`\n" },
        { "too many arguments", { "relocate", "1", "2" }, .status = CTL_USAGE },
        { "an argument too many", { "restore", "22" }, .status = CTL_USAGE },
        { "status --quiet",
          { "status", "--quiet" },
          .status = CTL_OK,
          .verb = "status",
          .options = { [OPTION_QUIET] = "" } },
        { "--quiet of another verb", { "monitor", "--quiet" }, .status = CTL_USAGE },
        { "no option", { "status", "--now" }, .status = CTL_USAGE },
        { "half an option", { "firewall", "--sco", "lan" }, .status = CTL_USAGE },
        { "a dash", { "relocate", "-" }, .status = CTL_USAGE },
        { "an option of another verb", { "ssh-config", "--port", "22" }, .status = CTL_USAGE },
        { "an option before its verb", { "--scope", "lan", "firewall" }, .status = CTL_USAGE },
        { "a missing value", { "firewall", "--port" }, .status = CTL_USAGE },
        { "a value too many", { "firewall", "--yes=1" }, .status = CTL_USAGE },
};

static void test_line(const void *data) {
        const __typeof__(lines[0]) *row = data;
        char *argv[ELEMENTSOF(row->arguments) + 2] = { (char *) "wslportctl" };
        char error[200] = "";
        CommandLine line;
        int argc = 1;

        for (; row->arguments[argc - 1]; argc++)
                argv[argc] = (char *) row->arguments[argc - 1];
        stderr = fmemopen(error, sizeof(error), "w");
        test_equal_int(command_line_parse(argc, argv, &line), row->status);
        fclose(stderr);
        test_contains(error, strempty(row->error));
        if (row->status != CTL_OK)
                return;
        test_equal_string(line.verb->name, row->verb);
        test_equal_string(line.argument, row->argument);
        for (size_t i = 0; i < _OPTION_MAX; i++)
                test_equal_string(line.options[i], row->options[i]);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_line, lines) };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
