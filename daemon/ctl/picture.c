/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/picture.h"

#define FIELD_SIZE 2560
_Static_assert(FIELD_SIZE > STATUS_REACHABLE_MAX * (INET6_ADDRSTRLEN + sizeof("; port 65535 of ")) + 64,
               "room for all addresses");

#define ROWS_MAX 4
#define LABEL_COLUMNS 13 /* "  tailscale  " */
#define WINDOWS_COLUMNS 28
#define LINUX_COLUMN (9 + WINDOWS_COLUMNS + 2)
#define NEXT_COLUMNS 46 /* of what a command is for, and before the command */

typedef struct Picture {
        FILE *file;
        bool color;
        unsigned columns;
} Picture;

Style picture_style(State state) {
        return state == STATE_CLEAR || state == STATE_RELOCATED    ? STYLE_GOOD
               : state == STATE_CONFLICT || state == STATE_BLOCKED ? STYLE_BAD
                                                                   : STYLE_STRONG;
}

static void draw_styled(Picture *p, Style style, const char *text) {
        bool styled = p->color && style != STYLE_PLAIN;

        fprintf(p->file, "%s%s%s", style_sequence(styled, style), text, style_sequence(styled, STYLE_PLAIN));
}

/* Draws a label and its text, at most @n_lines of COLUMNS_FULL, or as much text in shorter lines. */
static void draw_field(Picture *p, const char *label, const char *text, unsigned n_lines) {
        char clean[FIELD_SIZE];

        if (p->columns < COLUMNS_FULL)
                n_lines = n_lines * COLUMNS_FULL / p->columns + 1;
        fprintf(p->file, "  %s%-*s%s", style_sequence(p->color, STYLE_FAINT), LABEL_COLUMNS - 2, label,
                style_sequence(p->color, STYLE_PLAIN));
        wrap_text(p->file, printable(text, clean, sizeof(clean)), LABEL_COLUMNS, p->columns, n_lines);
}

/* ── the ports ── */

static void draw_headline(Picture *p, const Status *s) {
        const char *state = state_to_string(s->state);
        char text[64] = "sshd is not up";

        if (s->port != 0 && s->state == STATE_RELOCATED && s->home_port != 0)
                snprintf(text, sizeof(text), "sshd is on port %u, away from %u", s->port, s->home_port);
        else if (s->port != 0)
                snprintf(text, sizeof(text), "sshd is on port %u%s", s->port,
                         s->state == STATE_CLEAR ? ", nothing is in its way" : "");

        draw_styled(p, picture_style(s->state), state);
        fputs(": ", p->file);
        wrap_text(p->file, text, (unsigned) strlen(state) + 2, p->columns, WRAP_NEVER);
}

static const char *windows_cell(const Status *s, Holder holder, const char *detail) {
        bool by_windows = holder_is_windows(holder);

        if (s->mode == MODE_NOT_WSL)
                return "(no Windows here)";
        if (by_windows && !isempty(detail))
                return detail;
        if (by_windows)
                return holder == HOLDER_WINDOWS_OPENSSH ? "OpenSSH" : "a program, or reserved";
        if (s->mode == MODE_NAT || s->mode == MODE_BRIDGED || s->mode == MODE_VIRTIOPROXY ||
            s->mode == MODE_NONE)
                return "(ports of its own)";
        return holder == HOLDER_UNKNOWN ? "not known" : "-";
}

/* The kernel's list of listeners is complete, whatever isn't known of Windows. */
static const char *linux_cell(const Status *s, uint16_t port, Holder holder, const char *detail) {
        if (holder_is_stranger(holder) && !isempty(detail))
                return detail;
        for (size_t i = 0; i < s->n_listeners && holder == HOLDER_UNKNOWN; i++)
                if (s->listeners[i].port == port)
                        return "a program, not known which";
        return holder == HOLDER_NONE           ? "free"
               : holder == HOLDER_LINUX        ? "another program"
               : holder == HOLDER_OTHER_DISTRO ? "another WSL distro"
                                               : "-";
}

static void draw_row(Picture *p, const Status *s, uint16_t port, Holder holder, const char *detail,
                     const char *unit) {
        const char *there = windows_cell(s, holder, detail);
        char cell[320], clean[320], number[16];

        if (holder == HOLDER_SSHD)
                snprintf(cell, sizeof(cell), isempty(unit) ? "sshd" : "sshd (%s)", unit);
        else if (port == s->home_port && s->pinned_sessions > 0)
                snprintf(cell, sizeof(cell), "%u open session%s", s->pinned_sessions,
                         s->pinned_sessions == 1 ? "" : "s");
        else
                snprintf(cell, sizeof(cell), "%s", linux_cell(s, port, holder, detail));

        snprintf(number, sizeof(number), "%7u", port);
        if (p->columns < COLUMNS_FULL) {
                draw_field(p, "port", number + strspn(number, " "), 1);
                draw_field(p, "Windows", there, 1);
                draw_field(p, "Linux", cell, 1);
                return;
        }
        draw_styled(p, port == s->port ? STYLE_STRONG : STYLE_PLAIN, number);
        fprintf(p->file, "  %-*s  ", WINDOWS_COLUMNS, printable(there, clean, WINDOWS_COLUMNS));
        wrap_text(p->file, printable(cell, clean, sizeof(clean)), LINUX_COLUMN, p->columns, 1);
}

