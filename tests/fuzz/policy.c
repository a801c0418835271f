/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/decision.h"
#include "fuzz/fuzz.h"

/* policy_decide() keeps the promises on any facts, also on facts that contradict each other: it moves no
 * sshd that refuses its configuration (promise 1), binds no port that sshd isn't about to bind (2), and
 * moves neither ports nor units of others (4). Asked over and over, with answers out of the input, it never
 * asks twice about a port.
 *
 * take_config() and take_snapshot() take a byte of the input for each member. */

#define FACTS_MAX 24
#define ASKED_MAX 64

typedef struct Case {
        Config config;
        Snapshot snapshot;
        PortFact facts[FACTS_MAX + ASKED_MAX];
        size_t n_facts;
} Case;

static uint16_t take_port(FuzzInput *input) {
        static const uint16_t ports[] = {
                0,    22,   2222, 22022, 2200, 2201, 2202, 2203, 2204, 2205,  2206,
                2207, 2208, 2209, 2210,  2299, 80,   443,  2022, 1,    65534, 65535
        };
        uint8_t choice = fuzz_byte(input);

        return choice < 250 ? ports[choice % ELEMENTSOF(ports)] : fuzz_u16(input);
}

static void take_config(FuzzInput *input, Config *config) {
        uint8_t units;

        *config = config_default();
        config->relocate = (RelocatePolicy) (fuzz_byte(input) % (RELOCATE_UNREADABLE + 1));
        config->restore = (RestorePolicy) (fuzz_byte(input) % _RESTORE_MAX);
        units = fuzz_byte(input);
        config->socket_activation = units & 1 ? SOCKET_ACTIVATION_DISABLE : SOCKET_ACTIVATION_KEEP;
        config->ensure_enabled = units & 2;
        config->n_candidates = fuzz_byte(input) % 5;
        for (size_t i = 0; i < config->n_candidates; i++) {
                uint16_t a = take_port(input) ?: 2222, b = take_port(input) ?: a;

                config->candidates[i] = (PortRange){ a < b ? a : b, a < b ? b : a };
        }
}

static void take_snapshot(FuzzInput *input, Case *c) {
        Snapshot *s = &c->snapshot;
        uint8_t flags, verdict, texts;

        s->mode = (NetworkingMode) (fuzz_byte(input) % _MODE_MAX);
        s->service = (ServicePhase) (fuzz_byte(input) % _SERVICE_MAX);
        flags = fuzz_byte(input);
        s->by_socket = flags & 1;
        s->booting = flags & 2;
        s->unapplied = flags & 8;
        s->not_enabled = flags & 16;
        s->socket_disabled = flags & 32;
        s->no_auto_restore = flags & 64;
        s->requested = flags & 64;

        verdict = fuzz_byte(input);
        s->verdict = (SshdVerdict) (verdict % (SSHD_VERDICT_OUR_FILE_REFUSED + 1));
        s->switch_unfinished = verdict & 128;
        s->own_network = verdict & 64;
        texts = fuzz_byte(input);
        s->verdict_detail = texts & 1 ? "line 3: Bad configuration option: Prot" : NULL;
        s->port_fixed_by = texts & 2 ? "/etc/ssh/sshd_config:5 (ListenAddress 0.0.0.0:22)" : NULL;
        s->postponed = texts & 4 ? "the last try failed: no answer" : NULL;
        s->unit_name = texts & 8 ? "ssh.service" : NULL;
        s->home.reads_our_file = texts & 16;
        s->settled = (flags & 4 ? SETTLED_WITHOUT_PORT : 0) + (texts & 128 ? SETTLED_WITHOUT_IPV4 : 0);

        s->moved_to = take_port(input);
        s->last_port = take_port(input);
        s->request = (Request) (fuzz_byte(input) % (REQUEST_RESTORE + 1));
        s->request_port = take_port(input);

        for (size_t i = fuzz_byte(input) % (SSHD_PORTS_MAX + 1); i > 0; i--) {
                Endpoint endpoint = { .ipv6 = texts & 32, .port = take_port(input) ?: 22 };

                require(home_add(&s->home, &endpoint, (flags & 128) && !s->by_socket) == 0);
        }
        s->facts = c->facts;
}

