/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/helper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "kernel/tracepoint.h"
#include "kernel/owner.h"
#include "kernel/sockets.h"
#include "unit/netns.h"
#include "unit/outcome.h"

/* The installed helper's program, argv[1], without systemd. */
typedef struct Server {
        char folder[64], socket[80], program[80];
        pid_t pid;
} Server;

static void start(Server *s) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int fd;

        test_skip_emulated("execve() of another architecture's programs");
        strcpy(s->folder, "/tmp/wslportd-test-XXXXXX");
        test_assert(mkdtemp(s->folder) && chmod(s->folder, 0755) >= 0);
        snprintf(s->socket, sizeof(s->socket), "%s/socket", s->folder);
        snprintf(s->program, sizeof(s->program), "%s/sshd", s->folder);
        strcpy(name.sun_path, s->socket);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        test_assert(fd >= 0 && bind(fd, (struct sockaddr *) &name, sizeof(name)) >= 0 &&
                    listen(fd, 128) >= 0);
        test_assert(chmod(s->socket, 0666) >= 0);

        s->pid = fork();
        test_assert(s->pid >= 0);
        if (s->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                /* dup2() of a descriptor to itself would leave it close-on-exec. */
                if (fd == 3 ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, 3) < 0)
                        _exit(1);
                (void) setenv("LISTEN_FDS", "1", 1);
                execl(test_now.argv[1], test_now.argv[1], NULL);
                _exit(1);
        }
        close(fd);
        test_assert(setenv("WSLPORTD_HELPER", s->socket, 1) >= 0);
}

static void stop(Server *s) {
        (void) unlink(s->program);
        (void) unlink(s->socket);
        (void) rmdir(s->folder);
        (void) kill(s->pid, SIGKILL);
        test_equal_int(waitpid(s->pid, NULL, 0), s->pid);
}

