/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/owner.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "core/model.h"
#include "process/helper.h"

/* Each process has a share of the files, so that a process with very many files can't hide another's. */
#define FILES_MAX 16384U
#define FILES_PER_PROCESS_MAX 4096U
#define PROCESSES_MAX 1024U
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h */

typedef struct Search {
        int proc_fd;
        uint32_t inode;
        unsigned files_left;
        bool incomplete; /* some file could not be read: not to have found the socket proves nothing */
        int error;       /* errno_is_passing(): to have found it proves nothing either; 0: none */
        char systemd_root[PATH_MAX]; /* the cgroup below which systemd makes its own; "": at the top */
        SocketOwner owner;
} Search;

static void note_failure(Search *search, int error) {
        if (errno_is_passing(error))
                search->error = error;
}

/* Notes a process or a file that can't be read. One that is gone doesn't have the socket. */
static void note_unreadable(Search *search, int error) {
        note_failure(search, error);
        if (error != -ENOENT && error != -ESRCH)
                search->incomplete = true;
}

static DIR *open_directory(int at_fd, const char *path) {
        int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

        if (!directory)
                closep(&fd);
        return directory;
}

int owner_unit_from_path(const char *path, char ret[static 256]) {
        static const char *const suffixes[] = { ".service", ".socket", ".scope" };
        _cleanup_free_ char *copy = strdup(path);
        char *rest = copy, *name;
        const char *suffix;

        if (!copy)
                return -ENOMEM;
        do {
                /* NOLINTNEXTLINE(unix.Malloc): a part of the copy, which is freed */
                name = strtok_r(rest, "/", &rest);
                suffix = name ? strrchr(name, '.') : NULL;
        } while (suffix && suffix != name && streq(suffix, ".slice"));
        if (!suffix)
                return -ENXIO;

        name += *name == '_'; /* systemd puts it before names that could be taken for the kernel's files */
        if (suffix == name || string_index(suffix, suffixes, ELEMENTSOF(suffixes)) < 0 ||
            name[strspn(name, UNIT_NAME_CHARACTERS)] || strlen(name) >= 256)
                return -ENXIO;

        strcpy(ret, name);
        return 0;
}

/* Opens the root of cgroup2, which on hybrid hosts is a folder of its own. */
static int open_cgroup_root(const char **ret_path) {
        static const char *const paths[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_close_ int fd = -1;
                struct statfs fs;

                fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0 || fstatfs(fd, &fs) < 0) {
                        if (errno != ENOENT)
                                return -errno;
                } else if (fs.f_type == CGROUP2_SUPER_MAGIC) {
                        *ret_path = paths[i];
                        return TAKE_FD(fd);
                }
        }
        return -ENOENT;
}

