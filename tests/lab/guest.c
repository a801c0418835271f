/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lab-guest: one WSL machine in namespaces.
 *
 *     lab-guest MOUNTPOINT CGROUP LOWER-LAYERS        (stdin: a SOCK_SEQPACKET socket to the test)
 *
 * Three kinds of process:
 *
 *   - The holder owns the machine's disk (an overlay whose upper layer is a tmpfs) in a mount namespace of
 *     its own, and the machine's cgroup. It lives as long as the test's socket, over any number of boots.
 *   - The agent: one per boot. It is in all of the machine's namespaces but the PID namespace, which its
 *     children enter, and beneath the seccomp filter. It starts PID 1, and then commands on request. They are
 *     beneath the filter, too, as commands from a WSL shell are; programs that nsenter brings in aren't.
 *   - init is the machine's PID 1. It mounts the machine's file systems, and becomes /sbin/init.
 *
 * Each dies with the one above it, so nothing stays behind when the test is killed. Everything is anonymous
 * and goes with the last process, but for the directory of the cgroup, which the holder removes.
 *
 * Messages are strings separated by NUL bytes, with descriptors:
 *
 *   test → holder   "boot" OPTION…         fds: agent's socket [, tracker's socket: traps bind()]
 *   holder → test   "ready", "booted PID", "down STATUS"
 *   test → agent    "start"
 *                   "run" ("here"|"other") CWD ARGC ARGV… ENV…     fds: stdin, stdout, stderr, status
 *   agent → test    "network" (the namespace is there, and the test sets it up), "started PID"
 *   status          "pid PID", then "exit CODE" or "signal N"; the test sends a number for a signal, EOF for
 *                   SIGKILL
 *
 * Options: trap-listen, interruptible (see install_filter()), shared-cgroups (as WSL 2.9.8 to 2.9.12 have it: no namespace for them,
 * microsoft/WSL, init.cpp), and osrelease=, version=, boot-id=,
 * container=, hostname= with their values.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <ftw.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "lab.h"

#define MESSAGE_MAX (128 * 1024)
#define STRINGS_MAX 1024
#define PROCESSES_MAX 256

typedef struct Options {
        const char *osrelease, *version, *boot_id, *container, *hostname;
        bool trap_listen, interruptible, shared_cgroups;
} Options;

/* The machine's cgroups as descriptors, because their paths are gone once the root has been pivoted. They are opened outside
 * of its cgroup namespace: where the host's systemd has mounted cgroup2 with nsdelegate, what is opened within moves no
 * process into the namespace. */
typedef struct Cgroups {
        int guest_procs; /* the root of the machine's cgroup namespace; it has processes only while PID 1
                            starts */
        int agent_procs; /* beside that root, where systemd wants no foreign processes */
        int shell_procs; /* in the machine, for the agent's commands */
} Cgroups;

typedef struct Process {
        pid_t pid;
        int pid_fd;
        int status_fd;
} Process;

typedef struct Agent {
        int socket_fd;
        int self_fd;
        int outer_pid_namespace;
        Cgroups cgroups;
        Process init;
        Process processes[PROCESSES_MAX];
        size_t n_processes;
} Agent;

/* ---- small things ---- */

static void tell(int socket_fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(int socket_fd, const char *format, ...) {
        char text[256];
        va_list arguments;

        va_start(arguments, format);
        int n = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        (void) lab_send(socket_fd, text, (size_t) n, NULL, 0); /* if the test has gone, its EOF tells */
}

/* Splits a message into its strings. The array ends with NULL. */
static size_t split(char *message, size_t size, char *strings[static STRINGS_MAX + 1]) {
        size_t n = 0;

        for (char *p = message; p < message + size && n < STRINGS_MAX; p += strlen(p) + 1)
                strings[n++] = p;
        strings[n] = NULL;
        return n;
}

static void write_file(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                err(EXIT_FAILURE, "write %s", path);
}

/* A descriptor of this process, for die_with_parent() in its children. */
static int open_self(void) {
        int fd = pidfd_open(getpid(), 0);

        if (fd < 0)
                err(EXIT_FAILURE, "pidfd_open");
        return fd;
}

/* Takes a descriptor, because getppid() doesn't show across PID namespaces whether the parent has gone
 * already. */
static void die_with_parent(int parent_fd) {
        struct pollfd polled = { .fd = parent_fd, .events = POLLIN };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&polled, 1, 0) < 0)
                err(EXIT_FAILURE, "PR_SET_PDEATHSIG");
        if (polled.revents)
                _exit(EXIT_FAILURE);
}

