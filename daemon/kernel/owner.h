/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/* Which process and systemd unit a listening socket belongs to. */

typedef enum OwnerResult {
        OWNER_UNKNOWN, /* some process could not be looked into, or there were too many files */
        OWNER_FOUND,
        OWNER_ELSEWHERE, /* no process here has it: it is another distro's, or the kernel's own */
} OwnerResult;

typedef struct Owner {
        OwnerResult result;
        pid_t pid;     /* 0 unless found; of several that share it, the first in the unit, else the lowest */
        char comm[16]; /* the process' name for itself, so not to be trusted; printable ASCII; may be empty
                        */
        char unit[256]; /* system unit, empty where there is none or it isn't known to be ours. It is the one
                         * that made the socket: ssh.socket, not ssh.service, with socket activation */
        char cgroup_unit[256]; /* the name of its cgroup, found or not: perhaps that of another distro's unit */
        usec_t helper_time; /* CPU time that the search took in the helper; 0 for a search in this process */
} Owner;

/* @inode and @cgroup_id are a Listener's. Looks into the processes of that cgroup first, then into all: up
 * to 16,384 open files, 4,096 of one process. A socket that is closed meanwhile counts as elsewhere: when
 * that matters, list the listeners again, and believe it only where the inode is still there.
 *
 * Needs CAP_SYS_PTRACE to look into the processes of others and of those with more capabilities, and
 * CAP_DAC_READ_SEARCH to find a cgroup by its id; what they would have told is unknown without them.
 * Returns 0, or a negative errno where there is no /proc. */
int owner_search(uint32_t inode, uint64_t cgroup_id, Owner *ret);

/* The same, by the helper where there is one; also returns what helper_ask() does then. */
int owner_find(uint32_t inode, uint64_t cgroup_id, Owner *ret);

/* The helper's answer to HELPER_FIND_OWNER: what owner_search() returned. */
typedef struct OwnerAnswer {
        int result;
        Owner owner;
} OwnerAnswer;

/* The system unit that a cgroup's path ("/system.slice/ssh.service/worker") lies in: the first component
 * that isn't a slice, as systemd has it (cg_path_get_unit()), so that nobody gains a name by making cgroups
 * within their own unit. Returns 0, or -ENXIO where there is no service, socket or scope. */
int owner_unit_from_path(const char *path, char ret[static 256]);
