/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config.h"

#include "base/log.h"

Config config_default(void) {
        return (Config){
                .relocate = RELOCATE_CONFLICT,
                .candidates = { { 2222, 2222 }, { 22022, 22022 }, { 2200, 2299 } },
                .n_candidates = 3,
                .restore = RESTORE_MANUAL,
                .unit = "auto",
                .socket_activation = SOCKET_ACTIVATION_KEEP,
                .ensure_enabled = false,
                .probe_timeout = USEC_PER_SEC,
                .interop = false,
                .log_level = LOG_INFO,
        };
}

bool config_allows_port(const Config *config, uint16_t port) {
        for (size_t i = 0; i < config->n_candidates; i++)
                if (config->candidates[i].first <= port && port <= config->candidates[i].last)
                        return true;

        return false;
}
