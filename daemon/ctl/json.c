/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"

void ctl_json_add_text(json_object *object, const char *key, const char *text) {
        json_object_object_add(object, key, json_object_new_string(text));
}

void ctl_json_add_number(json_object *object, const char *key, uint64_t number) {
        json_object_object_add(object, key, json_object_new_int64((int64_t) number));
}

static json_object *object_of(const StatusMember *members, const char *of);

static json_object *value_of(const StatusMember *member, const char *of) {
        const char *value = of + member->offset;

        switch (member->type[0]) {
        case 'q':
                return json_object_new_int64(*(const uint16_t *) value);
        case 'u':
                return json_object_new_int64(*(const uint32_t *) value);
        case 't':
                return json_object_new_int64(*(const int64_t *) value);
        default:
                return json_object_new_string(
                                member->words ? word_list_get(member->words, *(const unsigned *) value)
                                              : value);
        }
}

static json_object *list_of(const StatusMember *list, const char *status) {
        const char *item = status + list->offset;
        json_object *array = json_object_new_array();

        for (size_t n = *(const size_t *) (status + list->n_offset); n > 0; n--, item += list->item_size)
                json_object_array_add(array, object_of(list->items, item));
        return array;
}

/* NOLINTNEXTLINE(misc-no-recursion): the items of a list have no lists */
static json_object *object_of(const StatusMember *members, const char *of) {
        json_object *object = json_object_new_object();

        for (; members->name; members++)
                json_object_object_add(object, members->name,
                                       (members->items ? list_of : value_of)(members, of));
        return object;
}

json_object *ctl_json_listeners(const Status *status) {
        return list_of(status_find_member("Listeners"), (const char *) status);
}

json_object *ctl_json_status(const Status *status) {
        return object_of(status_members, (const char *) status);
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
