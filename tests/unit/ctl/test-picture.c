/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/picture.h"

#include "unit/test.h"

#define SIZE 8192
#define NOON (UINT64_C(1700000000) * USEC_PER_SEC) /* 2023-11-14 22:13:20 UTC */

static const struct {
        const char *name;
        Status status;
        const char *picture;
} pictures[] = {
        { "moved from Windows' sshd",
          { .mode = MODE_MIRRORED,
            .state = STATE_RELOCATED,
            .reason = "Windows (OpenSSH_for_Windows_9.5) holds 22",
            .home_port = 22,
            .home_holder = HOLDER_WINDOWS_OPENSSH,
            .home_detail = "OpenSSH_for_Windows_9.5",
            .port = 2222,
            .unit = "ssh.service",
            .mechanism = MECHANISM_CONFIG,
            .listeners = { { "0.0.0.0", 2222, HOLDER_SSHD, "ssh.service" },
                           { "::", 2222, HOLDER_SSHD, "ssh.service" } },
            .n_listeners = 2,
            .pinned_sessions = 2,
            .reachable = { { "192.0.2.2", ADDRESS_LAN },
                           { "100.101.102.103", ADDRESS_TAILSCALE },
                           { "2001:db8::2", ADDRESS_LAN } },
            .n_reachable = 3,
            .last_change = NOON },
          "relocated: sshd is on port 2222, away from 22\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  OpenSSH_for_Windows_9.5       2 open sessions\n"
          "   2222  -                             sshd (ssh.service)\n"
          "\n"
          "  why        Windows (OpenSSH_for_Windows_9.5) holds 22\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service, moved by sshd-config\n"
          "  pinned     2 sessions still on 22; Windows can have it when the last one ends\n"
          "  since      2023-11-14 22:13:20, 3 min ago\n"
          "  tailscale  port 2222 of 100.101.102.103\n"
          "  lan        port 2222 of 192.0.2.2, 2001:db8::2\n"
          "\n"
          "next\n"
          "  the rule for Windows' firewall:             wslportctl firewall\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n" },
        { "moved long ago",
          { .mode = MODE_MIRRORED,
            .state = STATE_RELOCATED,
            .reason = "somebody asked for port 2222",
            .home_port = 22,
            .home_holder = HOLDER_WINDOWS_OPENSSH,
            .home_detail = "OpenSSH_for_Windows_9.5",
            .port = 2222,
            .unit = "ssh.service",
            .mechanism = MECHANISM_CONFIG },
          "relocated: sshd is on port 2222, away from 22\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  OpenSSH_for_Windows_9.5       -\n"
          "   2222  -                             sshd (ssh.service)\n"
          "\n"
          "  why        somebody asked for port 2222\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service, moved by sshd-config\n"
          "\n"
          "next\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n" },
        { "moved, and the home port is free again",
          { .mode = MODE_MIRRORED,
            .state = STATE_RELOCATED,
            .reason = "Restore=manual keeps sshd on 2222",
            .home_port = 22,
            .home_holder = HOLDER_NONE,
            .port = 2222,
            .unit = "ssh.socket",
            .mechanism = MECHANISM_SOCKET },
          "relocated: sshd is on port 2222, away from 22\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             free\n"
          "   2222  -                             sshd (ssh.socket)\n"
          "\n"
          "  why        Restore=manual keeps sshd on 2222\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.socket, moved by socket\n"
          "\n"
          "next\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n"
          "  22 is free; to go back:                     wslportctl restore\n" },
        { "nothing to do",
          { .mode = MODE_MIRRORED,
            .state = STATE_CLEAR,
            .home_port = 22,
            .home_holder = HOLDER_SSHD,
            .port = 22,
            .unit = "ssh.service",
            .reachable = { { "192.0.2.2", ADDRESS_LAN } },
            .n_reachable = 1,
            .last_change = NOON + 400 * USEC_PER_SEC /* the clock was set back */ },
          "clear: sshd is on port 22, nothing is in its way\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             sshd (ssh.service)\n"
          "\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service\n"
          "  since      2023-11-14 22:20:00\n"
          "  lan        port 22 of 192.0.2.2\n"
          "\n"
          "next, to reach it from other machines\n"
          "  the rule for Windows' firewall:             wslportctl firewall\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n" },
        { "nat",
          { .mode = MODE_NAT,
            .state = STATE_CLEAR,
            .reason = "networking mode nat shares no ports with Windows",
            .home_port = 22,
            .home_holder = HOLDER_SSHD,
            .port = 22,
            .unit = "ssh.service",
            .reachable = { { "172.20.0.2", ADDRESS_LAN }, { "100.92.14.5", ADDRESS_MESH } },
            .n_reachable = 2 },
          "clear: sshd is on port 22, nothing is in its way\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  (ports of its own)            sshd (ssh.service)\n"
          "\n"
          "  networking nat: Windows and Linux each have their own ports\n"
          "  unit       ssh.service\n"
          "  mesh       port 22 of 100.92.14.5\n"
          "  Windows    port 22 of 172.20.0.2; localhost too\n"
          "\n"
          "next, to reach it from other machines: in %UserProfile%\\.wslconfig (Windows 11)\n"
          "  [wsl2]\n"
          "  networkingMode=mirrored\n"
          "and then, in Windows: wsl --shutdown\n" },
        { "blocked by a program of Linux",
          { .mode = MODE_MIRRORED,
            .state = STATE_BLOCKED,
            .reason = "no candidate is free",
            .home_port = 22,
            .home_holder = HOLDER_LINUX,
            .home_detail = "nginx (pid 7)",
            .unit = "ssh.service" },
          "blocked: sshd is not up\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             nginx (pid 7)\n"
          "\n"
          "  why        no candidate is free\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service\n"
          "\n"
          "next\n"
          "  what is wrong, and what to do:              wslportctl diagnose\n" },
        { "not WSL, and started nevertheless",
          { .mode = MODE_NOT_WSL,
            .state = STATE_CLEAR,
            .home_port = 22,
            .home_holder = HOLDER_SSHD,
            .port = 22,
            .unit = "ssh.service",
            .reachable = { { "192.0.2.2", ADDRESS_LAN } },
            .n_reachable = 1 },
          "clear: sshd is on port 22, nothing is in its way\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  (no Windows here)             sshd (ssh.service)\n"
          "\n"
          "  networking this machine isn't WSL\n"
          "  unit       ssh.service\n"
          "  lan        port 22 of 192.0.2.2\n"
          "\n"
          "nothing to do\n" },
        { "WSL 1",
          { .mode = MODE_WSL1, .state = STATE_CLEAR, .home_port = 22, .home_holder = HOLDER_SSHD, .port = 22 },
          "clear: sshd is on port 22, nothing is in its way\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             sshd\n"
          "\n"
          "  networking wsl1: wslportd is for WSL 2\n"
          "\n"
          "next, to change to WSL 2: on Windows, with the distro's name from `wsl --list`\n"
          "  wsl --set-version NAME 2\n" },
        { "no sshd is installed",
          { .mode = MODE_MIRRORED, .state = STATE_UNMANAGED, .reason = "no ssh service is installed" },
          "unmanaged: sshd is not up\n"
          "\n"
          "  why        no ssh service is installed\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "\n"
          "next\n"
          "  how to install sshd:                        wslportctl diagnose\n" },
        { "not enabled",
          { .mode = MODE_MIRRORED,
            .state = STATE_CLEAR,
            .reason = "ssh.service is not enabled: `systemctl enable --now ssh.service`",
            .home_port = 22,
            .home_holder = HOLDER_NONE,
            .unit = "ssh.service" },
          "clear: sshd is not up\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             free\n"
          "\n"
          "  why        ssh.service is not enabled: `systemctl enable --now ssh.service`\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service\n"
          "\n"
          "next\n"
          "  what is wrong, and what to do:              wslportctl diagnose\n" },
        { "left alone, as the policy says",
          { .mode = MODE_MIRRORED,
            .state = STATE_UNMANAGED,
            .reason = "Relocate=never",
            .home_port = 22,
            .home_holder = HOLDER_SSHD,
            .port = 22,
            .unit = "ssh.service",
            .reachable = { { "100.101.102.103", ADDRESS_TAILSCALE } },
            .n_reachable = 1 },
          "unmanaged: sshd is on port 22\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  -                             sshd (ssh.service)\n"
          "\n"
          "  why        Relocate=never\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service\n"
          "  tailscale  port 22 of 100.101.102.103\n"
          "\n"
          "next, to reach it from other machines\n"
          "  the rule for Windows' firewall:             wslportctl firewall\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n" },
        { "nobody knows",
          { 0 },
          "unknown: sshd is not up\n"
          "\n"
          "  networking not known\n"
          "\n"
          "next\n"
          "  what is wrong, and what to do:              wslportctl diagnose\n" },
};