static PortFact *find(Case *c, uint16_t port) {
        for (size_t i = 0; i < c->n_facts; i++)
                if (c->facts[i].port == port)
                        return &c->facts[i];
        return NULL;
}

static void take_facts(FuzzInput *input, Case *c) {
        for (size_t i = fuzz_byte(input) % (FACTS_MAX + 1); i > 0; i--) {
                PortFact fact = { .port = take_port(input) };
                uint8_t more = fuzz_byte(input);

                fact.holder = (Holder) (more % _HOLDER_MAX);
                fact.holder_left = more & 128;
                fact.lacks_ipv4 = more & 32;
                fact.bind = (BindAnswer) (fuzz_byte(input) % _BIND_MAX);
                if (more & 64)
                        memset(fact.detail, 'x', sizeof(fact.detail) - 1);
                if (fact.port != 0 && !find(c, fact.port))
                        c->facts[c->n_facts++] = fact;
        }
        c->snapshot.n_facts = c->n_facts;
}

static bool is_home(const Snapshot *s, uint16_t port) {
        return port_is_one_of(port, s->home.ports, s->home.n_ports);
}

static bool is_allowed(const Config *config, uint16_t port) {
        for (size_t i = 0; i < config->n_candidates; i++)
                if (config->candidates[i].first <= port && port <= config->candidates[i].last)
                        return true;
        return false;
}

/* Somebody else is known to have the port. */
static bool is_taken(const PortFact *fact) {
        if (!fact)
                return false;
        if (fact->holder == HOLDER_LINUX || fact->holder == HOLDER_OTHER_DISTRO)
                return true;
        if (fact->holder == HOLDER_SSHD)
                return false;
        return fact->bind == BIND_REFUSED_BY_WINDOWS || fact->bind == BIND_REFUSED_BY_LINUX ||
               (fact->bind == BIND_NOT_ASKED &&
                (fact->holder == HOLDER_WINDOWS || fact->holder == HOLDER_WINDOWS_OPENSSH));
}

static bool is_sshds(const PortFact *fact) {
        return fact && fact->holder == HOLDER_SSHD;
}

/* sshd is about to bind: at its start, or because a socket unit that has lost its sockets is restarted. */
static bool is_to_bind(const Snapshot *s) {
        return s->service == SERVICE_QUEUED || s->service == SERVICE_TO_START ||
               (s->service == SERVICE_RUNNING && s->by_socket && s->settled == SETTLED_WITHOUT_PORT);
}

/* A running sshd has had time to bind the port on IPv4, and has it on IPv6 only. */
static bool mends_ipv4(const Snapshot *s, const PortFact *fact) {
        return s->service == SERVICE_RUNNING && s->settled == SETTLED_WITHOUT_IPV4 && !s->by_socket &&
               !s->postponed && is_sshds(fact) && fact->lacks_ipv4;
}

/* A candidate was asked for in vain: the next is asked for before sshd's files are touched. */
static bool is_candidate_after_refusal(const Case *c, uint16_t port) {
        for (size_t i = 0; i < c->n_facts; i++)
                if ((c->facts[i].bind == BIND_REFUSED_BY_WINDOWS || c->facts[i].bind == BIND_FAILED) &&
                    !is_home(&c->snapshot, c->facts[i].port))
                        return !is_home(&c->snapshot, port) && is_allowed(&c->config, port);
        return false;
}

static void require_probe(Case *c, const Decision *d) {
        const Snapshot *s = &c->snapshot;
        const PortFact *fact = find(c, d->port);
        bool goes_home = s->service == SERVICE_RUNNING && s->moved_to != 0 && is_home(s, d->port) &&
                         (s->request == REQUEST_RESTORE ||
                          (c->config.restore == RESTORE_AUTO && !s->no_auto_restore));

        require(mode_shares_ports(s->mode) && c->config.relocate != RELOCATE_NEVER);
        require(s->verdict == SSHD_VERDICT_VALID);
        if (is_candidate_after_refusal(c, d->port) && !(is_to_bind(s) && d->port == s->moved_to)) {
                require(is_to_bind(s) || s->service == SERVICE_RUNNING);
                require(!s->postponed && (!s->home.port_fixed || s->by_socket));
                require(!fact || (fact->bind == BIND_NOT_ASKED && !is_taken(fact)));
                return;
        }
        require(d->port != 0 && (is_home(s, d->port) || d->port == s->moved_to));
        require(is_to_bind(s) || goes_home || mends_ipv4(s, fact));
        require(c->config.relocate != RELOCATE_MIRRORED || d->port == s->moved_to);
        require(!fact || (fact->bind == BIND_NOT_ASKED && !is_taken(fact) &&
                          (!is_sshds(fact) || mends_ipv4(s, fact))));
}

