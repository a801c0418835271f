/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>

#include "fuzz/fuzz.h"
#include "sshd/dump.h"
#include "sshd/listen-address.h"

/* What `sshd -T` prints. The parser takes no port or address that doesn't stand there, each address reads
 * back from its own print, and a Snapshot can hold the home that comes out. The first two bytes are the port
 * of our file. */

static void require_endpoint(const Endpoint *endpoint) {
        char text[ENDPOINT_SIZE], words[ENDPOINT_SIZE + 2];
        Endpoint again;

        require(endpoint->port > 0);
        require(fuzz_is_printable(endpoint->scope, sizeof(endpoint->scope)) && !strpbrk(endpoint->scope, " []\"'\\"));
        require(endpoint->scope[0] == '\0' || endpoint->ipv6);

        require(endpoint_parse(endpoint_print(endpoint, text), &again) == 0);
        require(endpoint_equal(endpoint, &again) && streq(again.scope, endpoint->scope));

        memset(words, 0, sizeof(words));
        require(words_append(words, sizeof(words), text));
        require(streams_have_port(words, endpoint->port));
        require(!streams_have_port(words, (uint16_t) (endpoint->port ^ 1)));
}

/* Each of @set is on an address that sshd has. */
static void require_addresses(const Endpoints *set, const SshdDump *dump) {
        for (size_t i = 0; i < set->n; i++) {
                bool listed = false;

                for (size_t k = 0; k < dump->n_endpoints; k++)
                        listed = listed || endpoint_has_address_of(&dump->endpoints[k], &set->items[i]);
                require(listed);
        }
}

static void require_home(const Home *home, const SshdDump *dump, uint16_t moved_to) {
        require(home->movable.n + home->fixed.n >= 1 && home->movable.n + home->fixed.n <= ENDPOINTS_MAX);
        require(home->n_ports >= 1 && home->n_ports <= SSHD_PORTS_MAX);
        for (size_t i = 0; i < home->n_ports; i++) {
                bool listed = port_is_one_of(home->ports[i], dump->ports, dump->n_ports) || home->ports[i] == 22;

                require(home->ports[i] > 0);
                require(!port_is_one_of(home->ports[i], home->ports, i));
                for (size_t k = 0; k < dump->n_endpoints; k++)
                        listed = listed || dump->endpoints[k].port == home->ports[i];
                require(listed);
        }
        require_addresses(&home->movable, dump);
        require_addresses(&home->fixed, dump);
        require(home->port_fixed == (home->fixed.n > 0));
        require(home->reads_our_file == (moved_to != 0 && port_is_one_of(moved_to, dump->ports, dump->n_ports)));
}

static void try_line(const char *line) {
        bool sets_port = listen_address_sets_port(line);

        if (sets_port)
                require(strchr(line, ':'));
        if (listen_address_is_loopback(line)) {
                require(strstr(line, "127.") || strstr(line, "::1") || strcasestr(line, "localhost"));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t moved_to = fuzz_u16(&input);
        _cleanup_free_ char *text = fuzz_text(&input, '\0');
        SshdDump dump;
        Home home;
        int r;

        fuzz_untouched(dump);
        r = sshd_dump_parse(text, &dump);
        require(r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r == 0) {
                require(dump.n_ports >= 1 && dump.n_ports <= ELEMENTSOF(dump.ports));
                require(dump.n_endpoints >= 1 && dump.n_endpoints <= ELEMENTSOF(dump.endpoints));
                for (size_t i = 0; i < dump.n_ports; i++)
                        require(dump.ports[i] > 0);
                for (size_t i = 0; i < dump.n_endpoints; i++)
                        require_endpoint(&dump.endpoints[i]);

                for (unsigned owner_has_it = 0; owner_has_it < 2; owner_has_it++) {
                        fuzz_untouched(home);
                        r = sshd_dump_home(&dump, moved_to, owner_has_it, &home);
                        require(r == 0 || r == -E2BIG);
                        if (r == 0)
                                require_home(&home, &dump, moved_to);
                        else
                                require_untouched(home);
                }
        } else
                require_untouched(dump);

        /* The same lines as words of a socket unit, and of a configuration file. */
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                Endpoint endpoint;

                fuzz_untouched(endpoint);
                r = endpoint_parse(line, &endpoint);
                require(r == 0 || r == -EBADMSG);
                if (r == 0)
                        require_endpoint(&endpoint);
                else
                        require_untouched(endpoint);
                try_line(line);
        }
        return 0;
}