static int wait_status(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        err(EXIT_FAILURE, "waitpid");
        return status;
}

static void tell_status(int socket_fd, int status) {
        if (WIFSIGNALED(status))
                tell(socket_fd, "signal %d", WTERMSIG(status));
        else
                tell(socket_fd, "exit %d", WEXITSTATUS(status));
}

/* ---- the filter ---- */

typedef struct TrappedCalls {
        uint32_t architecture;
        int bind, listen, ioctl, socketcall; /* -1: there is none, or it isn't trapped */
} TrappedCalls;

/* i386 programs call bind() by socketcall(2). Newer libcs use bind(2) there, which WSL doesn't trap. */
static const TrappedCalls trapped_calls[] = {
#if defined(__x86_64__)
        { AUDIT_ARCH_X86_64, 49, 50, 16, -1 },
        { AUDIT_ARCH_I386, -1, -1, -1, 102 },
#elif defined(__aarch64__)
        { AUDIT_ARCH_AARCH64, 200, 201, 29, -1 },
        { AUDIT_ARCH_ARM, 282, 284, -1, -1 },
#else
#error "The calls to trap aren't known for this architecture."
#endif
};

enum { SOCKETCALL_BIND = 2, SOCKETCALL_LISTEN = 4 };

static size_t trap(struct sock_filter *program, size_t n, uint32_t value) {
        program[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        return n;
}

static struct sock_filter load(size_t offset) {
        return (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t) offset);
}

/* Traps a call if one of its arguments has one of the values. It is the last that an architecture's calls are
 * compared with: the argument takes the place of the call's number. */
static size_t trap_by_argument(struct sock_filter *program, size_t n, int call, size_t argument,
                               const uint32_t values[], size_t n_values) {
        size_t skip = n++;

        if (call < 0)
                return skip;
        program[n++] = load(argument); /* the low half */
        for (size_t i = 0; i < n_values; i++)
                n = trap(program, n, values[i]);
        program[skip] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) call, 0,
                                                      (uint8_t) (n - skip - 1));
        return n;
}

/* Puts this process, and all that it will start, under the filter. Returns the descriptor on which their
 * calls are heard. Follows RegisterSeccompHook() in Microsoft's src/linux/init/main.cpp; ioctl() is trapped where
 * it sets an interface's flags. The options:
 *   - trap-listen: listen() is trapped, too, as from WSL 2.9.5 on;
 *   - interruptible: a signal ends the wait for Windows, as before WSL 2.7.2, in 2.8.0 to 2.8.2, and on Linux
 *     before 5.19, which has no WAIT_KILLABLE_RECV. */