static void require_relocate(Case *c, const Decision *d) {
        const Snapshot *s = &c->snapshot;
        const PortFact *fact = find(c, d->port);

        require(mode_shares_ports(s->mode) && c->config.relocate != RELOCATE_NEVER);
        require(s->verdict == SSHD_VERDICT_VALID);
        require(!s->postponed);
        if (c->config.n_candidates > 0 || d->port != s->moved_to)
                require(is_allowed(&c->config, d->port) && config_allows_port(&c->config, d->port));
        require(!is_home(s, d->port));
        require(s->service == SERVICE_RUNNING || is_to_bind(s));
        require(!is_taken(fact));
        if (!is_sshds(fact)) {
                require(!fact || fact->bind == BIND_FREE || fact->bind == BIND_NOT_ASKED);
                require(!s->home.port_fixed || s->by_socket || d->port == s->moved_to);
        }

        require(d->n_beside <= s->home.n_ports);
        for (size_t i = 0; i < d->n_beside; i++) {
                require(is_home(s, d->beside[i]) && !is_taken(find(c, d->beside[i])));
                for (size_t k = 0; k < i; k++)
                        require(d->beside[k] != d->beside[i]);
        }
}

static bool sshd_listens(const Snapshot *s) {
        for (size_t i = 0; i < s->n_facts; i++)
                if (is_sshds(&s->facts[i]) &&
                    (s->facts[i].port == s->moved_to || is_home(s, s->facts[i].port)))
                        return true;
        return false;
}

static void require_restore(Case *c, const Decision *d) {
        const Snapshot *s = &c->snapshot;

        require(s->moved_to != 0);
        require(d->port == (s->home.n_ports > 0 ? s->home.ports[0] : 0));
        require(!d->then_start || s->service == SERVICE_TO_START ||
                (s->service == SERVICE_FAILED && s->verdict == SSHD_VERDICT_OUR_FILE_REFUSED));
        if (s->service == SERVICE_STARTING || s->service == SERVICE_STOPPING ||
            s->service == SERVICE_UNKNOWN)
                require(false);

        /* A running sshd goes home only if it can have each of its home ports. */
        if (s->service == SERVICE_RUNNING) {
                require(mode_shares_ports(s->mode));
                require(c->config.relocate == RELOCATE_CONFLICT ||
                        (c->config.relocate == RELOCATE_UNREADABLE &&
                         (s->request == REQUEST_RESTORE || !sshd_listens(s))));
                require(s->home.n_ports > 0);
                for (size_t i = 0; i < s->home.n_ports; i++) {
                        const PortFact *fact = find(c, s->home.ports[i]);

                        require(is_sshds(fact) || (fact && fact->bind == BIND_FREE && !is_taken(fact)));
                }
        }
}

static void require_start(Case *c, const Decision *d) {
        const Snapshot *s = &c->snapshot;

        require(mode_shares_ports(s->mode) && c->config.relocate != RELOCATE_NEVER && !s->own_network);
        require(s->verdict == SSHD_VERDICT_VALID && !s->postponed);
        require(s->service == SERVICE_TO_START || (is_to_bind(s) && s->service == SERVICE_RUNNING) ||
                mends_ipv4(s, find(c, d->port)));
        require(d->port == s->moved_to || is_home(s, d->port));
        require(d->port != 0 && !is_taken(find(c, d->port)));
}

static void require_units(Case *c, const Decision *d) {
        const Snapshot *s = &c->snapshot;

        require(!s->booting && !s->postponed && c->config.relocate != RELOCATE_NEVER);
        require(d->action == ACTION_ENABLE || s->verdict == SSHD_VERDICT_VALID);
        if (d->action == ACTION_ENABLE)
                require(c->config.ensure_enabled && s->not_enabled && s->service == SERVICE_INACTIVE);
        else if (d->action == ACTION_DISABLE_SOCKET)
                require(c->config.socket_activation == SOCKET_ACTIVATION_DISABLE &&
                        ((s->by_socket && !s->home.port_fixed) ||
                         (s->switch_unfinished && s->service == SERVICE_INACTIVE)));
        else
                require(c->config.socket_activation == SOCKET_ACTIVATION_KEEP && s->socket_disabled);
}

