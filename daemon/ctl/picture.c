/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/picture.h"

#include <stdarg.h>
#include <time.h>

#include "base/printable.h"
#include "base/style.h"

#define FIELD_SIZE 2048
_Static_assert(FIELD_SIZE > STATUS_REACHABLE_MAX * (INET6_ADDRSTRLEN + 2) + 64, "room for all addresses");

#define ROWS_MAX 4
#define LABEL_COLUMNS 13 /* "  tailscale  " */
#define WINDOWS_COLUMNS 28
#define LINUX_COLUMNS (PICTURE_COLUMNS - 11 - WINDOWS_COLUMNS)

typedef struct Picture {
        char *text;
        size_t used;
        bool color;
} Picture;

static _printf_(2, 3) void draw(Picture *p, const char *format, ...) {
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(p->text + p->used, PICTURE_SIZE - p->used, format, arguments);
        va_end(arguments);
        if (n > 0)
                p->used = p->used + n < PICTURE_SIZE ? p->used + n : PICTURE_SIZE - 1;
}

static void draw_styled(Picture *p, Style style, const char *text) {
        bool styled = p->color && style != STYLE_PLAIN;

        draw(p, "%s%s%s", style_sequence(styled, style), text, style_sequence(styled, STYLE_PLAIN));
}

/* Characters, not bytes, of what begins at @s: up to the next blank that follows a character, or the end. */
static size_t word_length(const char *s, size_t *ret_columns) {
        size_t length = 0, columns = 0;

        while (s[length] && (length == 0 || s[length] != ' ')) {
                columns += (s[length] & 0xc0) != 0x80;
                length++;
        }
        *ret_columns = columns;
        return length;
}

/* A label and its text, in lines of whole words; what doesn't fit into @n_lines of them is left out, and
 * that is shown. */
static void draw_field(Picture *p, const char *label, const char *unclean, unsigned n_lines) {
        char clean[FIELD_SIZE];
        const char *text = printable(unclean, clean, sizeof(clean));
        size_t column = LABEL_COLUMNS;

        draw(p, "  %s%-*s%s", style_sequence(p->color, STYLE_FAINT), LABEL_COLUMNS - 2, label,
             style_sequence(p->color, STYLE_PLAIN));
        while (*text) {
                size_t columns, length = word_length(text, &columns);
                size_t room = PICTURE_COLUMNS - (n_lines == 1 && text[length] ? strlen(" ...") : 0);

                if (column + columns > room) {
                        if (n_lines == 1 && column > LABEL_COLUMNS) {
                                draw(p, " ...");
                                break;
                        }
                        if (column > LABEL_COLUMNS) {
                                n_lines--;
                                column = LABEL_COLUMNS;
                                draw(p, "\n%*s", LABEL_COLUMNS, "");
                                text += *text == ' ';
                                continue;
                        }
                        /* A single word that is longer than a line. */
                        room = PICTURE_COLUMNS - (n_lines == 1 ? strlen(" ...") : 0);
                        columns = length = 0;
                        while (text[length] &&
                               (columns < room - LABEL_COLUMNS || (text[length] & 0xc0) == 0x80))
                                columns += (text[length++] & 0xc0) != 0x80;
                }
                draw(p, "%.*s", (int) length, text);
                column += columns;
                text += length;
        }
        draw(p, "\n");
}

/* ── what it says ── */

static bool is_windows(Holder holder) {
        return holder == HOLDER_WINDOWS || holder == HOLDER_WINDOWS_OPENSSH;
}

static const char *mode_describe(NetworkingMode mode) {
        switch (mode) {
        case MODE_MIRRORED:
                return "mirrored: Windows and Linux share their ports";
        case MODE_CONSOMME:
                return "consomme: Windows and Linux share their ports";
        case MODE_NAT:
                return "nat: Windows and Linux each have ports of their own";
        case MODE_BRIDGED:
                return "bridged: Windows and Linux each have ports of their own";
        case MODE_VIRTIOPROXY:
                return "virtioproxy: Windows doesn't refuse Linux a port";
        case MODE_NONE:
                return "none: no network";
        case MODE_WSL1:
                return "wsl1: wslportd is for WSL2";
        case MODE_NOT_WSL:
                return "this machine isn't WSL";
        case MODE_UNKNOWN:
        case _MODE_MAX:
        default:
                return "not known";
        }
}