static int install_filter(const Options *options) {
        bool trap_listen = options->trap_listen;
        struct sock_filter program[64];
        size_t n = 0;

        for (size_t i = 0; i < sizeof(trapped_calls) / sizeof(trapped_calls[0]); i++) {
                const TrappedCalls *calls = &trapped_calls[i];

                program[n++] = load(offsetof(struct seccomp_data, arch));
                size_t skip = n++;
                program[n++] = load(offsetof(struct seccomp_data, nr));
                if (calls->bind >= 0)
                        n = trap(program, n, (uint32_t) calls->bind);
                if (calls->listen >= 0 && trap_listen)
                        n = trap(program, n, (uint32_t) calls->listen);
                n = trap_by_argument(program, n, calls->ioctl, offsetof(struct seccomp_data, args[1]),
                                     (uint32_t[]){ SIOCSIFFLAGS }, 1);
                n = trap_by_argument(program, n, calls->socketcall, offsetof(struct seccomp_data, args[0]),
                                     (uint32_t[]){ SOCKETCALL_BIND, SOCKETCALL_LISTEN },
                                     trap_listen ? 2 : 1);
                program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
                program[skip] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls->architecture,
                                                              0, (uint8_t) (n - skip - 1));
        }
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

        /* Without no_new_privs, which would break sudo in the machine: CAP_SYS_ADMIN is enough. */
        struct sock_fprog filter = { .len = (unsigned short) n, .filter = program };
        unsigned long killable = options->interruptible ? 0 : SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        int fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                               SECCOMP_FILTER_FLAG_NEW_LISTENER | killable, &filter);
        if (fd < 0 && errno == EINVAL && killable)
                fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                   &filter);
        if (fd < 0)
                err(EXIT_FAILURE, "seccomp");
        return fd;
}

/* Hands the filter and the network namespace to the tracker. Nobody else may keep the filter's descriptor.
 */
static void hand_to_tracker(int tracker_fd, const Options *options) {
        char reply[16];
        int fds[LAB_FDS_MAX];
        _cleanup_close_ int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int listener = install_filter(options);

        if (network < 0)
                err(EXIT_FAILURE, "/proc/self/ns/net");
        if (lab_send(tracker_fd, "guest", 5, (int[]){ listener, network }, 2) < 0 ||
            lab_receive(tracker_fd, reply, sizeof(reply), fds) <= 0)
                errx(EXIT_FAILURE, "The tracker didn't take the filter.");
}

/* ---- PID 1 ---- */

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags,
                       const char *data) {
        if (mount(source, target, type, flags, data) < 0)
                err(EXIT_FAILURE, "mount %s on %s", source, target);
}

static void bind_read_only(const char *path) {
        must_mount(path, path, NULL, MS_BIND | MS_REC, NULL);
        must_mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   NULL);
}

