/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"

#include "ctl/ctl.h"

bool ctl_json_add(json_object *object, const char *key, json_object *value) {
        if (object && value && json_object_object_add(object, key, value) == 0)
                return true;

        json_object_put(value);
        return false;
}

bool ctl_json_add_text(json_object *object, const char *key, const char *text) {
        return ctl_json_add(object, key, json_object_new_string(text));
}

bool ctl_json_add_number(json_object *object, const char *key, uint64_t number) {
        return ctl_json_add(object, key, json_object_new_int64((int64_t) number));
}

bool ctl_json_append(json_object *array, json_object *value) {
        if (array && value && json_object_array_add(array, value) == 0)
                return true;

        json_object_put(value);
        return false;
}

static json_object *listener_object(const StatusListener *listener) {
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!ctl_json_add_text(object, "Address", listener->address) ||
            !ctl_json_add_number(object, "Port", listener->port) ||
            !ctl_json_add_text(object, "Holder", holder_to_string(listener->holder)) ||
            !ctl_json_add_text(object, "Unit", listener->unit))
                return NULL;
        return TAKE_PTR(object);
}

json_object *ctl_json_listeners(const Status *status) {
        _cleanup_json_ json_object *array = json_object_new_array();

        for (size_t i = 0; i < status->n_listeners; i++)
                if (!ctl_json_append(array, listener_object(&status->listeners[i])))
                        return NULL;
        return TAKE_PTR(array);
}

static json_object *address_object(const StatusAddress *address) {
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!ctl_json_add_text(object, "Address", address->address) ||
            !ctl_json_add_text(object, "Kind", address_kind_to_string(address->kind)))
                return NULL;
        return TAKE_PTR(object);
}

static json_object *reachable_array(const Status *status) {
        _cleanup_json_ json_object *array = json_object_new_array();

        for (size_t i = 0; i < status->n_reachable; i++)
                if (!ctl_json_append(array, address_object(&status->reachable[i])))
                        return NULL;
        return TAKE_PTR(array);
}

json_object *ctl_json_status(const Status *status) {
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!ctl_json_add_text(object, "NetworkingMode", networking_mode_to_string(status->mode)) ||
            !ctl_json_add_text(object, "State", state_to_string(status->state)) ||
            !ctl_json_add_text(object, "Reason", status->reason) ||
            !ctl_json_add_number(object, "HomePort", status->home_port) ||
            !ctl_json_add_text(object, "HomePortHolder", holder_to_string(status->home_holder)) ||
            !ctl_json_add_text(object, "HomePortHolderDetail", status->home_detail) ||
            !ctl_json_add_number(object, "Port", status->port) ||
            !ctl_json_add_text(object, "Unit", status->unit) ||
            !ctl_json_add_text(object, "Mechanism", mechanism_to_string(status->mechanism)) ||
            !ctl_json_add(object, "Listeners", ctl_json_listeners(status)) ||
            !ctl_json_add_number(object, "PinnedSessions", status->pinned_sessions) ||
            !ctl_json_add(object, "Reachable", reachable_array(status)) ||
            !ctl_json_add_text(object, "ListenerWatch", strempty(status->listener_watch)) ||
            !ctl_json_add_number(object, "LastChangeUSec", status->last_change))
                return NULL;
        return TAKE_PTR(object);
}

int ctl_json_print(json_object *unowned) {
        _cleanup_json_ json_object *object = unowned;
        const char *text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE)
                                  : NULL;

        if (!text)
                return ctl_error(CTL_FAILED, "%s", strerrordesc_np(ENOMEM));
        puts(text);
        return CTL_OK;
}