static void draw(const Status *status, bool color, unsigned columns, uint64_t now, char ret[static SIZE]) {
        FILE *file = fmemopen(ret, SIZE, "w");

        test_assert(file);
        picture_draw(file, status, color, columns, now);
        test_assert(!ferror(file) && fclose(file) == 0);
}

static void test_whole(const void *data) {
        const __typeof__(pictures[0]) *row = data;
        char picture[SIZE];

        setenv("TZ", "UTC", 1);
        draw(&row->status, false, COLUMNS_FULL, NOON + 200 * USEC_PER_SEC, picture);
        test_equal_string(picture, row->picture);
}

/* The same on other terminals. Commands are never broken. */
static const struct {
        const char *name;
        const char *of; /* a name in pictures[] */
        unsigned columns;
        const char *picture;
} widths[] = {
        { "moved, 40", "moved from Windows' sshd", 40,
          "relocated: sshd is on port 2222, away\n"
          "           from 22\n"
          "\n"
          "  port       22\n"
          "  Windows    OpenSSH_for_Windows_9.5\n"
          "  Linux      2 open sessions\n"
          "  port       2222\n"
          "  Windows    -\n"
          "  Linux      sshd (ssh.service)\n"
          "\n"
          "  why        Windows\n"
          "             (OpenSSH_for_Windows_9.5)\n"
          "             holds 22\n"
          "  networking mirrored: Windows and Linux\n"
          "             share their ports\n"
          "  unit       ssh.service, moved by\n"
          "             sshd-config\n"
          "  pinned     2 sessions still on 22;\n"
          "             Windows can have it when\n"
          "             the last one ends\n"
          "  since      2023-11-14 22:13:20, 3 min\n"
          "             ago\n"
          "  tailscale  port 2222 of\n"
          "             100.101.102.103\n"
          "  lan        port 2222 of 192.0.2.2,\n"
          "             2001:db8::2\n"
          "\n"
          "next\n"
          "  the rule for Windows' firewall:\n"
          "    wslportctl firewall\n"
          "  the ssh configuration of clients:\n"
          "    wslportctl ssh-config\n" },
        { "moved, 200", "moved from Windows' sshd", 200,
          "relocated: sshd is on port 2222, away from 22\n"
          "\n"
          "   port  Windows                       Linux\n"
          "     22  OpenSSH_for_Windows_9.5       2 open sessions\n"
          "   2222  -                             sshd (ssh.service)\n"
          "\n"
          "  why        Windows (OpenSSH_for_Windows_9.5) holds 22\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service, moved by sshd-config\n"
          "  pinned     2 sessions still on 22; Windows can have it when the last one ends\n"
          "  since      2023-11-14 22:13:20, 3 min ago\n"
          "  tailscale  port 2222 of 100.101.102.103\n"
          "  lan        port 2222 of 192.0.2.2, 2001:db8::2\n"
          "\n"
          "next\n"
          "  the rule for Windows' firewall:             wslportctl firewall\n"
          "  the ssh configuration of clients:           wslportctl ssh-config\n" },
        { "nat, 40", "nat", 40,
          "clear: sshd is on port 22, nothing is in\n"
          "       its way\n"
          "\n"
          "  port       22\n"
          "  Windows    (ports of its own)\n"
          "  Linux      sshd (ssh.service)\n"
          "\n"
          "  networking nat: Windows and Linux each\n"
          "             have their own ports\n"
          "  unit       ssh.service\n"
          "  mesh       port 22 of 100.92.14.5\n"
          "  Windows    port 22 of 172.20.0.2;\n"
          "             localhost too\n"
          "\n"
          "next, to reach it from other machines:\n"
          "in %UserProfile%\\.wslconfig (Windows 11)\n"
          "  [wsl2]\n"
          "  networkingMode=mirrored\n"
          "and then, in Windows: wsl --shutdown\n" },
        { "WSL 1, 40", "WSL 1", 40,
          "clear: sshd is on port 22, nothing is in\n"
          "       its way\n"
          "\n"
          "  port       22\n"
          "  Windows    -\n"
          "  Linux      sshd\n"
          "\n"
          "  networking wsl1: wslportd is for WSL 2\n"
          "\n"
          "next, to change to WSL 2: on Windows,\n"
          "with the distro's name from `wsl --list`\n"
          "  wsl --set-version NAME 2\n" },
        { "not enabled, 40", "not enabled", 40,
          "clear: sshd is not up\n"
          "\n"
          "  port       22\n"
          "  Windows    -\n"
          "  Linux      free\n"
          "\n"
          "  why        ssh.service is not enabled:\n"
          "             `systemctl enable --now ssh.service`\n"
          "  networking mirrored: Windows and Linux\n"
          "             share their ports\n"
          "  unit       ssh.service\n"
          "\n"
          "next\n"
          "  what is wrong, and what to do:\n"
          "    wslportctl diagnose\n" },
        { "not enabled, 60", "not enabled", 60,
          "clear: sshd is not up\n"
          "\n"
          "  port       22\n"
          "  Windows    -\n"
          "  Linux      free\n"
          "\n"
          "  why        ssh.service is not enabled:\n"
          "             `systemctl enable --now ssh.service`\n"
          "  networking mirrored: Windows and Linux share their ports\n"
          "  unit       ssh.service\n"
          "\n"
          "next\n"
          "  what is wrong, and what to do:\n"
          "    wslportctl diagnose\n" },
};