static void decide_twice(Case *c, Decision *ret) {
        const Snapshot *s = &c->snapshot;
        Decision again;

        memset(ret, 0, sizeof(*ret));
        policy_decide(&c->config, s, ret);
        fuzz_untouched(again);
        policy_decide(&c->config, s, &again);
        require(ret->state == again.state && ret->cause == again.cause && ret->action == again.action && ret->port == again.port &&
                ret->then_start == again.then_start && ret->n_beside == again.n_beside &&
                streq(ret->reason, again.reason));
        require(memcmp(ret->beside, again.beside, ret->n_beside * sizeof(ret->beside[0])) == 0);

        require(ret->state < _STATE_MAX && ret->cause < _CAUSE_MAX && ret->action < _ACTION_MAX && ret->n_beside <= SSHD_PORTS_MAX);
        require(fuzz_is_printable(ret->reason, sizeof(ret->reason)) && ret->reason[0]);
        require(!ret->then_start || ret->action == ACTION_RESTORE);
        require(ret->state != STATE_RELOCATED || s->moved_to != 0 || is_sshds(find(c, s->last_port)));
        if (c->config.relocate == RELOCATE_UNREADABLE && s->request == REQUEST_NONE &&
            s->service == SERVICE_RUNNING && sshd_listens(s))
                require(ret->action != ACTION_RELOCATE && ret->action != ACTION_RESTORE &&
                        ret->action != ACTION_START);
        if (c->config.relocate == RELOCATE_NEVER)
                require(ret->action == ACTION_NONE || ret->action == ACTION_RESTORE);

        switch (ret->action) {
        case ACTION_NONE:
                break;
        case ACTION_PROBE:
                require_probe(c, ret);
                break;
        case ACTION_RELOCATE:
                require_relocate(c, ret);
                break;
        case ACTION_RESTORE:
                require_restore(c, ret);
                break;
        case ACTION_START:
                require_start(c, ret);
                break;
        case ACTION_ENABLE:
        case ACTION_DISABLE_SOCKET:
        case ACTION_ENABLE_SOCKET:
        case _ACTION_MAX:
        default:
                require_units(c, ret);
        }
}

/* Notes an answer as ports_answer() and ports_see() do. */
static bool answer(Case *c, uint16_t port, BindAnswer bind) {
        PortFact *fact = find(c, port);

        if (!fact && c->n_facts == ELEMENTSOF(c->facts))
                return false;
        fact = fact ?: &c->facts[c->n_facts++];
        *fact = (PortFact){ .port = port, .bind = bind };
        fact->holder = bind == BIND_REFUSED_BY_WINDOWS ? HOLDER_WINDOWS
                       : bind == BIND_REFUSED_BY_LINUX ? HOLDER_LINUX
                       : bind == BIND_FREE             ? HOLDER_NONE
                                                       : HOLDER_UNKNOWN;
        c->snapshot.n_facts = c->n_facts;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t asked[ASKED_MAX] = { 0 };
        Case c = {};

        take_config(&input, &c.config);
        take_snapshot(&input, &c);
        take_facts(&input, &c);

        for (size_t n = 0; n < ASKED_MAX; n++) {
                const PortFact *fact;
                BindAnswer bind;
                Decision d;

                decide_twice(&c, &d);
                fact = find(&c, d.port);
                if (d.action != ACTION_PROBE &&
                    (d.action != ACTION_RELOCATE || is_sshds(fact) || (fact && fact->bind == BIND_FREE)))
                        break;
                for (size_t i = 0; i < n; i++)
                        require(asked[i] != d.port);
                asked[n] = d.port;

                bind = (BindAnswer) (BIND_FREE + fuzz_byte(&input) % (_BIND_MAX - BIND_FREE));
                if (d.action == ACTION_RELOCATE && bind == BIND_FREE)
                        break; /* sshd is moved there */
                if (!answer(&c, d.port, bind))
                        break;
        }
        return 0;
}
