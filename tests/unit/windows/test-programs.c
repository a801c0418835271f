/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"
#include "windows/programs.h"

#define DASHES "----------    --------\r\n"

static const struct {
        const char *name, *text;
        uint16_t port;
        PortRange range; /* { 0 }: none; .first 1 with .last 0: refused */
        bool administered;
} exclusions[] = {
        { "English",
          "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n----------    "
          "--------      \r\n"
          "      5357        5357      \r\n     50000       50059     *\r\n\r\n* - Administered port "
          "exclusions.\r\n\r\n",
          50001, { 50000, 50059 }, true },
        { "German",
          "\r\nPortausschlussbereiche f\x81r Protokoll tcp\r\n\r\nStartport    Endport      \r\n----------  "
          "  --------  "
          "\r\n        22        2222  \r\n\r\n* - Verwaltete Portausschl\x81sse.\r\n",
          2222, { 22, 2222 }, false },
        { "French, in UTF-8",
          "\r\nPlages d'exclusion de ports du protocole tcp\r\n\r\nPort de d\xc3\xa9marrage    Port de "
          "fin\r\n"
          "----------    --------\r\n      2180        2279\r\n      2280        2379\r\n\r\n"
          "* - Exclusions de ports administr\xc3\xa9s.\r\n",
          2280, { 2280, 2379 }, false },
        { "Japanese, in its code page",
          "\r\n\x83v\x83\x8d\x83g\x83R\x83\x8b tcp \x83|\x81[\x83g\x8f\x9c\x8aO\x94\xcd\x88\xcd\r\n\r\n"
          "\x8aJ\x8en\x83|\x81[\x83g    \x8fI\x97\xb9\x83|\x81[\x83g\r\n----------    --------\r\n"
          "      2200        2299\r\n",
          2200, { 2200, 2299 }, false },
        { "none", "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n" DASHES, 22, { 0 }, false },
        { "others", DASHES "1 21\n23 65535\n", 22, { 0 }, false },
        { "an administrator's, and another", DASHES "20 30 *\n22 22\n21 23 *\n", 22, { 22, 22 }, false },
        { "empty", "", 22, { 1, 0 }, false },
        { "UTF-16, of which a string ends at the first NUL", "\r", 22, { 1, 0 }, false },
        { "UTF-16 with a byte order mark", "\xff\xfe\r", 22, { 1, 0 }, false },
        { "upside down", DASHES "2299 2200\n", 2200, { 1, 0 }, false },
        { "beyond the last port", DASHES "2200 65536\n", 2200, { 1, 0 }, false },
        { "far beyond it", DASHES "0 18446744073709551617\n", 2200, { 1, 0 }, false },
        { "signs", DASHES "-22 22\n", 22, { 1, 0 }, false },
        { "hexadecimal", DASHES "0x16 0x17\n", 22, { 1, 0 }, false },
        { "a third number", DASHES "1 2 3\n", 2, { 1, 0 }, false },
        { "a second mark", DASHES "1 2 * *\n", 2, { 1, 0 }, false },
        { "digits above the table", "IPv4\n" DASHES "7 9\n", 8, { 7, 9 }, false },
        { "no line end", DASHES "7 9", 8, { 7, 9 }, false },
};

static void test_exclusions(const void *data) {
        const __typeof__(exclusions[0]) *row = data;
        bool refused = row->range.first > row->range.last, administered = false;
        PortRange range = { 1, 0 };

        test_equal_int(windows_parse_excluded_range(row->text, row->port, &range, &administered), refused ? -EBADMSG : 0);
        test_equal_int(range.first, row->range.first);
        test_equal_int(range.last, row->range.last);
        test_equal_int(administered, row->administered);
}