static void draw_headline(Picture *p, const Status *s) {
        Style style = s->state == STATE_CLEAR || s->state == STATE_RELOCATED    ? STYLE_GOOD
                      : s->state == STATE_CONFLICT || s->state == STATE_BLOCKED ? STYLE_BAD
                                                                                : STYLE_STRONG;

        draw_styled(p, style, state_to_string(s->state));
        if (s->port == 0)
                draw(p, ": sshd is not up\n");
        else if (s->state == STATE_RELOCATED && s->home_port != 0)
                draw(p, ": sshd is on port %u, away from %u\n", s->port, s->home_port);
        else if (s->state == STATE_CLEAR)
                draw(p, ": sshd is on port %u, nothing is in its way\n", s->port);
        else
                draw(p, ": sshd is on port %u\n", s->port);
}

/* What Windows has of a port, as far as that is known here. */
static void windows_cell(const Status *s, Holder holder, const char *detail, char *ret, size_t size) {
        if (s->mode == MODE_NOT_WSL)
                snprintf(ret, size, "(no Windows here)");
        else if (is_windows(holder))
                snprintf(ret, size, "%s",
                         !isempty(detail)                   ? detail
                         : holder == HOLDER_WINDOWS_OPENSSH ? "OpenSSH"
                                                            : "a program, or reserved");
        else if (s->mode == MODE_NAT || s->mode == MODE_BRIDGED || s->mode == MODE_VIRTIOPROXY ||
                 s->mode == MODE_NONE)
                snprintf(ret, size, "(ports of its own)");
        else
                snprintf(ret, size, holder == HOLDER_UNKNOWN ? "not known" : "-");
}

static void linux_cell(const Status *s, uint16_t port, Holder holder, const char *detail, const char *unit,
                       char *ret, size_t size) {
        switch (holder) {
        case HOLDER_SSHD:
                snprintf(ret, size, isempty(unit) ? "sshd" : "sshd (%s)", unit);
                break;
        case HOLDER_LINUX:
                snprintf(ret, size, "%s", !isempty(detail) ? detail : "another program");
                break;
        case HOLDER_OTHER_DISTRO:
                snprintf(ret, size, "%s", !isempty(detail) ? detail : "another distro of WSL's");
                break;
        case HOLDER_NONE:
                snprintf(ret, size, "free");
                break;
        case HOLDER_UNKNOWN:
        case HOLDER_WINDOWS_OPENSSH:
        case HOLDER_WINDOWS:
        case _HOLDER_MAX:
        default:
                snprintf(ret, size, holder == HOLDER_UNKNOWN ? "not known" : "-");
        }
        if (port == s->home_port && s->pinned_sessions > 0 && holder != HOLDER_SSHD)
                snprintf(ret, size, "%u open session%s", s->pinned_sessions,
                         s->pinned_sessions == 1 ? "" : "s");
}

static void draw_row(Picture *p, const Status *s, uint16_t port, Holder holder, const char *detail,
                     const char *unit) {
        char cell[320], windows[WINDOWS_COLUMNS], here[LINUX_COLUMNS];

        windows_cell(s, holder, detail, cell, sizeof(cell));
        printable(cell, windows, sizeof(windows));
        linux_cell(s, port, holder, detail, unit, cell, sizeof(cell));
        printable(cell, here, sizeof(here));
        snprintf(cell, sizeof(cell), "%7u", port);
        draw_styled(p, port == s->port ? STYLE_STRONG : STYLE_PLAIN, cell);
        draw(p, "  %-*s  %s\n", WINDOWS_COLUMNS, windows, here);
}

