/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/naming.h"

#include "windows/inquiry.h"

/* Windows' programs take a second or two, and longer while Windows itself comes up. */
#define WINDOWS_TIMEOUT (10 * USEC_PER_SEC)

struct Naming {
        sd_event *event;
        const Log *log;
        const Config *config;
        Ports *ports;
        ChangeHandler handler;
        void *userdata;

        Child *greeting;
        uint16_t greeting_port; /* the port that *greeting asks */
        bool only_looks;        /* *greeting only asks whether the port is free again */
        Inquiry *inquiry;
        uint16_t inquiry_port; /* the port that *inquiry asks about */
};

static const char no_listener[] = "no listener: a reserved or excluded port";
static const char no_more[] = "its sshd, which does not answer any more";

void naming_free(Naming *n) {
        if (!n)
                return;

        child_free(n->greeting);
        inquiry_free(n->inquiry);
        free(n);
}

static void naming_on_program(const WindowsAnswer *answer, void *userdata) {
        Naming *n = userdata;
        PortFact *fact = ports_find(n->ports, n->inquiry_port) ? ports_get(n->ports, n->inquiry_port) : NULL;

        if (answer->error < 0)
                log_message(n->log, LOG_INFO, "Windows does not tell which program has port %u: %s",
                            n->inquiry_port, strerrordesc_np(-answer->error));
        else if (answer->holder[0] && fact && holder_is_windows(fact->holder)) {
                bool greets = fact->detail[0] && !streq(fact->detail, no_listener) &&
                              !streq(fact->detail, no_more);
                char greeting[sizeof(fact->detail)];

                memcpy(greeting, fact->detail, sizeof(greeting));
                snprintf(fact->detail, sizeof(fact->detail), "%s%s%.44s", answer->holder, greets ? ", " : "",
                         greets ? greeting : "");
        }

        n->inquiry = inquiry_free(n->inquiry); /* and *answer with it */
        n->handler(n->userdata);
}

/* Asks Windows for the name of the port's program. */
static void naming_ask_program(Naming *n, uint16_t port) {
        int r;

        if (!n->config->interop || n->inquiry)
                return;

        n->inquiry_port = port;
        r = inquiry_start(n->event, WINDOWS_HOLDER, port, WINDOWS_TIMEOUT, naming_on_program, n,
                          &n->inquiry);
        if (r < 0)
                log_message(n->log, LOG_INFO, "Windows can't be asked which program has port %u: %s", port,
                            strerrordesc_np(-r));
}

static void naming_note_windows(Naming *n, PortFact *fact, Holder holder, const char *detail) {
        size_t known = strlen(fact->detail), length = strlen(detail);

        /* The program's name stands before the greeting, and stays while the greeting is the same. */
        if (fact->holder == holder && known >= length && streq(fact->detail + known - length, detail))
                return;

        fact->holder = holder;
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
        naming_ask_program(n, fact->port);
}

static void naming_on_greeting(const ChildResult *result, void *userdata) {
        Naming *n = userdata;
        PortFact *fact = ports_get(n->ports, n->greeting_port);
        char detail[GREETING_SOFTWARE_SIZE];
        Holder holder = greeter_read(result, detail);

        if (fact && holder_is_windows(holder))
                naming_note_windows(n, fact, holder, detail);
        else if (fact && fact->bind == BIND_REFUSED_BY_WINDOWS && !n->only_looks) {
                if (holder == HOLDER_NONE)
                        snprintf(fact->detail, sizeof(fact->detail), "%s",
                                 fact->holder == HOLDER_WINDOWS_OPENSSH ? no_more : no_listener);
                naming_ask_program(n, fact->port); /* it may listen on another address */
        } else if (fact)
                /* A port without a listener may hang instead of refusing, so no answer can mean a free port too. */
                *fact = (PortFact){
                        .port = fact->port, .holder_left = true, .greeted = fact->greeted, .told = fact->told
                };
        n->greeting = child_free(n->greeting);
        n->handler(n->userdata);
}

static void naming_greet(Naming *n, uint16_t port, bool only_looks) {
        int r;

        n->only_looks = only_looks;
        n->greeting_port = port;
        r = greeter_start(n->event, port, n->config->probe_timeout, naming_on_greeting, n, &n->greeting);
        if (r < 0)
                log_message(n->log, LOG_DEBUG, "Port %u could not be asked for a greeting: %s", port,
                            strerrordesc_np(-r));
}

bool naming_is_asking(const Naming *n) {
        return n->greeting || n->inquiry;
}

void naming_ask(Naming *n, uint16_t port) {
        PortFact *fact = ports_get(n->ports, port);

        if (naming_is_asking(n) || !fact || fact->greeted)
                return;

        fact->greeted = true;
        naming_greet(n, port, false);
}

void naming_look(Naming *n, uint16_t port) {
        if (!n->greeting)
                naming_greet(n, port, true);
}

int naming_new(sd_event *event, const Log *log, const Config *config, Ports *ports, ChangeHandler handler,
               void *userdata, Naming **ret) {
        Naming *n = malloc(sizeof(*n));

        if (!n)
                return -ENOMEM;

        *n = (Naming){
                .event = event,
                .log = log,
                .config = config,
                .ports = ports,
                .handler = handler,
                .userdata = userdata,
        };
        *ret = n;
        return 0;
}