static void test_many_exclusions(void) {
        _cleanup_free_ char *text = malloc(16 * 1000 + sizeof(DASHES));
        bool administered;
        PortRange range;
        size_t n;

        test_assert(text);
        n = (size_t) sprintf(text, DASHES);
        for (unsigned port = 1000; port < 2000; port++)
                n += (size_t) sprintf(text + n, "%u %u\r\n", port, port);
        test_equal_int(windows_parse_excluded_range(text, 1999, &range, &administered), 0);
        test_equal_int(range.first, 1999);
}

static const struct {
        const char *name, *text;
        uint16_t first, last; /* 0: refused */
} dynamic[] = {
        { "English",
          "\r\nProtocol tcp Dynamic Port Range\r\n---------------------------------\r\nStart Port      : "
          "49152\r\n"
          "Number of Ports : 16384\r\n\r\n",
          49152, 65535 },
        { "German",
          "\r\nProtokoll tcp Dynamischer Portbereich\r\n---------------------------------\r\nStartport      "
          "    : "
          "1024\r\nAnzahl von Ports : 13977\r\n",
          1024, 15000 },
        { "French",
          "\r\nPlage de ports dynamique du protocole tcp\r\n---------------------------------\r\n"
          "Port de d\x82marrage   : 49152\r\nNombre de ports     : 16384\r\n",
          49152, 65535 },
        { "Japanese",
          "\r\n\x83v\x83\x8d\x83g\x83R\x83\x8b tcp "
          "\x82\xcc\x93\xae\x93I\r\n-----\r\n\x8aJ\x8en\x83|\x81[\x83g : "
          "49152\r\n\x83|\x81[\x83g\x90\x94 : 16384\r\n",
          49152, 65535 },
        { "one number", "Start Port : 49152\n", 0, 0 },
        { "three numbers", "a : 1\nb : 2\nc : 3\n", 0, 0 },
        { "too many ports", "a : 49152\nb : 16385\n", 0, 0 },
        { "no port", "a : 0\nb : 10\n", 0, 0 },
        { "none of them", "a : 10\nb : 0\n", 0, 0 },
        { "all of them", "a : 1\nb : 65535\n", 1, 65535 },
        { "empty", "", 0, 0 },
};

static void test_dynamic(const void *data) {
        const __typeof__(dynamic[0]) *row = data;
        PortRange range = { 7, 7 };

        test_equal_int(windows_parse_dynamic_range(row->text, &range), row->first ? 0 : -EBADMSG);
        test_equal_int(range.first, row->first ? row->first : 7);
        test_equal_int(range.last, row->first ? row->last : 7);
}

#define NETSTAT_ENGLISH                                                                                     \
        "\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State       " \
        "    PID\r\n"