static void test_width(const void *data) {
        const __typeof__(widths[0]) *row = data;
        char picture[SIZE];
        size_t i = 0;

        while (!streq(pictures[i].name, row->of))
                i++;
        setenv("TZ", "UTC", 1);
        draw(&pictures[i].status, false, row->columns, NOON + 200 * USEC_PER_SEC, picture);
        test_equal_string(picture, row->picture);
}

static const struct {
        const char *name;
        NetworkingMode mode;
        Holder holder;
        const char *row;
} sides[] = {
        { "not named by Windows", MODE_MIRRORED, HOLDER_WINDOWS,
          "     22  a program, or reserved        -\n" },
        { "nobody answered", MODE_MIRRORED, HOLDER_UNKNOWN,
          "     22  not known                     -\n" },
        { "another distro", MODE_CONSOMME, HOLDER_OTHER_DISTRO,
          "     22  -                             another WSL distro\n" },
        { "bridged", MODE_BRIDGED, HOLDER_NONE, "     22  (ports of its own)            free\n" },
        { "no WSL", MODE_NOT_WSL, HOLDER_NONE, "     22  (no Windows here)             free\n" },
        { "the mode isn't known", MODE_UNKNOWN, HOLDER_UNKNOWN,
          "     22  not known                     -\n" },
};

