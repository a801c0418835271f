/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

#include <limits.h>

/* sshd as it is installed and configured, and its units. */

const char *sshd_service(const CheckFacts *f) {
        return f->sshd.service.name[0] ? f->sshd.service.name : "ssh.service";
}

const char *sshd_unit(const CheckFacts *f) {
        const UnitFact *service = &f->sshd.service, *socket = &f->sshd.socket;

        return is_up(socket) || (socket->name[0] && socket->enabled && !service->enabled) ? socket->name
                                                                                          : sshd_service(f);
}

ShellText check_first(const CheckFacts *f) {
        ShellText text = { "" };
        size_t n;

        /* An sshd that is down or starts has nothing to lose, and no /run/sshd on Debian, which sshd -t needs. A text
         * that is cut is longer than any remedy. */
        if (!is_up(&f->sshd.service) || f->sshd.service.starting)
                return text;
        n = (size_t) snprintf(text.text, sizeof(text.text), "sudo sshd -t");
        WORDS_FOREACH (word, f->sshd.options)
                if (n < sizeof(text.text))
                        n += (size_t) snprintf(text.text + n, sizeof(text.text) - n, " %s",
                                               quote(word).text);
        if (n < sizeof(text.text))
                snprintf(text.text + n, sizeof(text.text) - n, " && ");
        return text;
}

/* A unit that has failed again and again has used up its starts, and a restart alone does not give them
 * back. */
ShellText restart_sshd(const CheckFacts *f) {
        const char *unit = sshd_unit(f);
        ShellText restart, check = { "" };

        if (f->sshd.verdict == SSHD_VERDICT_REFUSED)
                check = check_first(f);

        /* A check of 600 characters is longer than any remedy, too. */
        if (f->sshd.service.failed || f->sshd.service.starting || f->sshd.socket.failed)
                snprintf(restart.text, sizeof(restart.text),
                         "%.600ssudo systemctl reset-failed %s && sudo systemctl restart %s", check.text,
                         unit, unit);
        else
                snprintf(restart.text, sizeof(restart.text), "%.600ssudo systemctl restart %s", check.text,
                         unit);
        return restart;
}

bool sshd_error_find_line(const char *error, char ret_file[static CHECK_PATH_SIZE], unsigned *ret_line) {
        const char *word = strstr(error, " line ");
        size_t length = word ? (size_t) (word - error) : 0;
        unsigned long line;
        char *end;

        if (error[0] != '/' || length == 0 || length >= CHECK_PATH_SIZE)
                return false;
        line = strtoul(word + strlen(" line "), &end, 10);
        if (*end != ':' || line == 0 || line > UINT_MAX)
                return false;

        memcpy(ret_file, error, length);
        ret_file[length - (error[length - 1] == ':')] = '\0';
        *ret_line = (unsigned) line;
        return true;
}

void check_sshd_installed(const CheckFacts *f, Finding *r) {
        static const char *const commands[] = {
                [PACKAGES_UNKNOWN] = "",
                [PACKAGES_APT] = "sudo apt-get install -y openssh-server",
                [PACKAGES_DNF] = "sudo dnf install -y openssh-server",
                [PACKAGES_ZYPPER] = "sudo zypper --non-interactive install openssh",
                [PACKAGES_PACMAN] = "sudo pacman -S --noconfirm openssh",
        };

        if (say_fact(r, f->sshd.installed, "sshd is installed", "sshd is not installed",
                     "can't tell whether sshd is installed"))
                suggest(r, "%s", commands[f->machine.packages]);
}

/* To comment out the line helps, but not where a file is no longer plain text, or where other lines depend on it. */
static void say_refused(const CheckFacts *f, Finding *r) {
        const char *error = f->sshd.error; /* has bytes that aren't ASCII in octal */
        bool bom = strstr(error, "\\357\\273\\277"),
             wide = strstr(error, "\\377\\376") || strstr(error, "\\376\\377");
        char file[CHECK_PATH_SIZE];
        ShellText word;
        unsigned line;

        say(r, VERDICT_PROBLEM, "sshd refuses its configuration: %s%s", error,
            bom    ? ": the file begins with a byte order mark (BOM), as editors on Windows write it"
            : wide ? ": the file is in UTF-16, as PowerShell writes it"
                   : "");
        if (!sshd_error_find_line(error, file, &line))
                return;
        word = quote(file);
        if (bom)
                suggest(r, "sudo sed -i --follow-symlinks '1s/^\\xef\\xbb\\xbf//' %s && %s", word.text,
                        restart_sshd(f).text);
        else if (wide)
                suggest(r,
                        "sudo iconv -f UTF-16 -t UTF-8 -o %s.utf8 %s && sudo cp %s.utf8 %s && sudo rm "
                        "%s.utf8 && %s",
                        word.text, word.text, word.text, word.text, word.text, restart_sshd(f).text);
        else if (!strstr(error, "Bad Match condition") && !strstr(error, "Include"))
                suggest(r, "sudo sed -i --follow-symlinks '%us/^/#/' %s && %s", line, word.text,
                        restart_sshd(f).text);
}

void check_sshd_config(const CheckFacts *f, Finding *r) {
        const char *error = f->sshd.error;

        if (f->sshd.verdict == SSHD_VERDICT_VALID)
                say(r, VERDICT_OK, "sshd accepts its configuration");
        else if (f->sshd.verdict == SSHD_VERDICT_OUR_FILE_REFUSED) {
                say(r, VERDICT_PROBLEM, "sshd refuses wslportd's file: %s", error);
                suggest(r, "sudo systemctl restart wslportd.service");
        } else if (f->sshd.verdict == SSHD_VERDICT_REFUSED)
                say_refused(f, r);
        else if (f->machine.root)
                say(r, VERDICT_UNKNOWN, "sshd did not say whether it accepts its configuration: %s", error);
        else
                say(r, VERDICT_UNKNOWN,
                    "only root can have sshd check its configuration: `sudo wslportctl diagnose`, or `sudo "
                    "sshd -t`");
}

