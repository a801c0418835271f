/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "kernel/owner.h"
#include "kernel/sockets.h"
#include "unit/netns.h"
#include "unit/test.h"

typedef struct UnitRow {
        const char *name; /* the path itself */
        const char *unit; /* NULL: none */
} UnitRow;

static const UnitRow unit_rows[] = {
        { "/system.slice/ssh.service", "ssh.service" },
        { "/system.slice/system-sshd.slice/sshd@1.service", "sshd@1.service" },
        { "/system.slice/ssh.service/ssh.service", "ssh.service" },
        { "/init.scope", "init.scope" },
        { "/system.slice/ssh.socket", "ssh.socket" },
        { "/user.slice/user-1000.slice/session-3.scope", "session-3.scope" },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service", "user@1000.service" },
        { "/system.slice/docker-12.scope/system.slice/ssh.service", "docker-12.scope" },
        { "/system.slice/_cgroup.service", "cgroup.service" },
        { "/system.slice/a\\x2db.service", "a\\x2db.service" },
        { "", NULL },
        { "/", NULL },
        { "/system.slice", NULL },
        { "/.slice/ssh.service", NULL },
        { "/docker/ssh.service", NULL },
        { "/system.slice/.service", NULL },
        { "/system.slice/_", NULL },
        { "/system.slice/a b.service", NULL },
        { "/system.slice/a\033b.service", NULL },
        { "/system.slice/ssh.service (deleted)", NULL },
};

static void test_unit(const void *data) {
        const UnitRow *row = data;
        char found[256] = "untouched";

        test_equal_int(owner_unit_from_path(row->name, found), row->unit ? 0 : -ENXIO);
        test_equal_string(found, row->unit ?: "untouched");
}

static void test_long_unit(void) {
        char path[512] = "/system.slice/", found[256];

        memset(path + strlen(path), 'a', 300);
        strcat(path, ".service");
        test_equal_int(owner_unit_from_path(path, found), -ENXIO);
}

static uint32_t inode_of(int fd) {
        struct stat st;

        test_assert(fstat(fd, &st) == 0);
        return (uint32_t) st.st_ino;
}

/* The listener of port 2222 as the kernel shows it. */
static Listener list(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        Listener listener;

        test_equal_int(sockets_new(&sockets), 0);
        test_equal_int(sockets_list_listeners(sockets, 2222, &listener, 1), 1);
        return listener;
}

static const char *cgroup_root(void) {
        static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        struct statfs fs;

        for (size_t i = 0; i < ELEMENTSOF(roots); i++)
                if (statfs(roots[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return roots[i];
        test_skip("no cgroup2 is mounted");
}

/* Moves this process (or @pid) into the cgroup @path below the root. */
static void move_to(const char *path, pid_t pid) {
        char file[512], text[16];
        int fd, n;

        snprintf(file, sizeof(file), "%s/%s/cgroup.procs", cgroup_root(), path);
        fd = open(file, O_WRONLY | O_CLOEXEC);
        n = snprintf(text, sizeof(text), "%d", pid);
        if (fd < 0 || write(fd, text, (size_t) n) < 0)
                test_skip("%s: %s", file, strerror(errno));
        close(fd);
}

static void make_cgroup(const char *path) {
        char folder[512];

        snprintf(folder, sizeof(folder), "%s/%s", cgroup_root(), path);
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                test_skip("%s: %s", folder, strerror(errno));
}

static void remove_cgroup(const char *path) {
        char folder[512];

        snprintf(folder, sizeof(folder), "%s/%s", cgroup_root(), path);
        for (unsigned i = 0; i < 100 && rmdir(folder) < 0 && errno == EBUSY; i++)
                usleep(10 * 1000);
}

static void find_own(const void *data) {
        _cleanup_close_ int fd = -1;
        Listener listener;
        SocketOwner owner;

        (void) data;
        test_assert(prctl(PR_SET_NAME, "a\033[31m b\xc3\xa9\x7f") == 0);
        fd = netns_listen("127.0.0.1", 2222);
        listener = list();

        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, getpid());
        test_equal_string(owner.comm, "a?[31m b???");

        /* A wrong cgroup id doesn't hinder the search, nor does a missing one. */
        test_equal_int(owner_find(listener.inode, 0, test_soon(), &owner), 0);
        test_equal_int(owner.pid, getpid());
        test_equal_int(owner_find(listener.inode, 0xffffffffffff, test_soon(), &owner), 0);
        test_equal_int(owner.pid, getpid());
}

static void test_finds_own(void) {
        netns_enter();
        netns_run_distro(find_own, NULL);
}

static char slice[64], unit[96], worker[128];

/* Makes a cgroup with a unit's name, and one within it, for this case alone. */
static void make_unit(void) {
        uint32_t number;

        test_assert(getrandom(&number, sizeof(number), 0) == sizeof(number));
        snprintf(slice, sizeof(slice), "wslportd%08x.slice", number);
        snprintf(unit, sizeof(unit), "%s/ssh.service", slice);
        snprintf(worker, sizeof(worker), "%s/worker", unit);
        make_cgroup(slice);
        make_cgroup(unit);
        make_cgroup(worker);
}

static void remove_unit(void) {
        move_to("", getpid());
        remove_cgroup(worker);
        remove_cgroup(unit);
        remove_cgroup(slice);
}

static void find_unit(const void *data) {
        SocketOwner owner, owner_scanned, owner_moved, owner_removed;
        unsigned failures = 0;
        Listener listener;
        int fd, others[128];

        (void) data;
        make_unit();
        move_to(worker, getpid());
        fd = netns_listen("127.0.0.1", 2222);
        move_to(unit, getpid());
        listener = list();

        /* The socket's cgroup has no process any more. */
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        /* The numbers that the search's own descriptors get vary, and must not pass for an errno. */
        for (unsigned i = 0; i < ELEMENTSOF(others); i++) {
                others[i] = dup(fd);
                failures += owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner) < 0;
        }
        for (unsigned i = 0; i < ELEMENTSOF(others); i++)
                close(others[i]);
        /* Without the socket's cgroup, as with cgroup v1 alone, the unit is that of the process' cgroup. */
        test_equal_int(owner_find(listener.inode, 1, test_soon(), &owner_scanned), 0);
        /* A process without a unit has the unit of the socket's cgroup. */
        move_to("", getpid());
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner_moved), 0);
        /* There is no unit at all. */
        remove_unit();
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner_removed), 0);
        close(fd);

        test_assert(listener.cgroup_id > 1);
        test_equal_int(failures, 0);
        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, getpid());
        test_equal_string(owner.unit, "ssh.service");
        test_equal_int(owner_scanned.pid, getpid());
        test_equal_string(owner_scanned.unit, "ssh.service");
        test_equal_int(owner_moved.pid, getpid());
        test_equal_string(owner_moved.unit, "ssh.service");
        test_equal_int(owner_removed.pid, getpid());
        test_equal_string(owner_removed.unit, "");
}

