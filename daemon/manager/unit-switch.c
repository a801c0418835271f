/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/unit-switch.h"

#include "manager/move.h"
#include "windows/bindprobe.h"

struct UnitSwitch {
        sd_event *event;
        sd_bus *bus;
        SwitchRequest request;
        char program[256], options[SSHD_COMMAND_SIZE];
        Child *probe;
        SshdInquiry *sshd;
        Sequence *sequence;
        bool works; /* the steps have begun */
        SwitchHandler handler;
        void *userdata;
};

UnitSwitch *unit_switch_free(UnitSwitch *s) {
        if (!s)
                return NULL;

        child_free(s->probe);
        sshd_inquiry_free(s->sshd);
        sequence_free(s->sequence);
        sd_bus_unref(s->bus);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

bool unit_switch_is_at_end(const UnitSwitch *s) {
        return s->works && sequence_is_at_end(s->sequence);
}

static int unit_switch_begin_jobs(UnitSwitch *s) {
        const DisabledSocket *units = &s->request.units;
        int r = s->request.noted ? store_write_disabled_socket(units) : 0;

        if (r >= 0)
                r = sequence_start(s->bus, &s->request.plan, units->service, units->socket, s->handler,
                                   s->userdata, &s->sequence);
        s->works = r >= 0;
        return r;
}

/* Whoever listened may have been stopped by its owner meanwhile. */
static void unit_switch_on_look(int result, const char *word, void *userdata) {
        UnitSwitch *s = userdata;

        if (result >= 0) {
                s->sequence = sequence_free(s->sequence);
                result = unit_switch_begin_jobs(s);
                word = result < 0 ? strerrordesc_np(-result) : "";
        }
        if (result < 0)
                s->handler(result, word, s->userdata);
}

static void unit_switch_on_answer(const SshdAnswer *answer, void *userdata) {
        UnitSwitch *s = userdata;
        Plan look = { 0 };
        char text[sizeof(answer->detail) + 64];
        int r;

        if (answer->verdict != SSHD_VERDICT_VALID) {
                snprintf(text, sizeof(text), "sshd does not accept its configuration: %s", answer->detail);
                s->handler(answer->verdict == SSHD_VERDICT_UNKNOWN ? -EAGAIN : -EBADMSG, text, s->userdata);
                return;
        }
        plan_add(&look, JOB_LOOK, s->request.socket);
        r = sequence_start(s->bus, &look, s->request.units.service, s->request.units.socket,
                           unit_switch_on_look, s, &s->sequence);
        if (r < 0)
                s->handler(r, strerrordesc_np(-r), s->userdata);
}

static int unit_switch_ask_sshd(UnitSwitch *s) {
        return sshd_ask(s->event, s->program, s->options, NULL, unit_switch_on_answer, s, &s->sshd);
}

/* A unit listens there, and the kernel refuses the bind for that. What counts is that Windows has answered. */
static void unit_switch_on_probed(const ChildResult *result, void *userdata) {
        char detail[BINDPROBE_DETAIL_SIZE], text[160];
        BindAnswer answer = bindprobe_read(result, detail);
        UnitSwitch *s = userdata;
        int r;

        if (answer != BIND_FREE && answer != BIND_REFUSED_BY_LINUX) {
                snprintf(text, sizeof(text), "%u could not be bound again: %s", s->request.port,
                         bind_answer_to_string(answer));
                s->handler(-EADDRNOTAVAIL, text, s->userdata);
                return;
        }
        r = unit_switch_ask_sshd(s);
        if (r < 0)
                s->handler(r, strerrordesc_np(-r), s->userdata);
}

int unit_switch_start(sd_event *event, sd_bus *bus, const SwitchRequest *request, SwitchHandler handler,
                      void *userdata, UnitSwitch **ret) {
        _cleanup_(unit_switch_freep) UnitSwitch *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;

        s->event = sd_event_ref(event);
        s->bus = sd_bus_ref(bus);
        s->request = *request;
        s->handler = handler;
        s->userdata = userdata;
        snprintf(s->program, sizeof(s->program), "%s", strempty(request->program));
        if (request->options)
                memcpy(s->options, request->options, sizeof(s->options));
        /* The unit itself has 0.0.0.0, of which WSL would remember the answer. */
        r = !request->runs       ? unit_switch_begin_jobs(s)
            : request->port == 0 ? unit_switch_ask_sshd(s)
                                 : bindprobe_start(event, "127.0.0.1", request->port, PROBE_TIMEOUT,
                                                   unit_switch_on_probed, s, &s->probe);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}