static const struct {
        const char *name, *text;
        uint16_t port;
        uint32_t pid; /* 0: nobody listens; UINT32_MAX: refused */
} listeners[] = {
        { "English",
          NETSTAT_ENGLISH "  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       4312\r\n"
                          "  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1000\r\n",
          22, 4312 },
        { "German",
          "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          Status     "
          "      "
          "PID\r\n  TCP    0.0.0.0:22             0.0.0.0:0              ABH\x99REN         77\r\n",
          22, 77 },
        { "a state in two words",
          "  TCP    0.0.0.0:22             0.0.0.0:0              \xc0 l'\xe9"
          "coute         78\r\n",
          22, 78 },
        { "no state", "  TCP    0.0.0.0:22             0.0.0.0:0              79\r\n", 22, 79 },
        { "Japanese",
          "\r\n\x83"
          "A\x83N\x83"
          "e\x83"
          "B\x83u\x82\xc8\x90\xda\x91\xb1\r\n"
          "  TCP         0.0.0.0:22             0.0.0.0:0              LISTENING       80\r\n",
          22, 80 },
        { "IPv6", "  TCP    [::]:22                [::]:0                 LISTENING       81\r\n", 22, 81 },
        { "a session of its isn't it",
          "  TCP    192.168.1.5:22         192.168.1.7:50000      ESTABLISHED     82\r\n"
          "  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       83\r\n",
          22, 83 },
        { "a session only", "  TCP    192.168.1.5:22         192.168.1.7:50000      ESTABLISHED     82\r\n",
          22, 0 },
        { "someone else's port 22",
          "  TCP    192.168.1.5:50000      10.0.0.1:22      ESTABLISHED     82\r\n", 22, 0 },
        { "another port", "  TCP    0.0.0.0:2222           0.0.0.0:0              LISTENING       84\r\n",
          22, 0 },
        { "UDP", "  UDP    0.0.0.0:22             0.0.0.0:0              x   84\r\n", 22, UINT32_MAX },
        { "no process", "  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       0\r\n", 22,
          0 },
        { "a number that is too large", "  TCP 0.0.0.0:22 0.0.0.0:0 LISTENING 4294967296\r\n", 22, UINT32_MAX },
        { "no port", "  TCP 0.0.0.0 0.0.0.0:0 LISTENING 4\r\n", 22, UINT32_MAX },
        { "no address", "  TCP :22 :0 LISTENING 4\r\n", 22, UINT32_MAX },
        { "behind the listener a line that is cut off",
          "  TCP 0.0.0.0:22 0.0.0.0:0 LISTENING 4\r\n  TCP 0.0.0.0:23 0.0.0.0:0\r\n", 22, UINT32_MAX },
        { "empty", "", 22, UINT32_MAX },
};

static void test_listener(const void *data) {
        const __typeof__(listeners[0]) *row = data;
        uint32_t pid = 0;

        test_equal_int(windows_parse_listener(row->text, row->port, &pid), row->pid == UINT32_MAX ? -EBADMSG : row->pid != 0);
        test_equal_int(pid, row->pid == UINT32_MAX ? 0 : row->pid);
}

static const struct {
        const char *name, *text;
        uint32_t pid;
        const char *task; /* NULL: not there */
} tasks[] = {
        { "sshd", "\"sshd.exe\",\"4312\",\"Services\",\"0\",\"9,876 K\"\r\n", 4312, "sshd.exe" },
        { "German", "\"sshd.exe\",\"4312\",\"Services\",\"0\",\"9.876 K\"\r\n", 4312, "sshd.exe" },
        { "the kernel", "\"System\",\"4\",\"Services\",\"0\",\"152 K\"\r\n", 4, "System" },
        { "a blank and a comma", "\"my, server.exe\",\"5\"\r\n", 5, "my, server.exe" },
        { "gone", "INFO: No tasks are running which match the specified criteria.\r\n", 4312, NULL },
        { "gone, in German",
          "INFORMATION: Es werden keine Aufgaben mit den angegebenen Kriterien ausgef\x81hrt.\r\n", 4312,
          NULL },
        { "gone, in Japanese", "\x8f\xee\x95\xf1: \x8ew\x92\xe8\x82\xb3\x82\xea\x82\xbd\r\n", 4312, NULL },
        { "another one", "\"sshd.exe\",\"4313\",\"Services\"\r\n", 4312, NULL },
        { "escapes",
          "\"\033]0;x\a\x9b"
          "31mevil\",\"5\"\r\n",
          5, "?]0;x??31mevil" },
        { "long", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.exe\",\"5\"\r\n", 5,
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "no name", "\"\",\"5\"\r\n", 5, NULL },
        { "no quotes", "sshd.exe,5\r\n", 5, NULL },
        { "half a field", "\"sshd.exe\",\"5\n\"x\n", 5, NULL },
        { "a name over a line's end", "\"sshd\n.exe\",\"5\"\r\n", 5, "sshd?.exe" },
        { "empty", "", 5, NULL },
};

static void test_task(const void *data) {
        const __typeof__(tasks[0]) *row = data;
        char name[WINDOWS_NAME_SIZE] = "untouched";

        test_equal_int(windows_parse_task(row->text, row->pid, name), row->task ? 0 : -EBADMSG);
        test_equal_string(name, row->task ? row->task : "untouched");
}