static void test_finds_unit(void) {
        netns_enter();
        netns_run_distro(find_unit, NULL);
}

/* Starts a process that does nothing, and ends with its parent: by a pipe, as the parent may lose the
 * right to signal it. */
static pid_t fork_idle(void) {
        int ends[2];
        char byte;
        pid_t pid;

        test_assert(pipe(ends) == 0);
        pid = fork();
        test_assert(pid >= 0);
        if (pid == 0) {
                close(ends[1]);
                (void) !read(ends[0], &byte, 1);
                _exit(EXIT_SUCCESS);
        }
        close(ends[0]);
        return pid;
}

/* systemd and a service may share a socket. Of two holders, the owner is the one in the socket's cgroup. */
static void find_in_unit(const void *data) {
        SocketOwner owner;
        Listener listener;
        pid_t pid;
        int fd;

        (void) data;
        make_unit();
        move_to(unit, getpid());
        fd = netns_listen("127.0.0.1", 2222);
        pid = fork_idle();
        move_to("", getpid());
        listener = list();
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(fd);
        remove_unit();

        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, pid);
        test_equal_string(owner.unit, "ssh.service");
}

static void test_prefers_unit(void) {
        netns_enter();
        netns_run_distro(find_in_unit, NULL);
}

/* No process has this inode: the inodes of one boot don't come near to it. */
#define INODE_OF_NOBODY UINT32_MAX