static int open_cgroup(int root_fd, uint64_t cgroup_id) {
        union {
                struct file_handle handle;
                uint8_t bytes[sizeof(struct file_handle) + sizeof(cgroup_id)];
        } file = { .handle = { .handle_bytes = sizeof(cgroup_id), .handle_type = FILEID_KERNFS } };
        int fd;

        memcpy(file.bytes + offsetof(struct file_handle, f_handle), &cgroup_id, sizeof(cgroup_id));
        fd = open_by_handle_at(root_fd, &file.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The path in "0::/system.slice/ssh.service", or on hybrid hosts in "1:name=systemd:/…"; NULL: another controller's. */
static const char *path_in_line(const char *line) {
        const char *path = strstr(line, ":name=systemd:");

        return path ? path + strlen(":name=systemd:") : startswith(line, "0::");
}

/* As systemd does it (cg_get_root_path()). From 2.9.8 to 2.9.12, WSL gives each distro a cgroup without a namespace for
 * it: "/wsl-user/distro-7/systemd". (microsoft/WSL, init.cpp) */
static void find_systemd_root(Search *search) {
        char buffer[8192], *rest = buffer, *line;
        ssize_t n = fs_read_at(search->proc_fd, "1/cgroup", buffer, sizeof(buffer));

        note_failure(search, (int) n); /* without it each unit could be a stranger */
        while (n >= 0 && (line = strsep(&rest, "\n"))) {
                const char *path = path_in_line(line), *end = path ? strrchr(path, '/') : NULL;

                if (end && streq(end, "/init.scope"))
                        snprintf(search->systemd_root, sizeof(search->systemd_root), "%.*s",
                                 (int) (end - path), path);
        }
}

static int find_unit(const Search *search, const char *path, char ret[static 256]) {
        const char *inner = startswith(path, search->systemd_root);

        return inner && *inner == '/' ? owner_unit_from_path(inner, ret) : -ENXIO;
}

static int read_cgroup_unit(Search *search, const char *root, int cgroup_fd, char ret[static 256]) {
        char link[32], path[PATH_MAX];
        const char *inner;
        ssize_t n;

        snprintf(link, sizeof(link), "self/fd/%d", cgroup_fd);
        n = readlinkat(search->proc_fd, link, path, sizeof(path) - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';

        /* The mount doesn't show cgroups outside of its root: they belong to others. */
        inner = startswith(path, root);
        return inner ? find_unit(search, inner, ret) : -ENXIO;
}

static int read_process_unit(const Search *search, int process_fd, char ret[static 256]) {
        char buffer[8192], *rest = buffer, *line;
        ssize_t n = fs_read_at(process_fd, "cgroup", buffer, sizeof(buffer));

        if (n < 0)
                return (int) n;

        while ((line = strsep(&rest, "\n"))) {
                const char *path = path_in_line(line);

                if (path && find_unit(search, path, ret) == 0)
                        return 0;
        }
        return -ENXIO;
}

static bool has_socket(Search *search, int process_fd) {
        _cleanup_closedir_ DIR *files = open_directory(process_fd, "fd");
        char wanted[32], target[64];
        const struct dirent *file;
        unsigned files_here = 0;

        if (!files) {
                note_unreadable(search, -errno);
                return false;
        }

        snprintf(wanted, sizeof(wanted), "socket:[%u]", search->inode);
        while ((file = readdir(files))) {
                ssize_t n;

                if (!isdigit(file->d_name[0]))
                        continue;
                if (search->files_left == 0 || files_here == FILES_PER_PROCESS_MAX) {
                        search->incomplete = true;
                        return false;
                }
                search->files_left--;
                files_here++;

                n = readlinkat(dirfd(files), file->d_name, target, sizeof(target) - 1);
                if (n < 0) {
                        note_unreadable(search, -errno);
                        continue;
                }
                target[n] = '\0';
                if (streq(target, wanted))
                        return true;
        }
        return false;
}

/* Makes the process the owner. Returns false if the process has ended meanwhile: then it has the socket no
 * more. */
static bool describe_owner(Search *search, int process_fd, const char *pid) {
        char comm[80]; /* a thread of the kernel's has a longer one than a process */
        ssize_t n = fs_read_at(process_fd, "comm", comm, sizeof(comm));

        if (n < 0) {
                note_failure(search, (int) n);
                return false;
        }
        comm[strcspn(comm, "\n")] = '\0';
        for (char *c = comm; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';

        search->owner.result = OWNER_FOUND;
        search->owner.pid = (pid_t) strtol(pid, NULL, 10);
        snprintf(search->owner.comm, sizeof(search->owner.comm), "%.15s", comm);
        if (isempty(search->owner.unit))
                note_failure(search, read_process_unit(search, process_fd, search->owner.unit));
        return true;
}

/* Holds the process' folder open while it reads there: if the process ends, its files are gone, and the
 * search never reads those of a new process with the same number. Returns true once the socket is found. */
static bool search_process(Search *search, const char *pid) {
        _cleanup_close_ int process_fd = openat(search->proc_fd, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (process_fd < 0) {
                note_failure(search, -errno);
                return false;
        }
        return has_socket(search, process_fd) && describe_owner(search, process_fd, pid);
}

/* Sets *@ret_ours if a process of this PID namespace lives in the cgroup. Other namespaces' processes read
 * as 0. */
static bool search_cgroup(Search *search, int cgroup_fd, bool *ret_ours) {
        _cleanup_fclose_ FILE *processes = NULL;
        bool found = false;
        char pid[16];
        int fd, value;

        fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        processes = fd >= 0 ? fdopen(fd, "re") : NULL;
        if (!processes) {
                note_failure(search, -errno);
                closep(&fd);
                return false;
        }

        /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
        for (unsigned i = 0; i < PROCESSES_MAX && !found && fscanf(processes, "%d", &value) == 1; i++) {
                if (value <= 0)
                        continue;

                *ret_ours = true;
                snprintf(pid, sizeof(pid), "%d", value);
                found = search_process(search, pid);
        }
        return found;
}

static bool search_all(Search *search) {
        _cleanup_closedir_ DIR *processes = NULL;
        const struct dirent *process;
        bool seen_init = false;

        processes = open_directory(search->proc_fd, ".");
        if (!processes)
                note_failure(search, -errno);
        while (processes && (process = readdir(processes))) {
                if (!isdigit(process->d_name[0]))
                        continue;
                if (search->files_left == 0) {
                        search->incomplete = true;
                        break;
                }
                if (search_process(search, process->d_name))
                        return true;
                seen_init |= streq(process->d_name, "1");
        }

        /* hidepid= and ProtectProc= leave out processes that this one may not look into. */
        if (!seen_init)
                search->incomplete = true;
        return false;
}

int owner_search(uint32_t inode, uint64_t cgroup_id, SocketOwner *ret) {
        _cleanup_close_ int proc_fd = -1, root_fd = -1, cgroup_fd = -1;
        Search search = { .inode = inode, .files_left = FILES_MAX };
        bool found = false, ours = false;
        const char *root = "";

        proc_fd = search.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
                return -errno;

        if (inode == 0) { /* a socket without a file: no process has it */
                *ret = search.owner;
                return 0;
        }

        find_systemd_root(&search);
        root_fd = open_cgroup_root(&root);
        if (root_fd >= 0 && cgroup_id > 1)
                cgroup_fd = open_cgroup(root_fd, cgroup_id);
        if (root_fd == -EIO) /* without the cgroup, systemd's own socket would pass for its unit's */
                return root_fd;
        note_failure(&search, root_fd < 0 ? root_fd : cgroup_fd);
        if (cgroup_fd >= 0) {
                note_failure(&search, read_cgroup_unit(&search, root, cgroup_fd, search.owner.unit));
                memcpy(search.owner.cgroup_unit, search.owner.unit, sizeof(search.owner.unit));
                found = search_cgroup(&search, cgroup_fd, &ours);
        }

        /* Two passes before the socket counts as nobody's: a pass can miss a process that forks and ends
         * meanwhile. A cgroup with too many files would have as many in the next pass. */
        for (unsigned pass = 0; pass < 2 && !found; pass++) {
                if (search.incomplete && (pass > 0 || search.files_left == 0))
                        break;
                search.files_left = FILES_MAX;
                found = search_all(&search);
        }

        if (search.error < 0)
                return search.error;
        if (!found && !search.incomplete)
                search.owner.result = OWNER_ELSEWHERE;

        /* Other distros have their own ssh.service, perhaps in a cgroup of the same name. Without the
         * process, the name counts only if processes of ours live in that cgroup. */
        if (search.owner.result == OWNER_ELSEWHERE || (!found && !ours))
                search.owner.unit[0] = '\0';

        *ret = search.owner;
        return 0;
}

int owner_find(uint32_t inode, uint64_t cgroup_id, usec_t until, SocketOwner *ret) {
        HelperRequest request = { .task = HELPER_FIND_OWNER, .inode = inode, .cgroup_id = cgroup_id };
        SocketOwnerAnswer answer;
        int r;

        if (!helper_is_there())
                return owner_search(inode, cgroup_id, ret);
        if (clock_usec(CLOCK_MONOTONIC) >= until)
                return -EAGAIN; /* the answer would come too late, and others wait for the helper */

        r = helper_ask(&request, until, &answer, sizeof(answer), NULL, 0);
        if (r < 0)
                return r;
        if (answer.result >= 0)
                *ret = answer.owner;
        return answer.result;
}
