/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/authorize.h"

#include "systemd/bus.h"

#define POLKIT "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY POLKIT ".Authority"

/* How many calls may be undecided. The bus daemon answers at once who a sender is; polkit takes its time. One
 * user can't fill all places: dbus-daemon allows him 256 connections (max_connections_per_user). */
#define CALLS_OF_SENDER_MAX 4
#define CALLS_OF_USER_MAX 4
#define CALLS_MAX 4096

/* D-Bus starts polkit for the first question. Interactively, somebody types a password. */
#define POLKIT_TIMEOUT (25 * USEC_PER_SEC)
#define POLKIT_INTERACTIVE_TIMEOUT (120 * USEC_PER_SEC)

/* org.freedesktop.PolicyKit1.Authority, CheckAuthorizationFlags */
#define POLKIT_ALLOW_USER_INTERACTION 1U

typedef struct Authorization {
        struct Authorization *next;
        Authorizer *authorizer;
        sd_bus_message *call;
        sd_bus_slot *slot; /* the open question to the bus daemon or to polkit */
        const char *action;
        AuthorizedCall carry_out;
        void *userdata;
        uint32_t uid; /* the user about whom polkit is asked; 0: polkit isn't asked yet */
} Authorization;

static void authorization_end(Authorization *a) {
        Authorization **place = &a->authorizer->first;

        while (*place != a)
                place = &(*place)->next;
        *place = a->next;
        sd_bus_slot_unref(a->slot);
        sd_bus_message_unref(a->call);
        free(a);
}

void authorizer_forget(Authorizer *authorizer) {
        while (authorizer->first)
                authorization_end(authorizer->first);
}

static void authorization_refuse(Authorization *a, const char *error, const char *why) {
        (void) sd_bus_reply_method_errorf(a->call, error, "Permission denied: %s", why);
        authorization_end(a);
}

static void authorization_grant(Authorization *a, uint32_t uid) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = sd_bus_message_ref(a->call);
        AuthorizedCall carry_out = a->carry_out;
        void *userdata = a->userdata;

        authorization_end(a);
        carry_out(call, uid, userdata);
}

static int authorization_on_polkit(sd_bus_message *m, void *userdata, sd_bus_error *) {
        Authorization *a = userdata;
        int authorized, challenge;

        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                authorization_refuse(a, SD_BUS_ERROR_ACCESS_DENIED, "without polkit, only root may do this");
        else if (sd_bus_message_is_method_error(m, NULL) ||
                 sd_bus_message_enter_container(m, 'r', "bba{ss}") <= 0 ||
                 sd_bus_message_read(m, "bb", &authorized, &challenge) <= 0)
                authorization_refuse(a, SD_BUS_ERROR_ACCESS_DENIED, "polkit has not answered");
        else if (authorized)
                authorization_grant(a, a->uid);
        else if (challenge)
                authorization_refuse(a, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                     "polkit wants to ask the user, and can't");
        else
                authorization_refuse(a, SD_BUS_ERROR_ACCESS_DENIED, "polkit doesn't allow it");
        return 0;
}

static int authorization_ask_polkit(Authorization *a) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int interactive = sd_bus_message_get_allow_interactive_authorization(a->call);
        int r;

        r = sd_bus_message_new_method_call(sd_bus_message_get_bus(a->call), &m, POLKIT, POLKIT_PATH,
                                           POLKIT_AUTHORITY, "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(a->call), a->action, 0,
                                          interactive > 0 ? POLKIT_ALLOW_USER_INTERACTION : 0U, "");
        if (r < 0)
                return r;

        return sd_bus_call_async(sd_bus_message_get_bus(a->call), &a->slot, m, authorization_on_polkit, a,
                                 interactive > 0 ? POLKIT_INTERACTIVE_TIMEOUT : POLKIT_TIMEOUT);
}

/* How many calls of the user @uid, who isn't root, are at polkit. */
static size_t authorizer_count(const Authorizer *authorizer, uint32_t uid) {
        size_t n = 0;

        for (const Authorization *a = authorizer->first; a; a = a->next)
                n += a->uid == uid;
        return n;
}

static int authorization_on_user(sd_bus_message *m, void *userdata, sd_bus_error *) {
        Authorization *a = userdata;
        uint32_t uid;
        int r;

        a->slot = sd_bus_slot_unref(a->slot);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &uid) < 0)
                authorization_refuse(a, SD_BUS_ERROR_ACCESS_DENIED,
                                     "the bus daemon doesn't know the caller");
        else if (uid == 0 || !a->action)
                authorization_grant(a, uid);
        else if (authorizer_count(a->authorizer, uid) >= CALLS_OF_USER_MAX)
                authorization_refuse(a, BUS_ERROR_BUSY,
                                     "polkit is still deciding about other calls of this user");
        else {
                a->uid = uid;
                r = authorization_ask_polkit(a);
                if (r < 0)
                        authorization_refuse(a, SD_BUS_ERROR_NO_MEMORY, strerrordesc_np(-r));
        }
        return 0;
}

static bool authorizer_is_full(const Authorizer *authorizer, const char *sender) {
        size_t n = 0, n_of_sender = 0;

        for (const Authorization *a = authorizer->first; a; a = a->next, n++)
                n_of_sender += streq(sd_bus_message_get_sender(a->call), sender);
        return n >= CALLS_MAX || n_of_sender >= CALLS_OF_SENDER_MAX;
}

int authorizer_ask(Authorizer *authorizer, sd_bus_message *call, const char *action,
                   AuthorizedCall carry_out, void *userdata) {
        const char *sender = sd_bus_message_get_sender(call);
        Authorization *a;
        int r;

        if (authorizer_is_full(authorizer, sender))
                return sd_bus_reply_method_errorf(call, BUS_ERROR_BUSY, "too many calls at once; try again");

        a = malloc(sizeof(*a));
        if (!a)
                return -ENOMEM;
        *a = (Authorization){
                .next = authorizer->first,
                .authorizer = authorizer,
                .call = sd_bus_message_ref(call),
                .action = action,
                .carry_out = carry_out,
                .userdata = userdata,
        };
        authorizer->first = a;
        r = sd_bus_call_method_async(sd_bus_message_get_bus(call), &a->slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixUser", authorization_on_user, a, "s", sender);
        if (r < 0) {
                authorization_end(a);
                return r;
        }
        return 1;
}