/* One row a port: the home port, the one in force, and others that sshd has. */
static void draw_sides(Picture *p, const Status *s) {
        uint16_t drawn[ROWS_MAX] = { 0 };
        size_t n = 0;

        if (s->home_port == 0 && s->port == 0 && s->n_listeners == 0)
                return;

        draw(p, "\n%s   port  %-*s  Linux%s\n", style_sequence(p->color, STYLE_FAINT), WINDOWS_COLUMNS,
             "Windows", style_sequence(p->color, STYLE_PLAIN));
        if (s->home_port != 0) {
                drawn[n++] = s->home_port;
                draw_row(p, s, s->home_port, s->home_holder, s->home_detail, s->unit);
        }
        if (s->port != 0 && s->port != s->home_port) {
                drawn[n++] = s->port;
                draw_row(p, s, s->port, HOLDER_SSHD, "", s->unit);
        }
        for (size_t i = 0; i < s->n_listeners && n < ROWS_MAX; i++) {
                bool known = false;

                for (size_t k = 0; k < n; k++)
                        known |= drawn[k] == s->listeners[i].port;
                if (known)
                        continue;
                drawn[n++] = s->listeners[i].port;
                draw_row(p, s, s->listeners[i].port, s->listeners[i].holder, "", s->listeners[i].unit);
        }
}

static void draw_reachable(Picture *p, const Status *s) {
        static const AddressKind order[] = { ADDRESS_TAILSCALE, ADDRESS_LAN };

        if (s->port == 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                bool inside = mode_hides_lan(s->mode) && order[i] != ADDRESS_TAILSCALE;
                char text[FIELD_SIZE];
                size_t used = 0, n = 0;

                used += snprintf(text, sizeof(text), "port %u of ", s->port);
                for (size_t k = 0; k < s->n_reachable; k++)
                        if (s->reachable[k].kind == order[i])
                                used += snprintf(text + used, sizeof(text) - used, "%s%s",
                                                 n++ == 0 ? "" : ", ", s->reachable[k].address);
                if (inside)
                        snprintf(text + used, sizeof(text) - used, "; localhost too");
                if (n > 0)
                        draw_field(p, inside ? "Windows" : address_kind_to_string(order[i]), text, 1);
        }
}