static void find_nowhere(const void *data) {
        SocketOwner owner = { .pid = 1, .unit = "x" };

        (void) data;

        test_equal_int(owner_find(INODE_OF_NOBODY, 0, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_ELSEWHERE);
        test_equal_int(owner.pid, 0);
        test_equal_string(owner.unit, "");

        test_equal_int(owner_find(0, 0, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_UNKNOWN);
}

static void test_elsewhere(void) {
        netns_run_distro(find_nowhere, NULL);
}

/* Two distros share one network namespace; each has a PID namespace and a /proc. The listener is the
 * outer one's, in a cgroup with a unit's name, which the inner one sees as well. */
static void look_from_inside(const void *data) {
        Listener listener = list();
        SocketOwner owner;
        int fd;

        close(*(const int *) data);
        test_equal_int(getpid(), 1);
        move_to("", 1);

        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_ELSEWHERE);
        test_equal_string(owner.unit, "");

        /* The inner one finds its own listener. */
        fd = netns_listen("127.0.0.2", 2223);
        test_equal_int(owner_find(inode_of(fd), 0, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, 1);
}

static void test_other_distro(void) {
        int fd;

        netns_enter();
        make_unit();
        move_to(unit, getpid());
        fd = netns_listen("127.0.0.1", 2222);

        netns_run_distro(look_from_inside, &fd);

        remove_unit();
}

/* A user who may not look gets "unknown", not "elsewhere". */
static void find_unreadable(const void *data) {
        SocketOwner owner;
        Listener listener;
        int fd;

        (void) data;
        fd = netns_listen("127.0.0.1", 2222);
        listener = list();
        (void) fork_idle();
        close(fd);

        test_assert(setgid(65534) == 0 && setuid(65534) == 0);
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_UNKNOWN);
        test_equal_int(owner.pid, 0);
}

static void test_unreadable(void) {
        netns_enter();
        netns_run_distro(find_unreadable, NULL);
}

/* The same with a /proc that hides processes instead of refusing them. */
static void find_with_hidden(const void *data) {
        SocketOwner owner;
        int status;

        (void) data;

        if (mount("proc", "/proc", "proc", 0, "hidepid=invisible") < 0)
                test_skip("hidepid=invisible: %s", strerror(errno));
        if (fork() == 0) {
                test_assert(setgid(65534) == 0 && setuid(65534) == 0);
                test_assert(access("/proc/1", F_OK) < 0);
                test_equal_int(owner_find(INODE_OF_NOBODY, 0, test_soon(), &owner), 0);
                test_equal_int(owner.result, OWNER_UNKNOWN);
                _exit(EXIT_SUCCESS);
        }

        test_assert(wait(&status) > 0);
        test_equal_int(status, 0);
}

static void test_hidden(void) {
        netns_run_distro(find_with_hidden, NULL);
}

/* A unit with fewer capabilities looks for a process of root's that has all of them. */
typedef struct CapabilityRow {
        const char *name;
        uint64_t capabilities;
        SocketOwnerResult result;
        const char *unit;
} CapabilityRow;

#define CAPABILITY(number) (UINT64_C(1) << (number))

static const CapabilityRow capability_rows[] = {
        { "none", 0, OWNER_UNKNOWN, "" },
        /* Its files can't be read, but it lives in that unit. */
        { "CAP_DAC_READ_SEARCH", CAPABILITY(CAP_DAC_READ_SEARCH), OWNER_UNKNOWN, "ssh.service" },
        { "CAP_SYS_PTRACE", CAPABILITY(CAP_SYS_PTRACE), OWNER_FOUND, "ssh.service" },
        { "both", CAPABILITY(CAP_SYS_PTRACE) | CAPABILITY(CAP_DAC_READ_SEARCH), OWNER_FOUND, "ssh.service" },
};

static void find_with_capabilities(const void *data) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[2], fewer[2];
        const CapabilityRow *row = data;
        Listener listener;
        SocketOwner owner;
        pid_t pid;
        int fd;

        make_unit();
        move_to(unit, getpid());
        fd = netns_listen("127.0.0.1", 2222);
        listener = list();
        pid = fork_idle();
        close(fd);
        move_to("", getpid());

        test_assert(syscall(SYS_capget, &header, sets) == 0);
        memcpy(fewer, sets, sizeof(fewer));
        for (unsigned i = 0; i < 2; i++)
                fewer[i].effective = (uint32_t) (row->capabilities >> (32 * i));
        test_assert(syscall(SYS_capset, &header, fewer) == 0);
        test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
        test_assert(syscall(SYS_capset, &header, sets) == 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        remove_unit();

        test_equal_int(owner.result, row->result);
        test_equal_int(owner.pid, row->result == OWNER_FOUND ? pid : 0);
        test_equal_string(owner.unit, row->unit);
}

static void test_capabilities(const void *data) {
        netns_enter();
        netns_run_distro(find_with_capabilities, data);
}

/* A process with more files than the search reads turns "elsewhere" into "unknown", but can't hide
 * another process' socket. */
static void hold_too_many_files(const void *data) {
        int ends[2], fd;
        uint32_t inode;
        SocketOwner owner;
        pid_t pid;
        char byte;

        (void) data;
        test_assert(pipe(ends) == 0);
        for (unsigned i = 0; i < 2; i++)
                if (fork() == 0) {
                        for (unsigned n = 0; n < 15000; n++)
                                if (dup(STDOUT_FILENO) < 0)
                                        break;
                        test_assert(write(ends[1], "", 1) == 1);
                        pause();
                }
        for (unsigned i = 0; i < 2; i++)
                test_assert(read(ends[0], &byte, 1) == 1);

        test_equal_int(owner_find(INODE_OF_NOBODY, 0, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_UNKNOWN);

        fd = netns_listen("127.0.0.1", 2222);
        inode = inode_of(fd);
        pid = fork_idle();
        close(fd);
        test_equal_int(owner_find(inode, 0, test_soon(), &owner), 0);
        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, pid);
}

static void test_too_many_files(void) {
        struct rlimit limit;

        test_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        limit.rlim_cur = 16000;
        if (limit.rlim_max < limit.rlim_cur) /* valgrind doesn't let a program change this */
                limit.rlim_max = limit.rlim_cur;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                test_skip("setrlimit: %s", strerror(errno));
        netns_enter();
        netns_run_distro(hold_too_many_files, NULL);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_unit, unit_rows),
                TEST(test_long_unit),
                TEST(test_finds_own),
                TEST(test_finds_unit),
                TEST(test_prefers_unit),
                TEST(test_elsewhere),
                TEST(test_other_distro),
                TEST(test_unreadable),
                TEST(test_hidden),
                TEST_TABLE(test_capabilities, capability_rows),
                TEST(test_too_many_files),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