#define KEY "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\sshd\r\n"

static const struct {
        const char *name, *text;
        WindowsStart start; /* WINDOWS_START_UNKNOWN: refused */
} starts[] = {
        { "automatic", KEY "    Start    REG_DWORD    0x2\r\n\r\n", WINDOWS_START_AUTOMATIC },
        { "manual", KEY "    Start    REG_DWORD    0x3\r\n\r\n", WINDOWS_START_MANUAL },
        { "disabled", KEY "    Start    REG_DWORD    0x4\r\n\r\n", WINDOWS_START_DISABLED },
        { "beyond 32 bits", KEY "    Start    REG_DWORD    0x100000002\r\n\r\n", WINDOWS_START_UNKNOWN },
        { "two digits", KEY "    Start    REG_DWORD    0x22\r\n\r\n", WINDOWS_START_UNKNOWN },
        { "a driver's", KEY "    Start    REG_DWORD    0x1\r\n\r\n", WINDOWS_START_UNKNOWN },
        { "another value", KEY "    Type    REG_DWORD    0x2\r\n\r\n", WINDOWS_START_UNKNOWN },
        { "a string", KEY "    Start    REG_SZ    0x2\r\n\r\n", WINDOWS_START_UNKNOWN },
        { "nothing", "", WINDOWS_START_UNKNOWN },
};

static void test_start(const void *data) {
        const __typeof__(starts[0]) *row = data;
        WindowsStart start = WINDOWS_START_UNKNOWN;

        test_equal_int(windows_parse_start(row->text, &start),
                       row->start != WINDOWS_START_UNKNOWN ? 0 : -EBADMSG);
        test_equal_int(start, row->start);
}

static const struct {
        const char *name, *text;
        int result;
        size_t n;
        const char *remote, *rule;
} rules[] = {
        { "ours", "rule|2222|LocalSubnet|WSL SSH (2222, lan)\r\nend\r\n", 0, 1, "LocalSubnet",
          "WSL SSH (2222, lan)" },
        { "a mask", "rule|2222|100.64.0.0/255.192.0.0|x\nend\n", 0, 1, "100.64.0.0/10", "x" },
        { "a prefix", "rule|2222|100.64.0.0/10|x\nend\n", 0, 1, "100.64.0.0/10", "x" },
        { "one machine", "rule|2222|10.0.0.1/255.255.255.255|x\nend\n", 0, 1, "10.0.0.1/32", "x" },
        { "no such mask", "rule|2222|10.0.0.1/255.0.255.0|x\nend\n", 0, 1, "10.0.0.1/255.0.255.0", "x" },
        { "several", "rule|2222|10.0.0.0/255.0.0.0,LocalSubnet,fd00::/8|x\nend\n", 0, 1,
          "10.0.0.0/8,LocalSubnet,fd00::/8", "x" },
        { "anyone", "rule|2222|*|x\nend\n", 0, 1, "Any", "x" },
        { "anyone, as the Hyper-V firewall says it", "rule|2222|Any|x\nend\n", 0, 1, "Any", "x" },
        { "any port", "rule|*|*|x\nrule||*|y\nrule|Any|*|z\nend\n", 0, 3, "Any", "x" },
        { "mirrored into the other firewall", "rule|2222|10.0.0.0/255.0.0.0|x\nrule|2222|10.0.0.0/8|x\nend\n", 0, 1, "10.0.0.0/8", "x" },
        { "of one name, for others", "rule|2222|*|x\nrule|2222|10.0.0.0/8|x\nend\n", 0, 2, "Any", "x" },
        { "a range", "rule|2200-2299|*|x\nend\n", 0, 1, "Any", "x" },
        { "a list", "rule|22,80,2222|*|x\nend\n", 0, 1, "Any", "x" },
        { "other ports", "rule|22|*|x\nrule|2223-2300|*|x\nrule|RPC|*|x\nrule|22222|*|x\nend\n", 0, 0, NULL,
          NULL },
        { "none", "end\r\n", 0, 0, NULL, NULL },
        { "a name with bars", "rule|2222|*|a|b\nend\n", 0, 1, "Any", "a|b" },
        { "escapes", "rule|2222|\033[31m|\033]0;x\a\nend\n", 0, 1, "?[31m", "?]0;x?" },
        { "cut off", "rule|2222|*|x\r\n", -EBADMSG, 0, NULL, NULL },
        { "too few fields", "rule|2222|*\nrule\nend\n", 0, 0, NULL, NULL },
        { "an error message", "New-Object : Cannot create type.\r\n", -EBADMSG, 0, NULL, NULL },
        { "empty", "", -EBADMSG, 0, NULL, NULL },
        { "nine",
          "rule|*|*|1\nrule|*|*|2\nrule|*|*|3\nrule|*|*|4\nrule|*|*|5\nrule|*|*|6\nrule|*|*|7\nrule|*|*|8\n"
          "rule|*|*|9\nend\n",
          0, 8, "Any", "1" },
};