static void make_devices(void) {
        static const struct {
                const char *name;
                unsigned major, minor;
        } devices[] = {
                { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
                { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
        };
        static const char *const links[][2] = {
                { "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
                { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
                { "pts/ptmx", "dev/ptmx" },
        };
        mode_t old_umask = umask(0);

        must_mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755");
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
                if (mknod(devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) < 0)
                        err(EXIT_FAILURE, "%s", devices[i].name);
        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
                if (symlink(links[i][0], links[i][1]) < 0)
                        err(EXIT_FAILURE, "%s", links[i][1]);
        umask(old_umask);
        if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 01777) < 0)
                err(EXIT_FAILURE, "/dev");
        must_mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                   "newinstance,ptmxmode=0666,mode=620,gid=5");
        must_mount("tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
}

/* Shows `text` in the place of the kernel's file. `uname -r` doesn't read such a file, and can't be changed
 * so. */
static void disguise(const char *path, const char *text) {
        static const char source[] = "run/.disguise";

        write_file(source, text);
        must_mount(source, path, NULL, MS_BIND, NULL);
        if (unlink(source) < 0)
                err(EXIT_FAILURE, "%s", source);
}

/* Mounts an own /proc, /run and /tmp in the current directory, as each distro of the machine has. */
static void mount_own(const Options *options) {
        must_mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        must_mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
        must_mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");

        /* The host's settings are read-only; those of the machine's own network namespace can be written. */
        bind_read_only("proc/sys");
        must_mount("proc/sys/net", "proc/sys/net", NULL, MS_BIND, NULL);
        must_mount(NULL, "proc/sys/net", NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   NULL);
        if (access("proc/sysrq-trigger", F_OK) == 0)
                bind_read_only("proc/sysrq-trigger");
        if (options->osrelease)
                disguise("proc/sys/kernel/osrelease", options->osrelease);
        if (options->version)
                disguise("proc/version", options->version);
        if (options->boot_id)
                disguise("proc/sys/kernel/random/boot_id", options->boot_id);
}

__attribute__((noreturn)) static void run_init(const Options *options, int agent_fd) {
        char container[128] = "container=lab";
        sigset_t none;

        die_with_parent(agent_fd);
        mount_own(options);
        must_mount("sysfs", "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        must_mount("cgroup2", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        make_devices();

        if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                err(EXIT_FAILURE, "pivot_root");

        int null_fd = open("/dev/null", O_RDWR);
        if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0)
                _exit(EXIT_FAILURE);
        if (null_fd > 2)
                close(null_fd);
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (setsid() < 0)
                _exit(EXIT_FAILURE);
        if (options->container)
                snprintf(container, sizeof(container), "container=%s", options->container);
        execle("/sbin/init", "init", NULL,
               (char *[]){ container, (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL });
        _exit(EXIT_FAILURE);
}

/* ---- commands ---- */

/* The part of run_command() in the new process. */
__attribute__((noreturn)) static void become_command(Agent *agent, const Options *options, bool other_distro,
                                                     const char *directory, char **argv, char **environment,
                                                     const int fds[static 3]) {

        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGINT, SIG_DFL); /* a shell that starts the tests in the background has it ignored */
        if (write(agent->cgroups.shell_procs, "0", 1) < 0)
                err(126, "join the shell's cgroup");
        if (other_distro) {
                die_with_parent(agent->self_fd); /* no PID 1 would take it along when it ends */
                if (unshare(CLONE_NEWNS) < 0 || chdir("/") < 0)
                        err(126, "unshare");
                must_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
                mount_own(options);
        }
        if (setsid() < 0 || dup2(fds[0], 0) < 0 || dup2(fds[1], 1) < 0 || dup2(fds[2], 2) < 0 ||
            chdir(directory) < 0)
                err(126, "%s", directory);
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        environ = environment;
        execvp(argv[0], argv);
        err(127, "%s", argv[0]);
}

/* From now on the agent's children are in `pid_namespace`. */
static void aim_children(int namespace_fd, int flags) {
        if (setns(namespace_fd, CLONE_NEWPID) < 0 || (flags && unshare(flags) < 0))
                err(EXIT_FAILURE, "PID namespace");
}

static void run_command(Agent *agent, const Options *options, char **strings, size_t n,
                        int fds[static LAB_FDS_MAX]) {
        char *argv[STRINGS_MAX + 1];
        size_t argc = n > 3 ? strtoul(strings[3], NULL, 10) : 0;

        if (argc == 0 || n < 4 + argc || fds[3] < 0 || agent->n_processes == PROCESSES_MAX) {
                tell(fds[3], "exit 126");
                return;
        }

        bool other_distro = strcmp(strings[1], "other") == 0;
        memcpy(argv, strings + 4, sizeof(char *) * argc);
        argv[argc] = NULL;

        if (other_distro)
                aim_children(agent->outer_pid_namespace, CLONE_NEWPID);
        pid_t pid = fork();
        if (pid == 0)
                become_command(agent, options, other_distro, strings[2], argv, strings + 4 + argc, fds);
        if (other_distro)
                aim_children(agent->init.pid_fd, 0);
        if (pid < 0) { /* PID 1 has ended, and the namespace with it */
                tell(fds[3], "exit 126");
                return;
        }

        int pid_fd = pidfd_open(pid, 0);
        if (pid_fd < 0)
                err(EXIT_FAILURE, "pidfd_open");
        agent->processes[agent->n_processes++] = (Process){ .pid = pid,
                                                            .pid_fd = pid_fd,
                                                            .status_fd = fds[3] };
        fds[3] = -1;
        tell(agent->processes[agent->n_processes - 1].status_fd, "pid %d", pid);
}

/* Handles a message, or the end, of a command's status socket. */
static void signal_command(Process *process) {
        char text[16];
        int fds[LAB_FDS_MAX];
        ssize_t n = lab_receive(process->status_fd, text, sizeof(text), fds);

        lab_close_all(fds);
        if (n > 0) {
                (void) kill(-process->pid, atoi(text));
                return;
        }
        (void) kill(-process->pid, SIGKILL);
        process->status_fd = lab_close(process->status_fd);
}

static void reap_command(Agent *agent, size_t i) {
        Process *process = &agent->processes[i];
        int status = wait_status(process->pid);

        if (process->status_fd >= 0)
                tell_status(process->status_fd, status);
        lab_close(process->status_fd);
        lab_close(process->pid_fd);
        *process = agent->processes[--agent->n_processes];
}

/* ---- the agent ---- */

static void bring_up_loopback(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                err(EXIT_FAILURE, "lo");
}

static void start_init(Agent *agent, const Options *options) {
        int started[2];
        char byte;

        if (pipe2(started, O_CLOEXEC) < 0)
                err(EXIT_FAILURE, "pipe2");
        if (unshare(CLONE_NEWPID) < 0)
                err(EXIT_FAILURE, "unshare");

        pid_t pid = fork();
        if (pid < 0)
                err(EXIT_FAILURE, "fork");
        if (pid == 0)
                run_init(options, agent->self_fd);
        agent->init = (Process){ .pid = pid, .pid_fd = pidfd_open(pid, 0), .status_fd = -1 };

        /* exec() closes the child's end. From then on the machine's root is the agent's, too. */
        close(started[1]);
        if (read(started[0], &byte, 1) != 0)
                errx(EXIT_FAILURE, "init");
        close(started[0]);
        if (write(agent->cgroups.agent_procs, "0", 1) < 0)
                err(EXIT_FAILURE, "leave the machine's cgroup");
        tell(agent->socket_fd, "started %d", pid);
}

/* Serves the test until PID 1 has ended. */
static int serve(Agent *agent, const Options *options) {
        static char message[MESSAGE_MAX];
        static char *strings[STRINGS_MAX + 1];

        for (;;) {
                struct pollfd polled[2 + 2 * PROCESSES_MAX] = {
                        { .fd = agent->init.pid_fd, .events = POLLIN },
                        { .fd = agent->socket_fd, .events = POLLIN },
                };

                size_t n_processes = agent->n_processes;
                for (size_t i = 0; i < n_processes; i++) {
                        polled[2 + 2 * i] = (struct pollfd){ .fd = agent->processes[i].pid_fd,
                                                             .events = POLLIN };
                        polled[3 + 2 * i] = (struct pollfd){ .fd = agent->processes[i].status_fd,
                                                             .events = POLLIN };
                }
                if (poll(polled, 2 + 2 * n_processes, -1) < 0)
                        err(EXIT_FAILURE, "poll");

                for (size_t i = n_processes; i-- > 0;) { /* backwards: reap_command() moves the last one here */
                        if (polled[3 + 2 * i].revents)
                                signal_command(&agent->processes[i]);
                        if (polled[2 + 2 * i].revents)
                                reap_command(agent, i);
                }
                if (polled[0].revents) {
                        int status = wait_status(agent->init.pid);

                        /* Other distros have PID namespaces of their own, so nothing else ends them with the
                         * VM. */
                        for (size_t i = agent->n_processes; i-- > 0;) {
                                (void) kill(agent->processes[i].pid, SIGKILL);
                                reap_command(agent, i);
                        }
                        return status;
                }
                if (polled[1].revents) {
                        int fds[LAB_FDS_MAX];
                        ssize_t n = lab_receive(agent->socket_fd, message, sizeof(message), fds);

                        if (n <= 0) { /* the test has gone, or kills the machine */
                                (void) kill(agent->init.pid, SIGKILL);
                                agent->socket_fd = lab_close(agent->socket_fd);
                        } else {
                                size_t n_strings = split(message, (size_t) n, strings);

                                if (n_strings > 0 && strcmp(strings[0], "run") == 0)
                                        run_command(agent, options, strings, n_strings, fds);
                        }
                        lab_close_all(fds);
                }
        }
}

__attribute__((noreturn)) static void run_agent(const Options *options, const char *root, Cgroups cgroups,
                                                int socket_fd, int tracker_fd) {

        Agent agent = { .socket_fd = socket_fd, .cgroups = cgroups };
        char message[16];
        int fds[LAB_FDS_MAX];

        agent.self_fd = open_self();
        agent.outer_pid_namespace = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (agent.outer_pid_namespace < 0)
                err(EXIT_FAILURE, "/proc/self/ns/pid");
        if (write(cgroups.guest_procs, "0", 1) < 0)
                err(EXIT_FAILURE, "enter the machine's cgroup");
        if (unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | (options->shared_cgroups ? 0 : CLONE_NEWCGROUP)) < 0)
                err(EXIT_FAILURE, "unshare");
        if (sethostname(options->hostname, strlen(options->hostname)) < 0)
                err(EXIT_FAILURE, "sethostname");
        must_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        if (chdir(root) < 0)
                err(EXIT_FAILURE, "%s", root);
        bring_up_loopback();

        tell(socket_fd, "network");
        if (lab_receive(socket_fd, message, sizeof(message), fds) <= 0)
                _exit(EXIT_FAILURE);

        if (tracker_fd >= 0) {
                hand_to_tracker(tracker_fd, options);
                (void) lab_close(tracker_fd);
        }
        start_init(&agent, options);
        int status = serve(&agent, options);
        _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- the holder ---- */

static int make_directory(int parent_fd, const char *name) {
        if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
                err(EXIT_FAILURE, "mkdir %s", name);
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                err(EXIT_FAILURE, "%s", name);
        return fd;
}

static int remove_directory(const char *path, const struct stat *status, int type, struct FTW *walk) {
        (void) status;
        (void) walk;
        if (type == FTW_DP)
                (void) rmdir(path);
        return 0;
}

/* A dead process may stay in its cgroup for a moment. */
static void remove_cgroups(const char *path) {
        for (int patience = 0; patience < 500; patience++) {
                (void) nftw(path, remove_directory, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
                if (access(path, F_OK) < 0)
                        return;
                usleep(10 * 1000);
        }
        warnx("%s stays behind.", path);
}

static void parse_options(Options *ret, char **strings) {
        Options options = { .hostname = "lab" };
        static const struct {
                const char *prefix;
                size_t offset;
        } values[] = {
                { "osrelease=", offsetof(Options, osrelease) },
                { "version=", offsetof(Options, version) },
                { "boot-id=", offsetof(Options, boot_id) },
                { "container=", offsetof(Options, container) },
                { "hostname=", offsetof(Options, hostname) },
        };

        for (; *strings; strings++) {
                bool listen = strcmp(*strings, "trap-listen") == 0;
                bool interruptible = strcmp(*strings, "interruptible") == 0;
                bool shared = strcmp(*strings, "shared-cgroups") == 0, known = listen || interruptible || shared;

                options.trap_listen |= listen;
                options.interruptible |= interruptible;
                options.shared_cgroups |= shared;
                for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                        size_t length = strlen(values[i].prefix);

                        if (strncmp(*strings, values[i].prefix, length) == 0) {
                                *(const char **) ((char *) &options + values[i].offset) = *strings + length;
                                known = true;
                        }
                }
                if (!known)
                        errx(EXIT_FAILURE, "Unknown option: %s", *strings);
        }
        *ret = options;
}

/* Starts a boot. The agent takes over `fds`. Returns the agent's PID. */
static pid_t boot(const Options *options, const char *root, const char *cgroup,
                  int fds[static LAB_FDS_MAX]) {
        _cleanup_close_ int cgroup_fd = -1, agent_fd = -1, guest_fd = -1, shell_fd = -1;
        Cgroups cgroups;
        _cleanup_close_ int self_fd = open_self();

        if (mkdir(cgroup, 0755) < 0 && errno != EEXIST)
                err(EXIT_FAILURE, "mkdir %s", cgroup);
        cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        agent_fd = make_directory(cgroup_fd, "agent");
        guest_fd = make_directory(cgroup_fd, "guest");
        shell_fd = make_directory(guest_fd, "shell");
        cgroups.guest_procs = openat(guest_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        cgroups.agent_procs = openat(agent_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        cgroups.shell_procs = openat(shell_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (cgroups.guest_procs < 0 || cgroups.agent_procs < 0 || cgroups.shell_procs < 0)
                err(EXIT_FAILURE, "%s", cgroup);

        pid_t pid = fork();
        if (pid < 0)
                err(EXIT_FAILURE, "fork");
        if (pid == 0) {
                die_with_parent(self_fd);
                close(STDIN_FILENO); /* the holder's */
                run_agent(options, root, cgroups, fds[0], fds[1]);
        }

        close(cgroups.guest_procs);
        close(cgroups.agent_procs);
        close(cgroups.shell_procs);
        return pid;
}

static void mount_disk(const char *mountpoint, const char *lower_layers) {
        _cleanup_free_ char *data = NULL;

        if (unshare(CLONE_NEWNS) < 0)
                err(EXIT_FAILURE, "unshare");
        must_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        must_mount("tmpfs", mountpoint, "tmpfs", MS_NODEV, "mode=755");
        if (chdir(mountpoint) < 0 || mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0 ||
            mkdir("root", 0755) < 0)
                err(EXIT_FAILURE, "%s", mountpoint);
        if (asprintf(&data, "lowerdir=%s,upperdir=upper,workdir=work", lower_layers) < 0)
                err(EXIT_FAILURE, "asprintf");
        must_mount("overlay", "root", "overlay", 0, data);
}

int main(int argc, char **argv) {
        static char message[MESSAGE_MAX];
        static char *strings[STRINGS_MAX + 1];
        char root[4096];
        pid_t agent = 0;
        int agent_pid_fd = -1;

        if (argc != 4)
                errx(EXIT_FAILURE, "Usage: lab-guest MOUNTPOINT CGROUP LOWER-LAYERS");
        mount_disk(argv[1], argv[3]);
        snprintf(root, sizeof(root), "%s/root", argv[1]);
        tell(STDIN_FILENO, "ready");

        for (bool test_is_there = true; test_is_there || agent > 0;) {
                struct pollfd polled[] = {
                        { .fd = test_is_there ? STDIN_FILENO : -1, .events = POLLIN },
                        { .fd = agent_pid_fd, .events = POLLIN },
                };

                if (poll(polled, 2, -1) < 0)
                        err(EXIT_FAILURE, "poll");
                if (polled[1].revents) {
                        int status = wait_status(agent);

                        agent = 0;
                        agent_pid_fd = lab_close(agent_pid_fd);
                        remove_cgroups(argv[2]);
                        tell(STDIN_FILENO, "down %d",
                             WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
                }
                if (polled[0].revents) {
                        int fds[LAB_FDS_MAX];
                        ssize_t n = lab_receive(STDIN_FILENO, message, sizeof(message), fds);

                        if (n <= 0) {
                                /* The agent sees the end of its own socket, and takes the machine down. */
                                test_is_there = false;
                        } else if (split(message, (size_t) n, strings) > 0 &&
                                   strcmp(strings[0], "boot") == 0 && agent == 0) {
                                Options options;

                                parse_options(&options, strings + 1);
                                agent = boot(&options, root, argv[2], fds);
                                agent_pid_fd = pidfd_open(agent, 0);
                                tell(STDIN_FILENO, "booted %d", agent);
                        }
                        lab_close_all(fds);
                }
        }
        return EXIT_SUCCESS;
}