static void draw_since(Picture *p, const Status *s, uint64_t now) {
        time_t since = (time_t) (s->last_change / USEC_PER_SEC);
        char text[64], ago[32] = "";
        struct tm local;

        if (s->last_change == 0 || !localtime_r(&since, &local) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
                return;

        if (now >= s->last_change) { /* clocks are set back too */
                uint64_t seconds = (now - s->last_change) / USEC_PER_SEC;

                if (seconds < 120)
                        snprintf(ago, sizeof(ago), ", %u s ago", (unsigned) seconds);
                else if (seconds < 120 * 60)
                        snprintf(ago, sizeof(ago), ", %u min ago", (unsigned) (seconds / 60));
                else if (seconds < 48 * 3600)
                        snprintf(ago, sizeof(ago), ", %u h ago", (unsigned) (seconds / 3600));
                else
                        snprintf(ago, sizeof(ago), ", %u days ago", (unsigned) (seconds / 86400));
        }
        strcat(text, ago);
        draw_field(p, "since", text, 1);
}

/* Where sshd has been for long, the reason is only that it is there; who keeps it away is said before. */
static void draw_why(Picture *p, const Status *s) {
        PortFact fact = { .port = s->home_port, .holder = s->home_holder };
        char home[160] = "", text[FIELD_SIZE];

        if (s->state == STATE_RELOCATED && s->home_holder != HOLDER_UNKNOWN &&
            s->home_holder != HOLDER_NONE) {
                memcpy(fact.detail, s->home_detail, sizeof(fact.detail));
                port_fact_describe(&fact, home, sizeof(home));
        }
        if (startswith(s->reason, home))
                snprintf(text, sizeof(text), "%s", s->reason);
        else
                snprintf(text, sizeof(text), "%s%s%s", home, isempty(s->reason) ? "" : "; ", s->reason);
        if (!isempty(text))
                draw_field(p, "why", text, 4);
}

static void draw_facts(Picture *p, const Status *s, uint64_t now) {
        char text[320];

        draw(p, "\n");
        /* Beside the networking mode nothing need be explained there. */
        if (s->state != STATE_CLEAR || s->port == 0 || mode_shares_ports(s->mode))
                draw_why(p, s);
        draw_field(p, "networking", mode_describe(s->mode), 1);
        if (!isempty(s->unit)) {
                snprintf(text, sizeof(text), s->mechanism == MECHANISM_NONE ? "%s" : "%s, moved by %s",
                         s->unit, mechanism_to_string(s->mechanism));
                draw_field(p, "unit", text, 2);
        }
        if (s->pinned_sessions > 0) {
                snprintf(text, sizeof(text),
                         "%u session%s still on %u; Windows can have it when the last has ended",
                         s->pinned_sessions, s->pinned_sessions == 1 ? "" : "s", s->home_port);
                draw_field(p, "pinned", text, 1);
        }
        draw_since(p, s, now);
        draw_reachable(p, s);
}

static void draw_next(Picture *p, const char *what, const char *command) {
        draw(p, "  %-44s", what);
        draw_styled(p, STYLE_STRONG, command);
        draw(p, "\n");
}

static void draw_mirrored(Picture *p) {
        draw(p, "\nnext, for other machines to reach it: in %%UserProfile%%\\.wslconfig (Windows 11)\n"
                "  [wsl2]\n"
                "  networkingMode=mirrored\n"
                "and then, in Windows: ");
        draw_styled(p, STYLE_STRONG, "wsl --shutdown");
        draw(p, "\n");
}

/* What others need is the same on the home port and off it. */
static void draw_others(Picture *p, const Status *s) {
        for (size_t i = 0; i < s->n_reachable; i++)
                if (mode_shares_ports(s->mode) &&
                    (s->reachable[i].kind == ADDRESS_LAN || s->reachable[i].kind == ADDRESS_TAILSCALE)) {
                        draw_next(p, "a rule in Windows' firewall, for others:", "wslportctl firewall");
                        break;
                }
        draw_next(p, "what goes into clients' ssh configuration:", "wslportctl ssh-config");
}

static void draw_to_do(Picture *p, const Status *s) {
        char text[64];

        if (s->mode == MODE_WSL1) {
                draw(p, "\nnext, to have a WSL2: in Windows, with the name that wsl --list tells\n  ");
                draw_styled(p, STYLE_STRONG, "wsl --set-version NAME 2");
                draw(p, "\n");
        } else if (s->state == STATE_RELOCATED && s->port != 0) {
                draw(p, "\nnext\n");
                draw_others(p, s);
                if (s->home_holder == HOLDER_NONE) {
                        snprintf(text, sizeof(text), "%u is free, to go back:", s->home_port);
                        draw_next(p, text, "wslportctl restore");
                }
        } else if (s->state == STATE_UNMANAGED && isempty(s->unit) && s->port == 0) {
                draw(p, "\nnext\n");
                draw_next(p, "how sshd is installed here:", "wslportctl diagnose");
        } else if ((s->state != STATE_CLEAR && s->state != STATE_UNMANAGED) || s->port == 0) {
                draw(p, "\nnext\n");
                draw_next(p, "what is wrong, and what mends it:", "wslportctl diagnose");
        } else if (s->mode == MODE_NAT || s->mode == MODE_VIRTIOPROXY || s->mode == MODE_NONE)
                draw_mirrored(p);
        else if (s->mode == MODE_NOT_WSL)
                draw(p, "\nnothing is to be done\n");
        else {
                draw(p, "\nnext, if other machines shall reach it\n");
                draw_others(p, s);
        }
}

void picture_draw(const Status *status, bool color, uint64_t now, char ret[static PICTURE_SIZE]) {
        Picture p = { .text = ret, .color = color };

        ret[0] = '\0';
        draw_headline(&p, status);
        draw_sides(&p, status);
        draw_facts(&p, status, now);
        draw_to_do(&p, status);
}

const char *picture_absence(NetworkingMode mode) {
        if (mode == MODE_NOT_WSL)
                return "this isn't WSL, by the kernel's name: wslportd does not run here, and no Windows is in sshd's way "
                       "(what can be seen: wslportctl diagnose)";
        if (mode == MODE_WSL1)
                return "this is WSL 1, and wslportd needs WSL 2; in Windows: wsl --set-version NAME 2";
        return NULL;
}