/* True while processes of the helper's serve or run. The helper reaps them itself. */
static bool has_children(const Server *s) {
        char path[64], text[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s->pid, s->pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                test_skip("%s: %s", path, strerror(errno));
        n = read(fd, text, sizeof(text));
        test_assert(n >= 0);
        return n > 0;
}

static void wait_idle(const Server *s) {
        for (unsigned i = 0; i < 1000 && has_children(s); i++)
                usleep(10 * 1000);
        test_assert(!has_children(s));
}

/* Another user may run the program, hence its folder is open to all. */
static void write_program(const Server *s, const char *text) {
        int fd = open(s->program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

        test_assert(fd >= 0 && dprintf(fd, "#!/bin/sh\n%s\n", text) > 0);
        close(fd);
}

static void begin(Outcome *o, const char *const argv[], ProgramRights rights, usec_t timeout) {
        *o = (Outcome){ 0 };
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn(o->event, argv, "WSL_INTEROP=a b", rights, timeout, outcome_on_end,
                                        o, &o->child),
                       0);
}

static void finish(Outcome *o) {
        outcome_wait(o);
        o->child = child_free(o->child);
        sd_event_unref(o->event);
}

static void test_runs_a_program(void) {
        Server s;
        Outcome o;

        start(&s);
        write_program(&s, "echo $1:$WSL_INTEROP:$LISTEN_FDS:$LC_ALL; cat; echo err >&2; exit 3");
        begin(&o, (const char *const[]){ s.program, "", "x", NULL }, PROGRAM_READS, 10 * USEC_PER_SEC);
        finish(&o);
        test_equal_int(o.error, 0);
        test_equal_int(o.exit_status, 3);
        test_equal_string(o.output, ":a b::C\n");
        test_equal_string(o.errors, "err\n");
        wait_idle(&s);
        stop(&s);
}

static void test_rights(void) {
        Server s;
        Outcome o;

        if (geteuid() != 0)
                test_skip("needs root");
        start(&s);
        write_program(&s, "id -u; grep CapEff /proc/self/status; ls /proc/self/fd | wc -l");
        begin(&o, (const char *const[]){ s.program, NULL }, PROGRAM_READS, 10 * USEC_PER_SEC);
        finish(&o);
        /* stdin, stdout, stderr, and the folder that ls reads */
        test_equal_string(o.output, "0\nCapEff:\t0000000000000004\n4\n");
        stop(&s);
}

static void test_deadline_ends_it(void) {
        Server s;
        Outcome o;

        start(&s);
        write_program(&s, "exec sleep 1000");
        begin(&o, (const char *const[]){ s.program, NULL }, PROGRAM_READS, 50 * USEC_PER_MSEC);
        finish(&o);
        test_equal_int(o.error, -ETIMEDOUT);
        wait_idle(&s);
        stop(&s);
}

static void test_freed_it_ends(void) {
        Server s;
        Outcome o;

        start(&s);
        write_program(&s, "exec sleep 1000");
        begin(&o, (const char *const[]){ s.program, NULL }, PROGRAM_READS, 100 * USEC_PER_SEC);
        o.child = child_free(o.child);
        wait_idle(&s);
        test_equal_int(o.calls, 0);
        sd_event_unref(o.event);
        stop(&s);
}

static void test_killed_is_no_exit(void) {
        Server s;
        Outcome o;

        start(&s);
        write_program(&s, "kill -9 $$");
        begin(&o, (const char *const[]){ s.program, NULL }, PROGRAM_READS, 10 * USEC_PER_SEC);
        finish(&o);
        test_equal_int(o.error, -EIO);
        test_equal_int(o.exit_status, -1);
        stop(&s);
}

static void test_another_variable_is_refused(void) {
        Server s;
        Outcome o = { 0 };

        start(&s);
        write_program(&s, "exit 0");
        test_assert(sd_event_new(&o.event) >= 0);
        test_equal_int(child_spawn(o.event, (const char *const[]){ s.program, NULL },
                                        "LD_PRELOAD=/x.so", PROGRAM_READS, 10 * USEC_PER_SEC, outcome_on_end,
                                        &o, &o.child),
                       0);
        finish(&o);
        test_equal_int(o.error, -EIO);
        stop(&s);
}

static void test_a_library_of_ours_is_taken(void) {
        Server s;
        Outcome o = { 0 };

        start(&s);
        write_program(&s, "echo $LD_PRELOAD");
        test_assert(sd_event_new(&o.event) >= 0);
        test_equal_int(child_spawn(o.event, (const char *const[]){ s.program, NULL },
                                        "LD_PRELOAD=" PROGRAM_PRELOAD, PROGRAM_READS, 10 * USEC_PER_SEC,
                                        outcome_on_end, &o, &o.child),
                       0);
        finish(&o);
        test_equal_string(o.output, PROGRAM_PRELOAD "\n");
        stop(&s);
}

static void test_what_it_does_not_know_is_not_run(void) {
        Server s;
        Outcome o;

        start(&s);
        begin(&o, (const char *const[]){ "/bin/sh", "-c", "exit 0", NULL }, PROGRAM_ALL, 10 * USEC_PER_SEC);
        finish(&o);
        test_equal_int(o.exit_status, -1);
        stop(&s);
}

static void test_a_stopped_helper_is_waited_for_as_long_as_the_caller_says(void) {
        SocketOwner owner;
        Server s;

        start(&s);
        test_equal_int(kill(s.pid, SIGSTOP), 0);
        for (unsigned i = 0; i < 100; i++) /* far more than the test's own time */
                test_equal_int(owner_find(1, 0, 0, &owner), -EAGAIN);
        test_equal_int(kill(s.pid, SIGCONT), 0);
        stop(&s);
}

static void test_without_a_helper(void) {
        static const char *const argv[] = { "/usr/sbin/sshd", NULL };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Child *child;
        SocketOwner owner;
        Server s;
        int fd;

        start(&s);
        stop(&s);
        test_assert(sd_event_new(&event) >= 0);
        test_equal_int(child_spawn(event, argv, NULL, PROGRAM_READS, USEC_PER_SEC, outcome_on_end, NULL, &child),
                       -EHOSTDOWN);
        test_equal_int(owner_find(1, 0, test_soon(), &owner), -EHOSTDOWN);
        test_equal_int(tracepoint_open(&fd, 1), -EHOSTDOWN);
        test_assert(errno_is_passing(-EHOSTDOWN));
}

static void test_finds_an_owner(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        SocketOwner owner, here;
        Listener listener;
        Server s;
        int fd;

        netns_enter();
        start(&s);
        fd = netns_listen("127.0.0.1", 2222);
        test_equal_int(sockets_new(&sockets), 0);
        test_equal_int(sockets_list_listeners(sockets, 2222, &listener, 1), 1);

        /* kernel/test-owner, which may run beside this test, has more files open than one search reads. */
        for (unsigned i = 0; i < 100; i++) {
                test_equal_int(owner_find(listener.inode, listener.cgroup_id, test_soon(), &owner), 0);
                test_equal_int(owner_search(listener.inode, listener.cgroup_id, &here), 0);
                if (owner.result != OWNER_UNKNOWN && here.result != OWNER_UNKNOWN)
                        break;
                usleep(100 * 1000);
        }
        test_equal_int(owner.result, OWNER_FOUND);
        test_equal_int(owner.pid, getpid());
        test_equal_string(owner.comm, here.comm);
        test_equal_string(owner.unit, here.unit);
        close(fd);
        stop(&s);
}

static void test_opens_the_tracepoint(void) {
        int here[HELPER_FDS_MAX], there[HELPER_FDS_MAX], n, n_there;
        Server s;

        n = tracepoint_open(here, ELEMENTSOF(here));
        start(&s);
        do /* the helper of a slow machine answers later than tracepoint_open() waits */
                n_there = tracepoint_open(there, ELEMENTSOF(there));
        while (n_there == -EAGAIN);
        test_equal_int(n_there, n);
        for (int i = 0; i < n; i++)
                test_assert(fcntl(there[i], F_GETFD) == FD_CLOEXEC);
        if (n > 0)
                test_equal_int(tracepoint_open(there, 0), -EMSGSIZE);
        stop(&s);
}

/* Connects and sends @text. The helper has to hang up without an answer. */
static void is_refused(const Server *s, const void *text, size_t size) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        char reply[16];
        int fd;

        strcpy(name.sun_path, s->socket);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        test_assert(fd >= 0 && connect(fd, (struct sockaddr *) &name, sizeof(name)) >= 0);
        if (size > 0)
                test_equal_int(send(fd, text, size, MSG_NOSIGNAL), size);
        test_assert(recv(fd, reply, sizeof(reply), 0) <= 0);
        close(fd);
}

