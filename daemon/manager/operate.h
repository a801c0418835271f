/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/request.h"
#include "manager/move.h"
#include "manager/publish.h"
#include "manager/retry.h"

/* Carries out what was decided, one operation at a time; each ends in an evaluation. */

typedef enum OperatorState {
        OPERATOR_IDLE,
        OPERATOR_PROBING,           /* .probe asks Windows for a port that sshd is about to bind */
        OPERATOR_MOVING,            /* .move has sshd listen elsewhere, or starts it */
        OPERATOR_CHANGING_UNITS,    /* .sequence: another unit is to listen from now on */
        OPERATOR_HAVING_UNITS_READ, /* .sequence: systemd reads what an earlier run has written */
} OperatorState;

typedef struct Operator {
        Context *c;
        Observer *observer;
        Publisher *publisher;

        OperatorState state;
        Child *probe;
        Move *move;
        Sequence *sequence;
        Decision decision; /* what is under way, or else the last one */
        bool rehearsed;    /* with this configuration sshd has taken our file in */

        Retry retry;
        sd_event_source *look_home_timer;
        PendingRequest request;
        bool by_request; /* somebody asked for the port that sshd was moved to */
} Operator;

void operator_init(Operator *op, Context *c, Observer *observer, Publisher *publisher);
void operator_done(Operator *op);

/* Takes note of what the units have come to. Returns true where systemd has to read first what an earlier
 * run has written: that is under way now. */
bool operator_catch_up(Operator *op);

/* What somebody asked for, and what is postponed. */
void operator_fill(const Operator *op, Snapshot *snapshot);

/* Begins what was decided; where nothing is to be done, answers who has asked, and sees to a later try. */
void operator_carry_out(Operator *op, const Snapshot *snapshot, const Decision *decision);

/* As BusObjectHandlers's. */
int operator_take_request(Operator *op, Request request, uint16_t port, sd_bus_message *call);
