/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"

static bool is_down(const Snapshot *s) {
        return s->service == SERVICE_ABSENT || s->service == SERVICE_INACTIVE ||
               s->service == SERVICE_FAILED || snapshot_is_about_to_bind(s);
}

/* Takes our file from an sshd that is down: no port has to be free for that. A service in the phase
 * @to_start is started too, as systemd won't. True if @d is decided. */
static bool undo(const Snapshot *s, ServicePhase to_start, Cause cause, const char *why, Decision *d) {
        if (s->moved_to == 0 || !is_down(s))
                return false;

        decide(d, STATE_CLEAR, cause, ACTION_RESTORE, home_first_port(&s->home), "%s", why);
        d->then_start = s->service == to_start;
        return true;
}

/* True if our file names one of sshd's own ports, or sshd does not read the file. */
static bool is_in_vain(const Snapshot *s) {
        return s->verdict == SSHD_VERDICT_VALID && s->home.n_ports > 0 &&
               (snapshot_is_home(s, s->moved_to) || !s->home.reads_our_file);
}

static void decide_not_enabled(const Config *config, const Snapshot *s, Decision *d) {
        decide_nothing(config, s, d, CAUSE_OWNER_STOPPED, "%s is not enabled: `systemctl enable --now %s`",
                       strempty(s->unit_name), strempty(s->unit_name));
}

/* Decides about ports, by what sshd is doing. */
static void decide_by_phase(const Config *config, const Snapshot *s, Decision *d) {
        switch (s->service) {
        case SERVICE_INACTIVE:
                if (s->unmet)
                        decide_nothing(config, s, d, CAUSE_OWNER_STOPPED,
                                       "sshd is not started: %s is not met", s->unmet);
                else if (s->not_enabled)
                        decide_not_enabled(config, s, d);
                else
                        decide_nothing(config, s, d, CAUSE_OWNER_STOPPED,
                                       "the ssh service is stopped or masked, and is left so");
                return;
        case SERVICE_STARTING:
                decide_nothing(config, s, d, CAUSE_NONE, "sshd is starting");
                return;
        case SERVICE_STOPPING:
                decide_nothing(config, s, d, CAUSE_NONE, "sshd is stopping");
                return;
        case SERVICE_FAILED:
                if (s->verdict != SSHD_VERDICT_VALID)
                        decide_nothing(config, s, d, CAUSE_CONFIGURATION_REFUSED,
                                       "sshd refuses its own configuration: %s",
                                       strempty(s->verdict_detail));
                else if (s->not_enabled && !s->by_socket)
                        decide_not_enabled(config, s, d);
                else
                        decide_nothing(config, s, d, CAUSE_NONE,
                                       "the ssh service failed, not because of a port");
                return;
        case SERVICE_QUEUED:
                /* The kernel shows sshd's listeners before systemd tells of the start. */
                if (snapshot_sshd_listens(s))
                        decide_nothing(config, s, d, CAUSE_NONE, "sshd is starting");
                else
                        start_decide(config, s, d);
                return;
        case SERVICE_TO_START:
                start_decide(config, s, d);
                return;
        case SERVICE_RUNNING:
                running_decide(config, s, d);
                return;
        case SERVICE_ABSENT:
        case SERVICE_UNKNOWN:
        default:
                decide(d, STATE_UNKNOWN, CAUSE_NONE, ACTION_NONE, 0,
                       "the ssh service's state is not known yet");
        }
}

