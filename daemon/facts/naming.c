/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/naming.h"

#include "windows/greeting.h"
#include "windows/inquiry.h"

/* Windows' programs take a second or two, and longer while Windows itself comes up. */
#define WINDOWS_TIMEOUT (10 * USEC_PER_SEC)

struct Naming {
        sd_event *event;
        const Log *log;
        const Config *config;
        Ports *ports;
        NamingHandler handler;
        void *userdata;

        Child *greeting;
        uint16_t greeting_port; /* the port whose greeting *greeting reads */
        bool looking;    /* it is only to see whether the port is free again */
        PortSet greeted; /* the ports that were asked since they were last forgotten */
        Inquiry *windows;
        uint16_t asked; /* the port whose holder *windows names */
};

static const char no_listener[] = "no listener: a reserved or excluded port";

Naming *naming_free(Naming *n) {
        if (!n)
                return NULL;

        child_free(n->greeting);
        inquiry_free(n->windows);
        free(n);
        return NULL;
}

static void naming_on_program(const WindowsAnswer *answer, void *userdata) {
        Naming *n = userdata;
        PortFact *fact = ports_find(n->ports, n->asked) ? ports_get(n->ports, n->asked) : NULL;
        char detail[sizeof(fact->detail)];

        if (answer->error < 0)
                log_message(n->log, LOG_INFO, "Windows does not tell which program has port %u: %s",
                            n->asked, strerrordesc_np(-answer->error));
        else if (answer->holder[0] && fact &&
                 (fact->holder == HOLDER_WINDOWS || fact->holder == HOLDER_WINDOWS_OPENSSH)) {
                bool greets = fact->detail[0] && !streq(fact->detail, no_listener);

                snprintf(detail, sizeof(detail), "%s%s%.44s", answer->holder, greets ? ", " : "",
                         greets ? fact->detail : "");
                memcpy(fact->detail, detail, sizeof(detail));
        }

        n->windows = inquiry_free(n->windows); /* and *answer with it */
        n->handler(n->userdata);
}

/* Which program it is, only Windows can tell, and only where it may be asked. */
static void naming_ask_program(Naming *n, uint16_t port) {
        int r;

        if (!n->config->interop || n->windows)
                return;

        n->asked = port;
        r = inquiry_start(n->event, WINDOWS_HOLDER, port, WINDOWS_TIMEOUT, naming_on_program, n, &n->windows);
        if (r < 0)
                log_message(n->log, LOG_INFO, "Windows can't be asked which program has port %u: %s", port,
                            strerrordesc_np(-r));
}

/* By its greeting. One that is known already keeps its name. */
static void naming_set_holder(Naming *n, PortFact *fact, Holder holder, const char *detail) {
        size_t known = strlen(fact->detail), length = strlen(detail);

        if (fact->holder == holder && known >= length && streq(fact->detail + known - length, detail))
                return;

        fact->holder = holder;
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
        naming_ask_program(n, fact->port);
}

static void naming_note_greeting(Naming *n, PortFact *fact, Greeting greeting, const char *software) {
        switch (greeting) {
        case GREETING_WINDOWS_OPENSSH:
                naming_set_holder(n, fact, HOLDER_WINDOWS_OPENSSH, software);
                break;
        case GREETING_SSH:
                naming_set_holder(n, fact, HOLDER_WINDOWS, software);
                break;
        case GREETING_OTHER:
                naming_set_holder(n, fact, HOLDER_WINDOWS, "a program that does not greet as SSH");
                break;
        case GREETING_REFUSED:
        case GREETING_UNKNOWN:
        default:
                if (fact->bind == BIND_REFUSED_BY_WINDOWS && !n->looking) {
                        if (greeting == GREETING_REFUSED)
                                snprintf(fact->detail, sizeof(fact->detail), "%s", no_listener);
                        naming_ask_program(n, fact->port); /* it may listen on another address */
                } else
                        /* One that nobody listens on can hang instead of refusing: that may be free, too. */
                        *fact = (PortFact){ .port = fact->port, .holder_left = true };
        }
}

static void naming_on_greeting(const ChildResult *result, void *userdata) {
        Naming *n = userdata;
        PortFact *fact = ports_get(n->ports, n->greeting_port);
        char software[GREETING_SOFTWARE_SIZE];
        Greeting greeting = greeting_read(result, software);

        if (fact)
                naming_note_greeting(n, fact, greeting, software);
        n->greeting = child_free(n->greeting);
        n->handler(n->userdata);
}

static void naming_greet(Naming *n, uint16_t port, bool looking) {
        int r;

        n->looking = looking;
        n->greeting_port = port;
        r = greeting_start(n->event, port, n->config->probe_timeout, naming_on_greeting, n, &n->greeting);
        if (r < 0)
                log_message(n->log, LOG_DEBUG, "Port %u could not be asked for a greeting: %s", port,
                            strerrordesc_np(-r));
}

bool naming_is_asking(const Naming *n) {
        return n->greeting || n->windows;
}

void naming_ask(Naming *n, uint16_t port) {
        if (naming_is_asking(n) || port_set_has(&n->greeted, port))
                return;

        port_set_add(&n->greeted, port);
        naming_greet(n, port, false);
}

void naming_look(Naming *n, uint16_t port) {
        if (!n->greeting)
                naming_greet(n, port, true);
}

void naming_forget(Naming *n, uint16_t port) {
        if (port == 0)
                n->greeted = (PortSet){ 0 };
        else
                port_set_remove(&n->greeted, port);
}

int naming_new(sd_event *event, const Log *log, const Config *config, Ports *ports, NamingHandler handler,
               void *userdata, Naming **ret) {
        Naming *n;

        n = malloc(sizeof(*n));
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