/* A row for each port: the home port, sshd's port, and those of the other listeners. */
static void draw_sides(Picture *p, const Status *s) {
        uint16_t drawn[ROWS_MAX] = { 0 };
        size_t n = 0;

        if (s->home_port == 0 && s->port == 0 && s->n_listeners == 0)
                return;

        fputs("\n", p->file);
        if (p->columns >= COLUMNS_FULL)
                fprintf(p->file, "%s   port  %-*s  Linux%s\n", style_sequence(p->color, STYLE_FAINT),
                        WINDOWS_COLUMNS, "Windows", style_sequence(p->color, STYLE_PLAIN));
        if (s->home_port != 0) {
                drawn[n++] = s->home_port;
                draw_row(p, s, s->home_port, s->home_holder, s->home_detail, s->unit);
        }
        if (s->port != 0 && s->port != s->home_port) {
                drawn[n++] = s->port;
                draw_row(p, s, s->port, HOLDER_SSHD, "", s->unit);
        }
        for (size_t i = 0; i < s->n_listeners && n < ROWS_MAX; i++) {
                const StatusListener *listener = &s->listeners[i];

                if (port_is_one_of(listener->port, drawn, n))
                        continue;
                drawn[n++] = listener->port;
                draw_row(p, s, listener->port, listener->holder, "", listener->unit);
        }
}

/* ── the facts ── */

static const char *const modes[_MODE_MAX] = {
        [MODE_UNKNOWN] = "not known",
        [MODE_MIRRORED] = "mirrored: Windows and Linux share their ports",
        [MODE_CONSOMME] = "consomme: Windows and Linux share their ports",
        [MODE_NAT] = "nat: Windows and Linux each have their own ports",
        [MODE_BRIDGED] = "bridged: Windows and Linux each have their own ports",
        [MODE_VIRTIOPROXY] = "virtioproxy: Windows never refuses a port to Linux",
        [MODE_NONE] = "none: no network",
        [MODE_WSL1] = "wsl1: wslportd is for WSL 2",
        [MODE_NOT_WSL] = "this machine isn't WSL",
};

static void draw_reachable(Picture *p, const Status *s) {
        static const AddressKind order[] = { ADDRESS_TAILSCALE, ADDRESS_MESH, ADDRESS_LAN };

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                bool inside = mode_hides_lan(s->mode) && order[i] == ADDRESS_LAN;
                uint16_t before = 0;
                char text[FIELD_SIZE];
                size_t used = 0;

                for (size_t k = 0; k < s->n_reachable; k++) {
                        const char *address = s->reachable[k].address;
                        uint16_t port = status_port_at(s, address);

                        if (s->reachable[k].kind != order[i] || s->port == 0)
                                continue;
                        if (port != before)
                                used += snprintf(text + used, sizeof(text) - used, "%sport %u of %s",
                                                 before == 0 ? "" : "; ", port, address);
                        else
                                used += snprintf(text + used, sizeof(text) - used, ", %s", address);
                        before = port;
                }
                if (inside)
                        snprintf(text + used, sizeof(text) - used, "; localhost too");
                if (before != 0)
                        draw_field(p, inside ? "Windows" : address_kind_to_string(order[i]), text, 1);
        }
}