static void test_side(const void *data) {
        const __typeof__(sides[0]) *row = data;
        Status status = { .mode = row->mode, .home_port = 22, .home_holder = row->holder };
        char picture[SIZE];

        draw(&status, false, COLUMNS_FULL, 0, picture);
        test_contains(picture, row->row);
}

/* A process listens whose owner isn't known: the kernel shows where. */
static const struct {
        const char *name;
        uint16_t port;
        const char *rows;
} listeners[] = {
        { "on the home port", 22, "     22  not known                     a program, not known which\n" },
        { "on another port", 2222,
          "     22  not known                     -\n"
          "   2222  not known                     a program, not known which\n" },
};

static void test_listener(const void *data) {
        const __typeof__(listeners[0]) *row = data;
        Status status = { .mode = MODE_MIRRORED,
                          .home_port = 22,
                          .listeners = { { "0.0.0.0", row->port, HOLDER_UNKNOWN, "" } },
                          .n_listeners = 1 };
        char picture[SIZE];

        draw(&status, false, COLUMNS_FULL, 0, picture);
        test_contains(picture, row->rows);
}

/* Where sshd has its port, the picture shows how to get mirrored mode, if other machines can't come in
 * without it; and the firewall's rule, if they need one. */
static const struct {
        const char *name;
        NetworkingMode mode;
        bool mirrored, firewall;
} ways[] = {
        { "unknown", MODE_UNKNOWN, false, false },  { "mirrored", MODE_MIRRORED, false, true },
        { "consomme", MODE_CONSOMME, false, true }, { "nat", MODE_NAT, true, false },
        { "bridged", MODE_BRIDGED, false, false },  { "virtioproxy", MODE_VIRTIOPROXY, true, false },
        { "none", MODE_NONE, true, false },         { "wsl1", MODE_WSL1, false, false },
        { "not-wsl", MODE_NOT_WSL, false, false },
};
_Static_assert(ELEMENTSOF(ways) == _MODE_MAX, "each mode");

