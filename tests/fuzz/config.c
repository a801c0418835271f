/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"
#include "fuzz/fuzz.h"

/* A configuration that is taken is printed as a file that reads back to the same members. A refused one is
 * told in a bounded number of messages of printable ASCII, and what could be read of it is as valid. */

static void tell(const char *path, unsigned line, const char *message, void *userdata) {
        unsigned *n = userdata;

        require(streq(path, "fuzz"));
        require(line <= 1000000);
        require(message[0] != '\0');
        for (; *message; message++)
                require((*message >= ' ' && *message <= '~') || *message == '\t');
        (*n)++;
}

static void require_valid(const Config *config) {
        require(config->n_candidates <= CONFIG_CANDIDATES_MAX);
        require(config->relocate <= RELOCATE_UNREADABLE && config->restore < _RESTORE_MAX);
        for (size_t i = 0; i < config->n_candidates; i++)
                require(config->candidates[i].first >= 1 &&
                        config->candidates[i].first <= config->candidates[i].last);
        require(config->probe_timeout >= 50 * USEC_PER_MSEC && config->probe_timeout <= 2 * USEC_PER_SEC);
        require(memchr(config->unit, '\0', sizeof(config->unit)) && config->unit[0] != '\0');
        require(!strpbrk(config->unit, "/ \t\n#;"));
        require(config->log_level >= 0 && config->log_level <= 7);
}

static void require_same(const Config *a, const Config *b) {
        require(a->relocate == b->relocate);
        require(a->n_candidates == b->n_candidates);
        for (size_t i = 0; i < a->n_candidates; i++)
                require(a->candidates[i].first == b->candidates[i].first &&
                        a->candidates[i].last == b->candidates[i].last);
        require(a->restore == b->restore);
        require(streq(a->unit, b->unit));
        require(a->socket_activation == b->socket_activation);
        require(a->ensure_enabled == b->ensure_enabled);
        require(a->probe_timeout == b->probe_timeout);
        require(a->interop == b->interop);
        require(a->log_level == b->log_level);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        Config config = config_default(), again = config_default();
        unsigned n_told = 0;
        size_t text_size;
        FILE *out;
        int r;

        r = config_parse("fuzz", (const char *) data, size, tell, &n_told, &config);
        if (r < 0) {
                require(r == -EINVAL);
                require(n_told >= 1 && n_told <= 21);
                require_valid(&config);
                return 0;
        }
        require(r == 1 && n_told == 0);
        require_valid(&config);
        require(config.n_candidates >= 1 && config.relocate != RELOCATE_UNREADABLE);

        out = open_memstream(&text, &text_size);
        require(out);
        config_print(&config, out);
        require(fclose(out) == 0);

        require(config_parse("fuzz", text, text_size, tell, &n_told, &again) == 1);
        require_same(&config, &again);
        return 0;
}