static void draw_since(Picture *p, const Status *s, uint64_t now) {
        static const struct {
                unsigned seconds;
                const char *name;
        } units[] = { { 86400, "days" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
        time_t since = (time_t) (s->last_change / USEC_PER_SEC);
        char text[64], ago[32] = "";
        struct tm local;

        if (s->last_change == 0 || !localtime_r(&since, &local) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
                return;

        if (now >= s->last_change) { /* clocks are set back too */
                uint64_t seconds = (now - s->last_change) / USEC_PER_SEC;
                size_t i = 0;

                while (i < ELEMENTSOF(units) - 1 && seconds < 2 * units[i].seconds)
                        i++;
                snprintf(ago, sizeof(ago), ", %u %s ago", (unsigned) (seconds / units[i].seconds),
                         units[i].name);
        }
        strcat(text, ago);
        draw_field(p, "since", text, 1);
}

static void draw_facts(Picture *p, const Status *s, uint64_t now) {
        char text[320];

        fprintf(p->file, "\n");
        /* In clear, a mode with separate ports is the whole reason, and has a line of its own. */
        if (s->reason[0] && (s->state != STATE_CLEAR || s->port == 0 || mode_shares_ports(s->mode)))
                draw_field(p, "why", s->reason, 4);
        draw_field(p, "networking", modes[(size_t) s->mode < _MODE_MAX ? s->mode : MODE_UNKNOWN], 1);
        if (!isempty(s->unit)) {
                snprintf(text, sizeof(text), s->mechanism == MECHANISM_NONE ? "%s" : "%s, moved by %s",
                         s->unit, mechanism_to_string(s->mechanism));
                draw_field(p, "unit", text, 2);
        }
        if (s->pinned_sessions > 0) {
                snprintf(text, sizeof(text),
                         "%u session%s still on %u; Windows can have it when the last one ends",
                         s->pinned_sessions, s->pinned_sessions == 1 ? "" : "s", s->home_port);
                draw_field(p, "pinned", text, 1);
        }
        draw_since(p, s, now);
        draw_reachable(p, s);
}

static void draw_next(Picture *p, const char *what, const char *command) {
        bool beside = p->columns >= NEXT_COLUMNS + strlen(command);

        fprintf(p->file, beside ? "  %-*s" : "  %-*s\n    ", beside ? NEXT_COLUMNS - 2 : 0, what);
        draw_styled(p, STYLE_STRONG, command);
        fprintf(p->file, "\n");
}

static void draw_mirrored(Picture *p) {
        fputs("\n", p->file);
        wrap_text(p->file,
                  "next, to reach it from other machines: in %UserProfile%\\.wslconfig (Windows 11)", 0,
                  p->columns, WRAP_NEVER);
        fputs("  [wsl2]\n"
              "  networkingMode=mirrored\n"
              "and then, in Windows: ",
              p->file);
        draw_styled(p, STYLE_STRONG, "wsl --shutdown");
        fprintf(p->file, "\n");
}

/* Draws the commands that let other machines reach sshd. */
static void draw_others(Picture *p, const Status *s) {
        for (size_t i = 0; i < s->n_reachable; i++)
                if (mode_shares_ports(s->mode) &&
                    (s->reachable[i].kind == ADDRESS_LAN || s->reachable[i].kind == ADDRESS_TAILSCALE)) {
                        draw_next(p, "the rule for Windows' firewall:", "wslportctl firewall");
                        break;
                }
        draw_next(p, "the ssh configuration of clients:", "wslportctl ssh-config");
}

static void draw_to_do(Picture *p, const Status *s) {
        char text[64];

        if (s->mode == MODE_WSL1) {
                fputs("\n", p->file);
                wrap_text(p->file,
                          "next, to change to WSL 2: on Windows, with the distro's name from `wsl --list`",
                          0, p->columns, WRAP_NEVER);
                fputs("  ", p->file);
                draw_styled(p, STYLE_STRONG, "wsl --set-version NAME 2");
                fprintf(p->file, "\n");
        } else if (s->state == STATE_RELOCATED && s->port != 0) {
                fprintf(p->file, "\nnext\n");
                draw_others(p, s);
                if (s->home_holder == HOLDER_NONE) {
                        snprintf(text, sizeof(text), "%u is free; to go back:", s->home_port);
                        draw_next(p, text, "wslportctl restore");
                }
        } else if ((s->state != STATE_CLEAR && s->state != STATE_UNMANAGED) || s->port == 0) {
                bool absent = s->state == STATE_UNMANAGED && isempty(s->unit);

                fprintf(p->file, "\nnext\n");
                draw_next(p, absent ? "how to install sshd:" : "what is wrong, and what to do:",
                          "wslportctl diagnose");
        } else if (s->mode == MODE_NAT || s->mode == MODE_VIRTIOPROXY || s->mode == MODE_NONE)
                draw_mirrored(p);
        else if (s->mode == MODE_NOT_WSL)
                fprintf(p->file, "\nnothing to do\n");
        else {
                fprintf(p->file, "\nnext, to reach it from other machines\n");
                draw_others(p, s);
        }
}

void picture_draw(FILE *file, const Status *status, bool color, unsigned columns, uint64_t now) {
        Picture p = { .file = file, .color = color, .columns = columns };

        draw_headline(&p, status);
        draw_sides(&p, status);
        draw_facts(&p, status, now);
        draw_to_do(&p, status);
}

const char *picture_absence(NetworkingMode mode) {
        if (mode == MODE_NOT_WSL)
                return "this isn't WSL: wslportd doesn't run here, and no Windows can hold sshd's port (to "
                       "see more: wslportctl diagnose)";
        if (mode == MODE_WSL1)
                return "this is WSL 1, and wslportd needs WSL 2; on Windows: wsl --set-version NAME 2";
        return NULL;
}
