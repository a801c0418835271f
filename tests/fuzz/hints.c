/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/root.h"
#include "sshd/hints.h"

/* The files of ufw, firewalld and SELinux, whatever stands there. Each hint is a line of ours with the port
 * in it, and a rule that lets the port through is found among any others.
 *
 * The input: the port, which files are there, and the text of each up to a NUL. */

static const char *const paths[] = { "/etc/ufw/ufw.conf", "/etc/ufw/user.rules", "/run/firewalld.pid",
                                     "/etc/firewalld/zones/home.xml", "/usr/lib/firewalld/zones/public.xml",
                                     "/sys/fs/selinux/enforce", "/var/lib/selinux/targeted/active/ports.local" };

/* @before, the text that is there, @behind. */
static void put_around(const char *path, const char *before, const char *text, const char *behind) {
        char *around = NULL;

        require(asprintf(&around, "%s%s%s", before, text, behind) >= 0);
        fuzz_root_put(path, around);
}

typedef struct Said {
        uint16_t port;
        unsigned n;
} Said;

static void on_hint(const char *text, void *userdata) {
        Said *said = userdata;
        char number[8];

        snprintf(number, sizeof(number), "%u", said->port);
        require(fuzz_is_printable(text, 200) && strstr(text, number) && strstr(text, " only with: "));
        said->n++;
}

/* Adds one more rule, in each one's own form. */
static void try_allowed(uint16_t port, char *const texts[]) {
        char record[200];

        snprintf(record, sizeof(record), "\n### tuple ### allow tcp %u 0.0.0.0/0 any 0.0.0.0/0 in\n", port);
        put_around(paths[1], "", texts[1], record);
        require(hints_allows(fuzz_root, HINT_UFW, port) == 1);

        snprintf(record, sizeof(record), "<port port=\"%u\" protocol=\"tcp\"/>", port);
        put_around(paths[3], record, texts[3], "");
        require(hints_allows(fuzz_root, HINT_FIREWALLD, port) == 1);

        snprintf(record, sizeof(record), "\nportcon tcp %u system_u:object_r:ssh_port_t:s0\n", port);
        put_around(paths[6], "", texts[6], record);
        require(hints_allows(fuzz_root, HINT_SELINUX, port) == 1);

        require(hints_for_port(fuzz_root, port, on_hint, &(Said){ .port = port }) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        Said said = { .port = fuzz_u16(&input) ?: 22 };
        uint8_t there = fuzz_byte(&input);
        char *texts[ELEMENTSOF(paths)];
        unsigned n = 0;

        fuzz_root_make(paths, ELEMENTSOF(paths));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                texts[i] = (there & 1U << i) ? fuzz_text(&input, '\0') : NULL;
                if (texts[i])
                        put_around(paths[i], "", texts[i], "");
        }

        for (Hint hint = 0; hint < _HINT_MAX; hint++) {
                int on = hints_is_on(fuzz_root, hint), allows = hints_allows(fuzz_root, hint, said.port);

                require((on == 1 || on == 0) && (allows == 1 || allows == 0));
                n += on > 0 && allows == 0;
        }
        require(hints_for_port(fuzz_root, said.port, on_hint, &said) == n && said.n == n);

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                texts[i] = texts[i] ?: strdup("");
        try_allowed(said.port, texts);

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                free(texts[i]);
        fuzz_files_clear();
        return 0;
}