static const struct {
        const char *name, *text;
        bool let_in;
        const char *blocks; /* NULL: none */
} ways[] = {
        { "nothing", "end\n", false, NULL },
        { "a rule", "rule|2222|LocalSubnet|x\nend\n", true, NULL },
        { "a rule that blocks wins", "rule|2222|*|x\nblock|2222|*|y\nend\n", false, "y" },
        { "the local network is blocked", "rule|2222|*|x\nblock|2222|LocalSubnet|y\nend\n", false, "y" },
        { "one machine is blocked", "rule|2222|*|x\nblock|2222|10.0.0.1|y\nend\n", true, NULL },
        { "another port is blocked", "rule|2222|*|x\nblock|22|*|y\nend\n", true, NULL },
        { "open", "open\nend\n", true, NULL },
        { "open, and blocked", "open\nblock|*|*|y\nend\n", false, "y" },
        { "off, whatever blocks", "off\nblock|*|*|y\nend\n", true, "y" },
        { "ignored", "ignored\nrule|2222|*|x\nend\n", false, NULL },
        { "ignored, but open", "ignored\nopen\nend\n", true, NULL },
        { "blocked behind many others",
          "rule|*|*|1\nrule|*|*|2\nrule|*|*|3\nrule|*|*|4\nrule|*|*|5\nrule|*|*|6\nrule|*|*|7\nrule|*|*|8\n"
          "block|*|*|9\nend\n", false, "9" },
};

static void test_way(const void *data) {
        const __typeof__(ways[0]) *row = data;
        const WindowsRule *block;
        WindowsRules found;

        test_equal_int(windows_parse_rules(row->text, 2222, &found), 0);
        test_equal_int(windows_rules_let_in(&found), row->let_in);
        block = windows_rules_find(&found, true);
        test_equal_string(block ? block->name : "", strempty(row->blocks));
}

static void test_rules(const void *data) {
        const __typeof__(rules[0]) *row = data;
        WindowsRules found = { .n = 99 };

        test_equal_int(windows_parse_rules(row->text, 2222, &found), row->result);
        test_equal_int(found.n, row->result < 0 ? 99 : row->n);
        if (row->remote) {
                test_equal_string(found.rules[0].remote, row->remote);
                test_equal_string(found.rules[0].name, row->rule);
        }
}