static void test_way(const void *data) {
        const __typeof__(ways[0]) *row = data;
        Status status = { .mode = row->mode,
                          .state = STATE_CLEAR,
                          .home_port = 22,
                          .port = 22,
                          .home_holder = HOLDER_SSHD,
                          .reachable = { { "192.0.2.2", ADDRESS_LAN } },
                          .n_reachable = 1 };
        char picture[SIZE];

        draw(&status, false, COLUMNS_FULL, 0, picture);
        test_assert(!!strstr(picture, "networkingMode=mirrored") == row->mirrored);
        test_assert(!!strstr(picture, "wsl --shutdown") == row->mirrored);
        test_assert(!!strstr(picture, "wslportctl firewall") == row->firewall);
        test_assert(!strstr(picture, "diagnose"));
}

static const struct {
        const char *name;
        NetworkingMode mode;
        const char *text; /* a part of it; NULL: it should run */
} absences[] = {
        { "not WSL", MODE_NOT_WSL, "this isn't WSL" },
        { "WSL 1", MODE_WSL1, "wsl --set-version NAME 2" },
        { "WSL 2", MODE_UNKNOWN, NULL },
        { "mirrored", MODE_MIRRORED, NULL },
};

static void test_absence(const void *data) {
        const __typeof__(absences[0]) *row = data;
        const char *text = picture_absence(row->mode);

        if (!row->text)
                test_assert(!text);
        else {
                test_assert(text);
                test_contains(text, row->text);
        }
}

/* Fills every text of a status with repetitions of @c, and every list with as many elements as it can
 * have. */
