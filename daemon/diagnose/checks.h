/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>

#include "core/config.h"
#include "core/policy.h"
#include "windows/text.h"
#include "windows/wslconfig.h"

/* What may be wrong where sshd can't be reached: facts come in, and for each check comes out what was found and the
 * command that mends it. Pure; what is not known is said to be so. */

typedef enum Fact {
        FACT_UNKNOWN,
        FACT_NO,
        FACT_YES,
} Fact;

static inline Fact fact(bool is_so) {
        return is_so ? FACT_YES : FACT_NO;
}

typedef enum Verdict {
        VERDICT_UNKNOWN, /* the finding says what would tell */
        VERDICT_OK,
        VERDICT_WARNING, /* works now, and may not always */
        VERDICT_PROBLEM,
        VERDICT_SKIPPED, /* does not apply here */
        _VERDICT_MAX,
} Verdict;

const char *verdict_to_string(Verdict verdict);
int verdict_from_string(const char *s, Verdict *ret);

/* What installs packages here. */
typedef enum PackageManager {
        PACKAGES_UNKNOWN,
        PACKAGES_APT,
        PACKAGES_DNF,
        PACKAGES_ZYPPER,
        PACKAGES_PACMAN,
} PackageManager;

/* By the text of /etc/os-release: ID, else ID_LIKE (os-release(5)). */
PackageManager packages_from_os_release(const char *text);

typedef struct UnitFact {
        char name[256]; /* "": nothing is known of it, and what follows says nothing */
        bool installed, masked, enabled, active, starting, failed; /* .starting is .active too */
        char result[32]; /* systemd's word for how it ended */
} UnitFact;

typedef struct FirewallFact {
        Fact on, allows; /* .allows: the port of CheckFacts */
} FirewallFact;

#define CHECK_PATH_SIZE 320

typedef struct CheckFacts {
        bool root; /* what root may see was seen */
        NetworkingMode mode;
        Fact systemd; /* it runs */
        WslSetting systemd_setting; /* of /etc/wsl.conf */

        UnitFact daemon;
        Fact daemon_answers; /* on D-Bus */
        State state;         /* as it says */
        char reason[REASON_SIZE];
        Fact config_valid;
        unsigned config_line; /* of the first error; 0: none in particular */
        char config_error[256];
        RelocatePolicy relocate;
        SocketActivation socket_activation;
        PortRange candidates[CONFIG_CANDIDATES_MAX];
        size_t n_candidates;
        unsigned candidates_line; /* as Config's */

        PackageManager packages;
        Fact sshd_installed;
        SshdVerdict verdict;  /* of sshd on its configuration; a want of host keys is none */
        char sshd_error[256]; /* its own words */
        Fact host_keys;
        Fact run_directory; /* /run/sshd is there, or not needed */
        UnitFact service, socket;
        char last_error[256]; /* of sshd in the journal; "": not known */

        uint16_t home_port, port; /* .port: where sshd is, or is to be; 0: not known */
        Fact listens;             /* sshd there, by the kernel */
        bool fixed;     /* the service could not be moved: a ListenAddress has a port, or its command */
        bool ipv6_only; /* though its configuration has all of IPv4 */
        bool loopback_only;
        char listen_file[CHECK_PATH_SIZE]; /* where its ListenAddress stands; "": not found */
        unsigned listen_line;
        Holder holder; /* of .port, who isn't sshd; HOLDER_NONE: nobody else */
        int holder_pid;
        char holder_name[32], holder_unit[256];
        char holder_detail[80]; /* of Windows */
        Holder home_holder; /* of .home_port */
        char home_detail[80];

        WindowsStart windows_sshd;         /* how Windows starts its own */
        Fact windows_refuses;              /* .port lies in a range of Windows' */
        uint16_t range_first, range_last;  /* that range */
        Fact firewall_rule; /* of Windows, for .port */

        Fact has_addresses; /* the addresses were read, and there are some that others may use */
        char lan[INET6_ADDRSTRLEN], tailscale[INET6_ADDRSTRLEN], link_local[INET6_ADDRSTRLEN];

        Fact wslconfig; /* FACT_YES: read; FACT_NO: there is none, and it would be at the path */
        char wslconfig_path[CHECK_PATH_SIZE]; /* as Linux has it; "": not known. Printable UTF-8 */
        bool wslconfig_wide; /* UTF-16 */
        WslConfig wsl;

        FirewallFact selinux, ufw, firewalld;
} CheckFacts;

/* One line, printable. Commands that need root begin with "sudo "; they may be pasted into a shell as they stand. */
typedef struct Finding {
        const char *check;
        Verdict verdict;
        char finding[512];
        char remedy[512]; /* "" where there is no command for it, or none is needed */
} Finding;

#define CHECKS_MAX 24

/* In the order in which things depend on each other. Returns how many. */
size_t checks_run(const CheckFacts *facts, Finding ret[static CHECKS_MAX]);

/* Takes each "sudo" away that begins a command, for root. */
void remedy_without_sudo(char *remedy);

/* Where sshd's own words name a file and a line: "FILE: line 3: …", "FILE line 3: …". Returns true and both. */
bool sshd_error_find_line(const char *error, char ret_file[static CHECK_PATH_SIZE], unsigned *ret_line);

/* Whether @path may be shown and typed: UTF-8 without anything a terminal would obey. */
bool path_is_printable(const char *path);