static const struct {
        const char *name, *text;
        Greeting greeting; /* GREETING_UNKNOWN: refused */
} greetings[] = {
        { "ours", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", GREETING_SSH },
        { "Windows'", "SSH-2.0-OpenSSH_for_Windows_9.5\r\n", GREETING_WINDOWS_OPENSSH },
        { "none", "none\r\n", GREETING_REFUSED },
        { "closed at once", "\r\n", GREETING_UNKNOWN },
        { "nothing", "", GREETING_UNKNOWN },
        { "UTF-16", "\xff\xfeS", GREETING_UNKNOWN },
        { "another's", "220 mail\r\n", GREETING_UNKNOWN },
};

static void test_greeting(const void *data) {
        const __typeof__(greetings[0]) *row = data;
        Greeting greeting = GREETING_UNKNOWN;

        test_equal_int(windows_parse_greeting(row->text, &greeting), row->greeting == GREETING_UNKNOWN ? -EBADMSG : 0);
        test_equal_int(greeting, row->greeting);
}

static const struct {
        const char *name, *text, *profile;
} profiles[] = {
        { "as reg prints it",
          "\r\nHKEY_CURRENT_USER\\Volatile Environment\r\n    USERPROFILE    REG_SZ    C:\\Users\\Ann "
          "Lee\r\n\r\n",
          "/mnt/c/Users/Ann Lee" },
        { "another drive, no end", "REG_SZ d:\\p", "/mnt/d/p" },
        { "nothing", "", NULL },
        { "an error", "ERROR: The system was unable to find the specified registry key or value.\r\n",
          NULL },
        { "no value", "    USERPROFILE    REG_SZ    \r\n", NULL },
        { "on no drive", "    USERPROFILE    REG_SZ    \\\\server\\home\\ann\r\n", NULL },
        { "not below the drive", "    USERPROFILE    REG_SZ    C:Users\r\n", NULL },
        { "not ASCII", "    USERPROFILE    REG_SZ    C:\\Users\\J\366rg\r\n", NULL },
        { "a way out", "    USERPROFILE    REG_SZ    C:\\..\\..\\root\r\n", NULL },
        { "a slash, which no name has", "    USERPROFILE    REG_SZ    C:\\Users/../../root\r\n", NULL },
        { "too long", "REG_SZ C:\\345678901234567890", NULL },
        { "just not too long", "REG_SZ C:\\34567890123456789", "/mnt/c/34567890123456789" },
};

static void test_profile(const void *data) {
        const __typeof__(profiles[0]) *row = data;
        char profile[25] = "untouched";

        test_equal_int(windows_parse_profile(row->text, "/mnt/", profile, sizeof(profile)),
                       row->profile ? 0 : -EBADMSG);
        test_equal_string(profile, row->profile ?: "untouched");
}

static const struct {
        const char *name, *command, *encoded;
} commands[] = {
        /* The expected texts come from `printf %s … | iconv -t UTF-16LE | base64`. */
        { "nothing", "", "" },
        { "one letter", "a", "YQA=" },
        { "two letters", "ab", "YQBiAA==" },
        { "three letters", "abc", "YQBiAGMA" },
        { "quotes", "\"'`", "IgAnAGAA" },
};

static void test_encoding(const void *data) {
        const __typeof__(commands[0]) *row = data;
        char encoded[16] = "untouched";

        test_equal_int(windows_encode_command(row->command, encoded, strlen(row->encoded)), -E2BIG);
        test_equal_string(encoded, "untouched");
        test_equal_int(windows_encode_command(row->command, encoded, strlen(row->encoded) + 1), 0);
        test_equal_string(encoded, row->encoded);
}

static void test_elevated(void) {
        char script[1024] = "untouched";

        test_equal_int(windows_elevated_script("abc", script, 100), -E2BIG);
        test_equal_string(script, "untouched");
        test_equal_int(windows_elevated_script("abc", script, sizeof(script)), 0);
        test_contains(script, "'-EncodedCommand','YQBiAGMA' -Verb RunAs -Wait -PassThru;");
}

/* ── in people's languages and code pages ── */

/* A file of tests/corpus/windows-programs a row: .name is the file's name, whose first word is the program, and whose last
 * one the code page. What each of them looks like was seen in one of these, in public repositories and issue threads:
 *   paste     somebody's output, in notes, a README or an issue
 *   parser    the test of somebody else's parser, which may have written it from memory
 *   nowhere   translated, or made up: a guess
 * The ports, addresses and names are ours. Pastes are UTF-8; the code page is the one that the language's Windows has. */
typedef struct FileRow {
        const char *name;
        uint16_t port; /* of tasklist's: the process */
        const char *expected;
} FileRow;

static const FileRow file_rows[] = {
        /* paste */
        { "excluded-german-cp850", 50001, "50000-50059 *" },
        { "excluded-german-cp850", 10673, "10673-10772" },
        { "excluded-german-cp850", 22, "none" },
        { "excluded-french-utf8", 50059, "50000-50059 *" },
        { "excluded-french-cp1252", 50059, "50000-50059 *" }, /* with that row of dashes */
        { "excluded-spanish-cp850", 10772, "10673-10772" },   /* with that row of dashes */
        { "excluded-russian-utf8", 10700, "10673-10772" },    /* its footnote has a long dash */
        { "excluded-russian-cp866", 10700, "10673-10772" },
        { "excluded-chinese-cp936", 50000, "50000-50059 *" },
        { "excluded-korean-cp949", 5357, "5357-5357" }, /* with blanks at its lines' ends */
        /* parser */
        { "excluded-italian-cp850", 5357, "5357-5357" },
        { "excluded-japanese-cp932", 50000, "50000-50059 *" },
        /* nowhere */
        { "excluded-portuguese-cp850", 50000, "50000-50059 *" },
        { "excluded-groups-blank", 50001, "refused" },
        { "excluded-groups-dot", 50001, "refused" },
        { "excluded-groups-nbsp-cp850", 50001, "refused" },
        { "excluded-nbsp-cp1252", 50001, "refused" },
        { "excluded-list", 50001, "refused" },
        { "excluded-wide-star-utf8", 50001, "refused" },
        { "excluded-utf16", 50001, "refused" },
        { "excluded-utf16-bom", 50001, "refused" },

        /* paste */
        { "dynamic-chinese-cp936", 0, "1024-15000" },
        { "dynamic-japanese-cp932", 0, "49152-65535" },
        /* parser */
        { "dynamic-german-cp850", 0, "49152-65535" }, /* one colon has no blank before it */
        { "dynamic-french-cp850", 0, "49152-65535" },
        { "dynamic-korean-cp949", 0, "1024-15000" },
        /* nowhere */
        { "dynamic-spanish-cp850", 0, "49152-65535" },
        { "dynamic-portuguese-cp850", 0, "49152-65535" },
        { "dynamic-italian-cp850", 0, "49152-65535" },
        { "dynamic-russian-cp866", 0, "49152-65535" },
        { "dynamic-no-blank", 0, "49152-65535" },
        { "dynamic-wide-colon-utf8", 0, "1024-15000" },
        { "dynamic-wide-colon-cp936", 0, "1024-15000" },
        { "dynamic-wide-colon-cp932", 0, "refused" }, /* that colon's second byte is an F */
        { "dynamic-groups-blank", 0, "refused" },
        { "dynamic-groups-nbsp-cp850", 0, "refused" },
        { "dynamic-groups-dot", 0, "refused" },
        { "dynamic-one-grouped", 0, "refused" },
        { "dynamic-nbsp-cp1252", 0, "49152-65535" },
        { "dynamic-utf16", 0, "refused" },
        { "dynamic-utf16-bom", 0, "refused" },

        /* paste */
        { "netstat-german-cp850", 22, "4312" },
        { "netstat-german-cp850", 50010, "nobody" },
        { "netstat-french-cp850", 22, "4312" },
        { "netstat-french-anob-cp850", 22, "4312" }, /* -b adds lines that we don't ask for */
        { "netstat-spanish-cp850", 135, "1028" },
        { "netstat-russian-cp866", 22, "4312" },
        { "netstat-japanese-cp932", 22, "4312" }, /* its columns are wider */
        { "netstat-chinese-cp936", 22, "4312" },
        { "netstat-korean-cp949", 22, "4312" },
        /* parser */
        { "netstat-french-cp1252", 22, "4312" }, /* a state of two words */
        { "netstat-italian-cp850", 22, "4312" }, /* the same */
        { "netstat-portuguese-cp850", 22, "4312" },
        { "netstat-russian-utf8", 22, "4312" },
        /* nowhere */
        { "netstat-pid-grouped", 22, "refused" },
        { "netstat-pid-grouped-blank", 22, "refused" },
        { "netstat-utf16", 22, "refused" },
        { "netstat-utf16-bom", 22, "refused" },

        /* parser */
        { "tasklist-italian", 4312, "sshd.exe" },
        { "tasklist-gone-german-cp850", 4312, "refused" },
        { "tasklist-gone-chinese-cp936", 4312, "refused" },
        { "tasklist-gone-japanese-cp932", 4312, "refused" },
        /* nowhere */
        { "tasklist-french-cp850", 4312, "sshd.exe" },
        { "tasklist-russian-cp866", 4312, "sshd.exe" },
        { "tasklist-japanese-name-cp932", 4312, "?\\?\\.exe" }, /* each character's second byte is a backslash */
        { "tasklist-pid-grouped", 4312, "refused" },
        { "tasklist-utf16", 4312, "refused" },

        /* paste; reg translates its errors only, which go to another pipe */
        { "reg-german-error-cp850", 0, "refused" },
        /* nowhere */
        { "reg-nbsp-cp1252", 0, "refused" },
        { "reg-utf16", 0, "refused" },
        { "reg-utf16-bom", 0, "refused" },
};

static void format_range(char *ret, size_t size, const PortRange *range, bool administered) {
        snprintf(ret, size, range->last == 0 ? "none" : "%u-%u%s", range->first, range->last, administered ? " *" : "");
}

static void test_file(const void *data) {
        const FileRow *row = data;
        char path[512], text[4096], found[64] = "refused", name[WINDOWS_NAME_SIZE];
        bool administered = false;
        PortRange range;
        WindowsStart start;
        uint32_t pid;
        FILE *file;
        int r;

        snprintf(path, sizeof(path), "%s/%s", test_argument(1), row->name);
        file = fopen(path, "re");
        test_assert(file);
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        fclose(file);

        if (startswith(row->name, "excluded-") &&
            windows_parse_excluded_range(text, row->port, &range, &administered) == 0)
                format_range(found, sizeof(found), &range, administered);
        else if (startswith(row->name, "dynamic-") && windows_parse_dynamic_range(text, &range) == 0)
                format_range(found, sizeof(found), &range, false);
        else if (startswith(row->name, "netstat-") && (r = windows_parse_listener(text, row->port, &pid)) >= 0)
                snprintf(found, sizeof(found), r == 0 ? "nobody" : "%u", pid);
        else if (startswith(row->name, "tasklist-") && windows_parse_task(text, row->port, name) == 0)
                snprintf(found, sizeof(found), "%s", name);
        else if (startswith(row->name, "reg-") && windows_parse_start(text, &start) == 0)
                snprintf(found, sizeof(found), "%d", start);
        test_equal_string(found, row->expected);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_exclusions, exclusions),
                TEST(test_many_exclusions),
                TEST_TABLE(test_dynamic, dynamic),
                TEST_TABLE(test_listener, listeners),
                TEST_TABLE(test_task, tasks),
                TEST_TABLE(test_start, starts),
                TEST_TABLE(test_greeting, greetings),
                TEST_TABLE(test_profile, profiles),
                TEST_TABLE(test_rules, rules),
                TEST_TABLE(test_way, ways),
                TEST_TABLE(test_encoding, commands),
                TEST(test_elevated),
                TEST_TABLE(test_file, file_rows),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
