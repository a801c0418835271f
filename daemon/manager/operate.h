/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/request.h"
#include "manager/move.h"
#include "manager/publish.h"
#include "manager/retry.h"
#include "manager/unit-switch.h"

/* Carries out decisions, one operation at a time. The end of each leads to an evaluation. */

typedef enum OperatorState {
        OPERATOR_IDLE,
        OPERATOR_PROBING,           /* .probe asks Windows for a port that sshd is about to bind */
        OPERATOR_MOVING,            /* .move has sshd listen elsewhere, or starts it */
        OPERATOR_CHANGING_UNITS,    /* .unit_switch changes which unit listens from now on */
        OPERATOR_HAVING_UNITS_READ, /* .unit_switch has systemd read what an earlier run has written */
} OperatorState;

typedef struct Operator {
        Context *c;
        Observer *observer;
        Publisher *publisher;

        OperatorState state;
        Child *probe;
        Move *move;
        UnitSwitch *unit_switch;
        Decision decision; /* the last one: the one that is carried out, unless .state is OPERATOR_IDLE */

        Retry retry;
        sd_event_source *look_home_timer;
        PendingRequest request;
        bool switch_failed; /* with SocketActivation=disable the service did not come up */
} Operator;

void operator_init(Operator *op, Context *c, Observer *observer, Publisher *publisher);
void operator_done(Operator *op);

/* Takes note of a switch of units that is complete. Returns true if systemd has to read its units first: it
 * does so now. */
bool operator_catch_up(Operator *op);

/* Fills in what somebody asked for, and what is postponed. */
void operator_fill(const Operator *op, Snapshot *snapshot);

/* Begins what was decided. If that is nothing, the request is answered, and a later try is prepared where no
 * event will tell. */
void operator_carry_out(Operator *op, const Snapshot *snapshot, const Decision *decision);

/* The .request of BusObjectHandlers. */
int operator_take_request(Operator *op, Request request, uint16_t port, sd_bus_message *call, uint32_t uid);
