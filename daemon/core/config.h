/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* libinih's buffer has 200 bytes, the newline and the NUL included. */
#define CONFIG_LINE_MAX ((size_t) 198)

/* Nobody needs a longer list: neighbouring ports are written as a range. */
#define CONFIG_CANDIDATES_MAX 64

typedef enum ConfigKeyId {
        CONFIG_RELOCATE,
        CONFIG_CANDIDATE_PORTS,
        CONFIG_RESTORE,
        CONFIG_UNIT,
        CONFIG_SOCKET_ACTIVATION,
        CONFIG_ENSURE_ENABLED,
        CONFIG_PROBE_TIMEOUT,
        CONFIG_INTEROP,
        CONFIG_LOG_LEVEL,
        _CONFIG_KEY_MAX,
} ConfigKeyId;

/* A line to be named to a person. */
typedef struct ConfigPlace {
        char file[256]; /* printable, cut to this size */
        unsigned line;  /* 0: there is none */
} ConfigPlace;

/* .unit, if Unit= can't be read: the name of no unit, as the unit that its owner means isn't known. */
#define CONFIG_NO_UNIT "unreadable.service"

typedef struct Config {
        RelocatePolicy relocate;
        PortRange candidates[CONFIG_CANDIDATES_MAX];
        size_t n_candidates; /* 0: not one could be read */
        RestorePolicy restore;

        char unit[256]; /* "auto", or a unit name that ends in .service */
        SocketActivation socket_activation;
        bool ensure_enabled;

        usec_t probe_timeout; /* µs */
        bool interop;

        int log_level; /* LOG_… of syslog(3) */

        ConfigPlace places[_CONFIG_KEY_MAX]; /* the line of each key; none: the default */
} Config;

/* True if the policy lets sshd be moved to @port. */
bool config_allows_port(const Config *config, uint16_t port);

/* The configuration without a file. */
Config config_default(void);