static void test_nonsense_is_refused(void) {
        HelperRequest requests[] = {
                { .task = _HELPER_TASK_MAX },
                { .task = HELPER_RUN },
                { .task = HELPER_RUN, .n_arguments = 1 },
                { .task = HELPER_FIND_OWNER, .n_arguments = 1 },
                { .task = HELPER_TRACE, .n_variables = UINT32_MAX },
                { .task = HELPER_RUN, .n_arguments = HELPER_ARGUMENTS_MAX + 1 },
                { .task = HELPER_RUN, .n_arguments = UINT32_MAX, .n_variables = 1 },
                { .task = HELPER_TRACE, .rights = _PROGRAM_RIGHTS_MAX },
        };
        _cleanup_free_ char *flood = calloc(1, HELPER_REQUEST_MAX + 1);
        Server s;

        test_assert(flood);
        start(&s);
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                is_refused(&s, &requests[i], sizeof(requests[i]));
        is_refused(&s, "x", 1);
        is_refused(&s, flood, HELPER_REQUEST_MAX + 1);
        is_refused(&s, NULL, 0); /* the helper waits a second for a request */
        wait_idle(&s);
        stop(&s);
}

static void test_others_are_refused(void) {
        Server s;
        pid_t pid;

        if (geteuid() != 0)
                test_skip("needs root");
        start(&s);
        pid = fork();
        test_assert(pid >= 0);
        if (pid == 0) {
                SocketOwner owner;

                if (setresuid(1000, 1000, 1000) < 0 || setenv("WSLPORTD_HELPER", s.socket, 1) < 0)
                        _exit(2);
                _exit(owner_find(1, 0, test_soon(), &owner) == -EAGAIN ? 0 : 1);
        }
        int status;
        test_equal_int(waitpid(pid, &status, 0), pid);
        test_equal_int(status, 0);
        stop(&s);
}

typedef struct MayRow {
        const char *name;
        ProgramRights rights;
        bool may;
} MayRow;

static const MayRow may_rows[] = {
        { LIBEXECDIR "/wslportd-bindprobe", PROGRAM_BINDS, true },
        { LIBEXECDIR "/wslportd-bindprobe", PROGRAM_ALL, false },
        { LIBEXECDIR "/wslportd-greeting", PROGRAM_NONE, true },
        { LIBEXECDIR "/wslportd-greeting", PROGRAM_READS, false },
        { LIBEXECDIR "/wslportd-diagnose", PROGRAM_ALL, true },
        { "/usr/bin/wslinfo", PROGRAM_ALL, true },
        { "/usr/sbin/sshd", PROGRAM_READS, true },
        { "/opt/ssh/sbin/sshd", PROGRAM_READS, true },
        { "/usr/sbin/sshd", PROGRAM_ALL, false },
        { "/usr/sbin/sshd", PROGRAM_BINDS, false },
        { "/usr/sbin/notsshd", PROGRAM_READS, false },
        { "sshd", PROGRAM_READS, false },
        { "/mnt/c/Windows/System32/netsh.exe", PROGRAM_ALL, true },
        { "/mnt/c/Windows/System32/NETSTAT.EXE", PROGRAM_ALL, true },
        { "/mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe", PROGRAM_ALL, true },
        { "/mnt/c/Windows/System32/netsh.exe", PROGRAM_READS, false },
        { "/mnt/c/Windows/System32/netsh", PROGRAM_ALL, false },
        { "/mnt/c/Users/netsh.exe", PROGRAM_ALL, false },
        { "/bin/sh", PROGRAM_ALL, false },
        { "/bin/sh", PROGRAM_NONE, false },
        { "", PROGRAM_ALL, false },
};

static void test_may_run(const void *data) {
        const MayRow *row = data;

        test_equal_int(helper_may_run(row->name, row->rights), row->may);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_runs_a_program),
                TEST(test_rights),
                TEST(test_deadline_ends_it),
                TEST(test_freed_it_ends),
                TEST(test_killed_is_no_exit),
                TEST(test_another_variable_is_refused),
                TEST(test_a_library_of_ours_is_taken),
                TEST(test_what_it_does_not_know_is_not_run),
                TEST(test_a_stopped_helper_is_waited_for_as_long_as_the_caller_says),
                TEST(test_without_a_helper),
                TEST(test_finds_an_owner),
                TEST(test_opens_the_tracepoint),
                TEST(test_nonsense_is_refused),
                TEST(test_others_are_refused),
                TEST_TABLE(test_may_run, may_rows),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
