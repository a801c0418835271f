/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/decision.h"
#include "sshd/hints.h"
#include "sshd/options.h"
#include "sshd/port-rules.h"
#include "windows/programs.h"
#include "windows/wslconfig.h"

/* What the checks look at, by subject. A zeroed struct claims nothing. */

#define CHECK_PATH_SIZE 320

typedef enum Fact {
        FACT_UNKNOWN,
        FACT_NO,
        FACT_YES,
} Fact;

static inline Fact fact(bool is_so) {
        return is_so ? FACT_YES : FACT_NO;
}

typedef enum PackageManager {
        PACKAGES_UNKNOWN,
        PACKAGES_APT,
        PACKAGES_DNF,
        PACKAGES_ZYPPER,
        PACKAGES_PACMAN,
} PackageManager;

typedef struct MachineFacts {
        bool root;         /* root gathered the facts, so that none was hidden */
        bool for_everyone; /* any user can have them gathered, again and again: no port is connected to */
        NetworkingMode mode;
        Fact systemd;               /* systemd runs */
        WslSetting systemd_setting; /* of /etc/wsl.conf */
        PackageManager packages;
} MachineFacts;

typedef struct UnitFact {
        char name[256]; /* "": the unit isn't known, and the other members say nothing */
        bool installed, masked, enabled, failed;
        bool active, starting; /* a unit that is .starting is .active too */
        char result[32];       /* systemd's word for how the unit ended */
} UnitFact;

typedef struct DaemonFacts {
        UnitFact unit;
        Fact answers;             /* on D-Bus */
        char reason[REASON_SIZE]; /* its property Reason; "" where it doesn't answer */
        Cause cause;              /* likewise */
        BindAnswer last_bind;     /* its property LastBind, or what sshd's own last bind() had */
} DaemonFacts;

typedef struct ConfigFacts {
        Fact valid;
        ConfigPlace error_place; /* of the first error; no line: the file as a whole is refused */
        char error[256];         /* where .valid is FACT_YES, config_warn()'s warning */
        Config values;           /* the defaults if the file isn't valid */
} ConfigFacts;

typedef struct SshdFacts {
        Fact installed;
        SshdVerdict verdict;             /* what sshd says of its configuration, host keys aside */
        char error[256];                 /* in sshd's own words */
        Fact host_keys;                  /* there is one that sshd can use; FACT_NO: .error tells why not */
        Fact run_directory;              /* /run/sshd is there, or not needed */
        char options[SSHD_COMMAND_SIZE]; /* as of sshd_options() */
        UnitFact service, socket;
        char last_error[256];  /* sshd's last in the journal; "": unknown */
        bool socket_has_twice; /* one of its addresses, and systemd can't bind that */
        bool fixed; /* wslportd could not move the service, as a ListenAddress or its command has the port */
} SshdFacts;

/* The greeting on the home port. Asked for where the daemon says that Windows has that port, and sshd was moved. */
typedef enum HomeGreeting {
        HOME_NOT_ASKED, /* or Windows' own program greets */
        HOME_SILENT,
        HOME_GREETS_AS_SSHD, /* with the words of the sshd that was moved, or of another of its version */
} HomeGreeting;

/* sshd's port, or the one that is asked about, and who has it, by the kernel; and sshd's home port, by the daemon. */
typedef struct ListenFacts {
        uint16_t home;
        uint16_t number; /* the port that sshd has, or should have; 0: unknown */
        Fact listens;    /* sshd listens on .number */
        bool ipv6_only;  /* although sshd's configuration has all of IPv4 */
        bool loopback_only;
        ConfigPlace loopback_line;     /* with the ListenAddress of the loopback interface */
        char absent[INET6_ADDRSTRLEN]; /* this machine lacks that address, and sshd has no other; "": none */
        ConfigPlace absent_line;       /* with the ListenAddress of .absent */
        Holder holder;                 /* who has .number, sshd aside; HOLDER_NONE: nobody else */
        int holder_pid;
        char holder_name[32], holder_unit[256];
        char holder_detail[80]; /* names Windows' program */
        Holder home_holder;
        char home_detail[80];
        HomeGreeting home_greeting;
        PortRules rules; /* where sshd has been moved */
} ListenFacts;

typedef struct WindowsFacts {
        WindowsStart sshd_start; /* how Windows starts its own sshd */
        Fact refuses;            /* sshd can't have its port, as Windows keeps a range for itself */
        PortRange range;         /* that range, or one that may be; .last is 0: the port is in none */
        Fact lets_in;            /* its firewall lets other machines in to sshd's port */
        WindowsRules rules;      /* for that port */
        Greeting greeting;       /* which Windows itself gets at localhost, on that port */
} WindowsFacts;

/* The Windows user's .wslconfig. */
typedef struct WslConfigFacts {
        bool ambiguous;             /* several Windows users have one */
        Fact found;                 /* FACT_NO: the file doesn't exist, and .path is where it would be */
        char path[CHECK_PATH_SIZE]; /* "": unknown, or sed can't edit the file (UTF-16, or a strange name) */
        WslConfig values;
} WslConfigFacts;

typedef struct AddressFacts {
        Fact usable; /* at least one is an address that other machines may use */
        char lan[INET6_ADDRSTRLEN], mesh[INET6_ADDRSTRLEN], link_local[INET6_ADDRSTRLEN];
} AddressFacts;

typedef struct FirewallFact {
        Fact on, allows; /* .allows: it lets sshd's port pass */
} FirewallFact;

typedef struct CheckFacts {
        MachineFacts machine;
        DaemonFacts daemon;
        ConfigFacts config;
        SshdFacts sshd;
        ListenFacts port;
        WindowsFacts windows;
        WslConfigFacts wslconfig;
        AddressFacts addresses;
        FirewallFact firewalls[_HINT_MAX];
} CheckFacts;
