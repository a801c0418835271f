/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/listen-address.h"

#include <ctype.h>
#include <strings.h>

bool listen_address_sets_port(const char *address) {
        const char *colon = strchr(address, ':');

        /* An IPv6 address has colons of its own; with a port it stands in brackets. */
        if (address[0] == '[')
                return strstr(address, "]:");
        return colon && !strchr(colon + 1, ':');
}

bool listen_address_is_loopback(const char *address) {
        address += address[0] == '[';
        return startswith(address, "127.") || strncasecmp(address, "localhost", strlen("localhost")) == 0 ||
               (startswith(address, "::1") && !isxdigit((unsigned char) address[3]) && address[3] != ':');
}

typedef struct Search {
        bool (*matches)(const char *address);
        ListenAddressLine *found;
} Search;

static int on_line(const ConfigLine *line, void *userdata) {
        const char *address = words_next(line->words);
        const Search *search = userdata;
        ListenAddressLine found = { .place = line->place };

        if (strcasecmp(line->words, "listenaddress") != 0 || !search->matches(address))
                return 0;
        snprintf(found.text, sizeof(found.text), "%s %s", line->words, address);
        for (char *c = found.text; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = ' ';
        *search->found = found;
        return 1;
}

int listen_address_find(const char *root, const char *options, bool (*matches)(const char *address),
                        ListenAddressLine *ret) {
        Search search = { matches, ret };

        return config_walk_sshd(root, options, on_line, &search) > 0;
}
