/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"

void ctl_json_add_text(json_object *object, const char *key, const char *text) {
        json_object_object_add(object, key, json_object_new_string(text));
}

void ctl_json_add_number(json_object *object, const char *key, uint64_t number) {
        json_object_object_add(object, key, json_object_new_int64((int64_t) number));
}

json_object *ctl_json_listeners(const Status *status) {
        json_object *array = json_object_new_array();

        for (const StatusListener *l = status->listeners; l < status->listeners + status->n_listeners; l++) {
                json_object *object = json_object_new_object();

                ctl_json_add_text(object, "Address", l->address);
                ctl_json_add_number(object, "Port", l->port);
                ctl_json_add_text(object, "Holder", holder_to_string(l->holder));
                ctl_json_add_text(object, "Unit", l->unit);
                json_object_array_add(array, object);
        }
        return array;
}

static json_object *reachable_array(const Status *status) {
        json_object *array = json_object_new_array();

        for (const StatusAddress *a = status->reachable; a < status->reachable + status->n_reachable; a++) {
                json_object *object = json_object_new_object();

                ctl_json_add_text(object, "Address", a->address);
                ctl_json_add_text(object, "Kind", address_kind_to_string(a->kind));
                json_object_array_add(array, object);
        }
        return array;
}

json_object *ctl_json_status(const Status *status) {
        json_object *object = json_object_new_object();

        ctl_json_add_text(object, "Version", status->version);
        ctl_json_add_text(object, "NetworkingMode", networking_mode_to_string(status->mode));
        ctl_json_add_text(object, "State", state_to_string(status->state));
        ctl_json_add_text(object, "Cause", cause_to_string(status->cause));
        ctl_json_add_text(object, "Reason", status->reason);
        ctl_json_add_number(object, "HomePort", status->home_port);
        ctl_json_add_text(object, "HomePortHolder", holder_to_string(status->home_holder));
        ctl_json_add_text(object, "HomePortHolderDetail", status->home_detail);
        ctl_json_add_number(object, "Port", status->port);
        ctl_json_add_text(object, "Unit", status->unit);
        ctl_json_add_text(object, "Mechanism", mechanism_to_string(status->mechanism));
        json_object_object_add(object, "Listeners", ctl_json_listeners(status));
        ctl_json_add_number(object, "PinnedSessions", status->pinned_sessions);
        json_object_object_add(object, "Reachable", reachable_array(status));
        ctl_json_add_text(object, "ListenerWatch", status->listener_watch);
        ctl_json_add_text(object, "LastBind", bind_answer_to_string(status->last_bind));
        ctl_json_add_number(object, "LastChangeUSec", status->last_change);
        return object;
}

void ctl_json_print(json_object *object) {
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(object);
}

int ctl_show_status(Ctl *ctl, json_object *(*make)(const Status *status),
                    void (*print)(const Ctl *ctl, const Status *status)) {
        Status status;
        int r;

        r = ctl_get_status(ctl, &status);
        if (r == CTL_OK && ctl->line.options[OPTION_JSON])
                ctl_json_print(make(&status));
        else if (r == CTL_OK)
                print(ctl, &status);
        return r;
}
