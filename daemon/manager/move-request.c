/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/move-request.h"

/* The phase of a unit that the move has to work on: one that runs and doesn't have the port, or has the one
 * that it is to leave; or one that is to be started and can have the port. Else SERVICE_INACTIVE. */
static ServicePhase phase_for_move(const Observer *o, const Decision *d) {
        const PortFact *fact = ports_find(&o->ports, d->port);
        const Home *home = &o->sshd.home;
        uint16_t now = o->c->files.placement.port;
        ServicePhase phase = o->phase;

        if ((phase == SERVICE_RUNNING && !observer_sshd_has(o, d->port)) ||
            (phase == SERVICE_RUNNING && d->action == ACTION_RESTORE && observer_sshd_has(o, now) &&
             (units_socket(o->c->units) || !port_is_one_of(now, home->ports, home->n_ports))) ||
            (phase == SERVICE_TO_START &&
             (d->action == ACTION_RELOCATE || d->then_start || (fact && fact->bind == BIND_FREE))))
                return phase;
        return SERVICE_INACTIVE;
}

/* Adds the addresses of @port that ACTION_PROBE has not asked about. An undoing needs no port, and a unit isn't asked
 * away from one that it has. */
static void add_probes(const Observer *o, const Decision *d, uint16_t port, MoveRequest *request) {
        const PortFact *fact = ports_find(&o->ports, port);
        bool has = fact && fact->holder == HOLDER_SSHD, free = fact && fact->bind == BIND_FREE,
             asked = d->action != ACTION_RELOCATE || has || free,
             each = request->managed.socket && request->phase != SERVICE_INACTIVE && !d->then_start &&
                    !has && (free || !asked);
        char addresses[2][INET6_ADDRSTRLEN];

        home_probe_addresses(&o->sshd.home, &o->absent, port, each, addresses);
        for (size_t i = asked ? 1 : 0; i < ELEMENTSOF(addresses) && addresses[i][0]; i++) {
                MoveProbe *probe = &request->probes[request->n_probes++];

                memcpy(probe->address, addresses[i], sizeof(probe->address));
                probe->port = port;
        }
}

/* sshd runs, and has the port that it is to have: it closes that port when it is told, and has to get it again. */
static void add_probe_of_own(const Decision *d, MoveRequest *request) {
        MoveProbe *probe = &request->probes[request->n_probes++];

        *probe = (MoveProbe){ .address = "127.0.0.1", .port = d->port, .listens = true };
}

MoveRequest move_request_make(const Observer *o, const Decision *d) {
        const Home *home = &o->sshd.home;
        const Placement *now = &o->c->files.placement;
        MoveRequest request = {
                .from = *now,
                .managed = units_managed(o->c->units),
                .sshd = &o->sshd,
                .phase = phase_for_move(o, d),
        };

        if (d->action == ACTION_START)
                request.to = *now;
        else if (d->action == ACTION_RELOCATE) {
                request.to.port = d->port;
                /* The ports that stay beside one are chosen once, when sshd is moved there. */
                request.to.n_beside = d->port == now->port ? now->n_beside : d->n_beside;
                memcpy(request.to.beside, d->port == now->port ? now->beside : d->beside,
                       sizeof(request.to.beside));
        }
        request.expected = request.phase != SERVICE_INACTIVE ? d->port : 0;
        if (request.to.port != 0)
                add_probes(o, d, d->port, &request);
        for (size_t i = 0; i < home->n_ports && request.to.port == 0; i++)
                add_probes(o, d, home->ports[i], &request);
        if (request.n_probes == 0 && request.phase == SERVICE_RUNNING && observer_sshd_has(o, d->port))
                add_probe_of_own(d, &request);
        return request;
}