static void fill(Status *s, const char *c) {
        memset(s, 0, sizeof(*s));
        for (size_t i = 0; i + strlen(c) < sizeof(s->reason); i += strlen(c))
                memcpy(s->reason + i, c, strlen(c));
        for (size_t i = 0; i + strlen(c) < sizeof(s->unit); i += strlen(c))
                memcpy(s->unit + i, c, strlen(c));
        for (size_t i = 0; i + strlen(c) < sizeof(s->home_detail); i += strlen(c))
                memcpy(s->home_detail + i, c, strlen(c));
        s->pinned_sessions = UINT32_MAX;
        s->port = 65535;
        s->home_port = 22;
        s->last_change = NOON;
        s->n_listeners = STATUS_LISTENERS_MAX;
        for (size_t i = 0; i < s->n_listeners; i++) {
                s->listeners[i].port = (uint16_t) (1000 + i);
                s->listeners[i].holder = HOLDER_LINUX;
                memcpy(s->listeners[i].unit, s->unit, sizeof(s->unit));
        }
        s->n_reachable = STATUS_REACHABLE_MAX;
        for (size_t i = 0; i < s->n_reachable; i++) {
                strcpy(s->reachable[i].address, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
                s->reachable[i].kind = i % 2 ? ADDRESS_TAILSCALE : ADDRESS_LAN;
        }
}

static const struct {
        const char *name, *c;
} fillings[] = {
        { "one long word", "x" },
        { "short words", "xy z " },
        { "words as long as a line", "xxxxxxxxxxxxxxxxxxxxxxxxx"
                                     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx " },
        { "blanks", " " },
        { "escapes", "\033[2J" },
        { "line breaks", "a\n" },
        { "other languages", "\u4f60" },
        { "what isn't UTF-8", "\xff" },
        { "C1", "\xc2\x9b" },
};

static void test_bounds_of(const Status *status, unsigned columns_max) {
        size_t lines = 0, columns = 0, used = 0;
        char plain[SIZE], colored[SIZE];

        draw(status, false, columns_max, NOON, plain);
        test_assert(plain[strlen(plain) - 1] == '\n');
        for (const char *c = plain; *c; c++) {
                test_assert(*c == '\n' || (unsigned char) *c >= 0x20);
                columns = *c == '\n' ? 0 : columns + ((*c & 0xc0) != 0x80);
                if (columns > columns_max)
                        test_fail("more than %u columns:\n%s", columns_max, plain);
                lines += *c == '\n';
        }
        if (columns_max >= COLUMNS_FULL && lines > PICTURE_LINES_MAX)
                test_fail("%zu lines:\n%s", lines, plain);

        /* Without its colours, the coloured picture is the same. */
        draw(status, true, columns_max, NOON, colored);
        for (const char *c = colored; *c;)
                if (*c == '\033')
                        c += strcspn(c, "m") + 1;
                else {
                        test_assert(*c == plain[used]);
                        used++;
                        c++;
                }
        test_assert(plain[used] == '\0' && strlen(colored) > used);
}

static void test_bounds(const void *data) {
        static const unsigned terminals[] = { COLUMNS_FULL, 40, 200 };
        const __typeof__(fillings[0]) *row = data;
        Status status;

        fill(&status, row->c);
        for (int mode = 0; mode < _MODE_MAX; mode++)
                for (int state = 0; state < _STATE_MAX; state++)
                        for (int holder = 0; holder < _HOLDER_MAX; holder++)
                                for (size_t i = 0; i < (holder == 0 ? ELEMENTSOF(terminals) : 1); i++) {
                                        status.mode = (NetworkingMode) mode;
                                        status.state = (State) state;
                                        status.home_holder = (Holder) holder;
                                        test_bounds_of(&status, terminals[i]);
                                }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_whole, pictures),
                TEST_TABLE(test_width, widths),
                TEST_TABLE(test_side, sides),
                TEST_TABLE(test_listener, listeners),
                TEST_TABLE(test_way, ways),
                TEST_TABLE(test_absence, absences),
                TEST_TABLE(test_bounds, fillings),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
