/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * test_faults.py preloads this library into the daemon. It counts the daemon's allocations, makes one of
 * them fail, and shifts the time of day. Test and library share a mapped file with orders and results.
 *
 * The library acts in the daemon alone: not in `wslportd --mend`, and not in a child between fork() and
 * exec(). The programs that the daemon starts don't have it, as they get another environment.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PLAN_FILE "/run/wslportd-faults"
#define FRAMES_MAX 48
#define SITES_MAX 32768

/* test_faults.py has the same, as struct "=QQQq960s", then the sites. */
typedef struct Plan {
        uint64_t count;   /* allocations so far, in all processes of the daemon's one after the other */
        uint64_t fail_at; /* the number of the allocation that is to fail; 0: none */
        uint64_t failed;  /* how many have failed */
        int64_t shift;    /* of CLOCK_REALTIME, in seconds */
        /* The functions on the way to the failed allocation, the innermost first: "/usr/sbin/wslportd+0x1234
         * …". */
        char where[960];
        /* While none is to fail, the site() of each allocation. */
        uint64_t sites[SITES_MAX];
} Plan;

/* glibc's own functions; a program may replace malloc() and its like (glibc manual, "Replacing malloc"). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static Plan *plan;
static pid_t plan_pid;
static uintptr_t text_begin, text_end; /* of the daemon's program */

static void note_where(void) {
        void *frames[FRAMES_MAX];
        size_t length = 0;
        int n;

        n = backtrace(frames, FRAMES_MAX);
        for (int i = 2; i < n; i++) {
                Dl_info info;
                int r;

                if (!dladdr(frames[i], &info) || !info.dli_fname)
                        continue;
                r = snprintf(plan->where + length, sizeof(plan->where) - length, "%s+%#tx ", info.dli_fname,
                             (char *) frames[i] - 1 - (char *) info.dli_fbase);
                if (r < 0 || (size_t) r >= sizeof(plan->where) - length)
                        break;
                length += (size_t) r;
        }
}

/* Identifies the way to this allocation through the daemon's own functions: FNV-1a over their return
 * addresses. */
static uint64_t site(void) {
        uint64_t hash = 0xcbf29ce484222325;
        void *frames[FRAMES_MAX];
        int n;

        n = backtrace(frames, FRAMES_MAX);
        for (int i = 0; i < n; i++) {
                uintptr_t address = (uintptr_t) frames[i];

                if (address >= text_begin && address < text_end)
                        hash = (hash ^ (address - text_begin)) * 0x100000001b3;
        }
        return hash;
}

/* dl_iterate_phdr(3) calls this for the program itself first, and stops then. */
static int find_text(struct dl_phdr_info *info, size_t size, void *userdata) {
        (void) size, (void) userdata;
        for (size_t i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
                        text_begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                        text_end = text_begin + info->dlpi_phdr[i].p_memsz;
                }
        return 1;
}

/* Counts an allocation. Returns whether it is the one that is to fail. */
static bool fails(void) {
        uint64_t n;

        if (!plan || getpid() != plan_pid)
                return false;
        n = __atomic_add_fetch(&plan->count, 1, __ATOMIC_RELAXED);
        if (plan->fail_at == 0 && plan->failed == 0 && n <= SITES_MAX)
                plan->sites[n - 1] = site();
        if (n != plan->fail_at)
                return false;

        plan->fail_at = 0; /* first of all, as note_where() may allocate */
        plan->failed++;
        note_where();
        errno = ENOMEM;
        return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size) {
        return fails() ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
        return fails() ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size) {
        return fails() ? NULL : __libc_realloc(old, size);
}

static int64_t shift(clockid_t clock) {
        return plan && clock == CLOCK_REALTIME ? plan->shift : 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret) {
        static int (*next)(clockid_t, struct timespec *);
        int r;

        if (!next)
                next = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
        r = next(clock, ret);
        if (r >= 0)
                ret->tv_sec += shift(clock);
        return r;
}

__attribute__((constructor)) static void faults_begin(int argc, char *argv[]) {
        const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
        void *frames[1], *mapped;
        int fd;

        if (argc != 1 || !name || strcmp(name, "/wslportd") != 0)
                return;

        fd = open(PLAN_FILE, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        mapped = mmap(NULL, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (mapped == MAP_FAILED)
                return;

        (void) backtrace(frames, 1); /* the first call loads a library */
        (void) dl_iterate_phdr(find_text, NULL);
        plan_pid = getpid();
        plan = mapped;
}