/* Goes through the rules in their order; the first that applies decides. */
static void decide_in_order(const Config *config, const Snapshot *s, Decision *d) {
        char why[96];

        if (streq(config->unit, CONFIG_NO_UNIT)) {
                decide(d, STATE_UNMANAGED, CAUSE_POLICY, ACTION_NONE, 0,
                       "the configuration has a Unit= that can't be read");
                return;
        }
        if (s->service == SERVICE_UNKNOWN) {
                decide(d, STATE_UNKNOWN, CAUSE_NONE, ACTION_NONE, 0,
                       "the ssh service's state is not known yet");
                return;
        }

        if (s->verdict == SSHD_VERDICT_OUR_FILE_REFUSED &&
            undo(s, SERVICE_FAILED, CAUSE_CONFIGURATION_REFUSED,
                 "sshd refuses its configuration because of wslportd's file", d))
                return;
        if (is_in_vain(s) && undo(s, SERVICE_UNKNOWN, CAUSE_NONE, "wslportd's file does not move sshd", d))
                return;
        if (s->request == REQUEST_RESTORE && s->service != SERVICE_QUEUED &&
            undo(s, SERVICE_UNKNOWN, CAUSE_REQUESTED, "somebody asked for it", d))
                return;

        if (config->relocate == RELOCATE_NEVER) {
                if (s->postponed || !undo(s, SERVICE_TO_START, CAUSE_POLICY, "Relocate=never", d))
                        decide(d, STATE_UNMANAGED, CAUSE_POLICY, ACTION_NONE, 0, "Relocate=never%s%s",
                               s->postponed ? "; " : "", strempty(s->postponed));
        } else if (s->service == SERVICE_ABSENT)
                decide(d, STATE_UNMANAGED, CAUSE_NONE, ACTION_NONE, 0, "no ssh service is installed");
        else if (s->mode == MODE_UNKNOWN)
                decide(d, STATE_UNKNOWN, CAUSE_NONE, ACTION_NONE, 0,
                       "WSL's networking mode is not known yet");
        else if (switch_decide(config, s, d))
                return;
        else if (!mode_shares_ports(s->mode)) {
                snprintf(why, sizeof(why), "networking mode %s shares no ports with Windows",
                         networking_mode_to_string(s->mode));
                if (s->postponed || !undo(s, SERVICE_TO_START, CAUSE_NONE, why, d))
                        decide_nothing(config, s, d, CAUSE_NONE, "%s", why);
        } else if (s->own_network) {
                strcpy(why, "sshd listens in a network namespace of its own, not in Windows' network");
                if (s->postponed || !undo(s, SERVICE_TO_START, CAUSE_NONE, why, d))
                        decide(d, STATE_CLEAR, CAUSE_NONE, ACTION_NONE, 0, "%s", why);
        } else if (s->home.n_ports == 0 || s->verdict == SSHD_VERDICT_UNKNOWN)
                decide(d, STATE_UNKNOWN,
                       s->verdict == SSHD_VERDICT_REFUSED ? CAUSE_CONFIGURATION_REFUSED : CAUSE_NONE,
                       ACTION_NONE, 0, "sshd's own port is not known: %s",
                       s->verdict_detail ? s->verdict_detail : "sshd has not been asked yet");
        else if (config->relocate == RELOCATE_UNREADABLE && s->request != REQUEST_RELOCATE &&
                 s->request != REQUEST_RESTORE && snapshot_sshd_listens(s))
                decide_nothing(config, s, d, CAUSE_POLICY,
                               "the configuration has no Relocate= that can be read");
        else
                decide_by_phase(config, s, d);
}

/* Nothing is begun before its time. A bind for a start that has to wait would keep Windows from the port. */
static void postpone(const Snapshot *s, Decision *d) {
        if (d->action == ACTION_PROBE && s->service == SERVICE_TO_START)
                decide(d, STATE_BLOCKED, s->too_often ? CAUSE_TOO_OFTEN : CAUSE_NONE, ACTION_NONE, 0,
                       "sshd is down, and %s", s->postponed);
        if (d->action == ACTION_RELOCATE || d->action == ACTION_RESTORE || d->action == ACTION_START) {
                d->action = ACTION_NONE;
                d->port = 0;
                if (s->request != REQUEST_NONE)
                        snprintf(d->reason, sizeof(d->reason), "%s", s->postponed);
        }
        if (d->action == ACTION_NONE) {
                d->n_beside = 0;
                d->then_start = false;
        }
}

void policy_decide(const Config *config, const Snapshot *s, Decision *ret) {
        *ret = (Decision){ 0 };
        decide_in_order(config, s, ret);
        switch_tell_waiting(config, s, ret);
        if (s->postponed)
                postpone(s, ret);
}
