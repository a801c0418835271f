/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/* The process and the systemd unit that a listening socket belongs to. */

typedef enum SocketOwnerResult {
        OWNER_UNKNOWN, /* some process could not be looked into, or had too many files */
        OWNER_FOUND,
        OWNER_ELSEWHERE, /* no process here has the socket: another distro has it, or the kernel itself */
} SocketOwnerResult;

typedef struct SocketOwner {
        SocketOwnerResult result;
        pid_t pid; /* 0 unless found; of several with the socket the first in the unit, else the lowest */
        char comm[16]; /* the process' own, untrusted name for itself; printable ASCII; may be empty */

        /* The system unit that made the socket: with socket activation ssh.socket, not ssh.service. "" where
         * there is none, or where it isn't known to be a unit of this distro. */
        char unit[256];
        char cgroup_unit[256]; /* the name of the socket's cgroup, perhaps of another distro's unit */
        usec_t helper_time;    /* CPU time of the search in the helper; 0 for a search in this process */
} SocketOwner;

/* @inode and @cgroup_id are a Listener's. Looks into the processes of that cgroup first, then into all:
 * up to 16,384 open files, 4,096 of one process. A socket that is closed meanwhile counts as elsewhere:
 * list the listeners again, and believe the answer only if the inode is still there. Without
 * CAP_SYS_PTRACE it can't look into the processes of others, without CAP_DAC_READ_SEARCH it can't find a
 * cgroup by its id. Returns 0, or a negative errno: a passing one (errno_is_passing()), or the reason why
 * /proc can't be read. */
int owner_search(uint32_t inode, uint64_t cgroup_id, SocketOwner *ret);

/* The same, by the helper where there is one; then it also fails as helper_ask() does. */
int owner_find(uint32_t inode, uint64_t cgroup_id, usec_t until, SocketOwner *ret);

/* The helper's answer to HELPER_FIND_OWNER. */
typedef struct SocketOwnerAnswer {
        int result; /* of owner_search() */
        SocketOwner owner;
} SocketOwnerAnswer;

/* The system unit in which a cgroup's path lies ("/system.slice/ssh.service/worker"): the first component
 * that isn't a slice, as in systemd's cg_path_get_unit(), so that nobody gains another unit's name by making
 * cgroups within their own. Returns 0, -ENXIO where there is no service, socket or scope, or -ENOMEM. */
int owner_unit_from_path(const char *path, char ret[static 256]);