void check_host_keys(const CheckFacts *f, Finding *r) {
        const char *error = f->sshd.error, *words = strstr(error, "Permissions ");
        char file[CHECK_PATH_SIZE];

        if (!say_fact(r, f->sshd.host_keys, "sshd has host keys",
                      "sshd has no host key that it can use, and does not start without one",
                      "can't tell whether sshd has host keys"))
                return;
        if (error[0])
                say(r, VERDICT_PROBLEM, "sshd has no host key that it can use, and needs one: %s", error);

        /* "Permissions 0644 for 'FILE' are too open." (OpenSSH authfile.c) Else the key isn't there, and ssh-keygen
         * makes those of the usual names. */
        if (words && sscanf(words, "Permissions %*o for '%319[^']' are too open", file) == 1)
                suggest(r, "sudo chmod 600 %s && %s", quote(file).text, restart_sshd(f).text);
        else if (!strchr(error, '/') || strstr(error, "/etc/ssh/ssh_host_"))
                suggest(r, "sudo ssh-keygen -A && %s", restart_sshd(f).text);
}

void check_run_directory(const CheckFacts *f, Finding *r) {
        if (!is_up(&f->sshd.service) || f->sshd.service.starting)
                say(r, VERDICT_SKIPPED, "systemd makes sshd's run-time directory when sshd starts");
        else if (say_fact(r, f->sshd.run_directory, "sshd has its run-time directory",
                          "/run/sshd is missing: sshd runs, but ends each connection",
                          "can't tell whether /run/sshd is there"))
                suggest(r, "sudo mkdir -m 0755 /run/sshd");
}

void check_sshd_enabled(const CheckFacts *f, Finding *r) {
        const UnitFact *service = &f->sshd.service, *socket = &f->sshd.socket;

        if (!service->name[0])
                say(r, VERDICT_UNKNOWN, "can't ask systemd about sshd");
        else if (service->masked) {
                say(r, VERDICT_PROBLEM, "%s is masked: nothing can start it", service->name);
                suggest(r, "sudo systemctl unmask %s && sudo systemctl enable --now %s", service->name,
                        service->name);
        } else if (socket->name[0] && socket->enabled)
                say(r, VERDICT_OK, "%s is enabled", socket->name);
        else if (service->enabled)
                say(r, VERDICT_OK, "%s is enabled", service->name);
        else {
                say(r, VERDICT_PROBLEM, "%s is not enabled: sshd does not start at boot", service->name);
                /* systemd 252 may lose track of an active ssh.service when its alias comes back, and start
                 * it twice. */
                suggest(r, "sudo systemctl enable %s%s", service->active ? "" : "--now ", service->name);
        }
}

void check_sshd_running(const CheckFacts *f, Finding *r) {
        const UnitFact *service = &f->sshd.service;
        const char *why = check_that_tells_why(f), *see = why ? "; see " : "";
        /* The present refusal counts more than an error that the journal has from some time ago. */
        const char *error = f->sshd.error[0] ? f->sshd.error : f->sshd.last_error;

        if (is_up(&f->sshd.socket))
                say(r, VERDICT_OK, "%s listens for sshd", f->sshd.socket.name);
        else if (!service->name[0] && f->port.listens == FACT_YES)
                say(r, VERDICT_OK, "sshd runs");
        else if (!service->name[0])
                say(r, VERDICT_UNKNOWN, "can't ask systemd about sshd");
        else if (service->starting)
                say(r, VERDICT_WARNING, "%s is still starting%s%s", service->name, see, strempty(why));
        else if (service->active)
                say(r, VERDICT_OK, "%s runs", service->name);
        else {
                if (service->failed)
                        say(r, VERDICT_PROBLEM, "%s has failed (%s)%s%.300s%s%s%s", service->name,
                            service->result, error[0] ? ": " : "", error, see, strempty(why),
                            error[0] ? "" : ask_as_root(f));
                else
                        say(r, VERDICT_PROBLEM, "%s does not run%s%s", service->name, see, strempty(why));
                if (!why && !service->masked)
                        suggest(r, "%s", restart_sshd(f).text);
        }
}

void check_ssh_socket(const CheckFacts *f, Finding *r) {
        const UnitFact *socket = &f->sshd.socket;
        const char *service = f->sshd.service.name;

        if (f->config.values.socket_activation != SOCKET_ACTIVATION_DISABLE)
                say(r, VERDICT_SKIPPED, "only SocketActivation=disable is against a socket unit");
        else if (!service[0])
                say(r, VERDICT_UNKNOWN, "can't ask systemd about sshd's socket");
        else if (!socket->name[0] || (!socket->active && !socket->enabled))
                say(r, VERDICT_OK, "sshd listens by itself, as SocketActivation=disable wants it");
        else {
                say(r, VERDICT_PROBLEM, "%s is %s, but SocketActivation=disable wants %s in its place%s",
                    socket->name, socket->active ? "active" : "enabled", service,
                    f->sshd.fixed ? "; wslportd could not move that service, as its port is fixed" : "");
                if (!f->sshd.fixed)
                        suggest(r, "sudo systemctl disable --now %s && sudo systemctl enable --now %s",
                                socket->name, service);
        }
}
