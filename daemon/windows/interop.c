/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/interop.h"

#include "process/child.h"
#include "base/fs.h"
#include "windows/wsl-conf.h"
#include "windows/wsl.h"

#define WSL_CONF_FILE "/etc/wsl.conf"
#define WSL_CONF_SIZE_MAX (64 * 1024)

/* The server of WSL's first session, there as long as the distro runs. (microsoft/WSL, util.cpp) */
#define INTEROP_SOCKET "/run/WSL/1_interop"

static const char *const programs[_INTEROP_PROGRAM_MAX] = {
        [INTEROP_NETSH] = "netsh.exe",
        [INTEROP_NETSTAT] = "NETSTAT.EXE",
        [INTEROP_TASKLIST] = "tasklist.exe",
        [INTEROP_REG] = "reg.exe",
        [INTEROP_POWERSHELL] = "WindowsPowerShell/v1.0/powershell.exe",
};

struct Interop {
        Child *child;
        InteropHandler handler;
        void *userdata;
};

Interop *interop_free(Interop *i) {
        if (!i)
                return NULL;

        child_free(i->child);
        free(i);
        return NULL;
}

/* A symbolic link isn't followed: it could lead to where reading hangs. */
static int read_conf(WslConf *ret) {
        _cleanup_free_ char *text = malloc(WSL_CONF_SIZE_MAX);
        ssize_t n;

        if (!text)
                return -ENOMEM;

        n = fs_read(WSL_CONF_FILE, text, WSL_CONF_SIZE_MAX);
        if (n < 0 && n != -ENOENT)
                return (int) n;

        wsl_conf_parse(n < 0 ? "" : text, ret);
        return 0;
}

static void interop_on_child(const ChildResult *result, void *userdata) {
        Interop *i = userdata;
        int error = result->timed_out            ? -ETIMEDOUT
                    : result->exit_status == 127 ? -ENOENT
                    : result->exit_status < 0    ? -EIO
                                                 : 0;

        i->handler(error, result->exit_status, error < 0 ? "" : result->output, i->userdata);
}

int interop_start(sd_event *event, InteropProgram program, const char *const arguments[], usec_t timeout,
                  InteropHandler handler, void *userdata, Interop **ret) {
        const char *argv[INTEROP_ARGUMENTS_MAX + 2], *own = getenv("WSL_INTEROP");
        char path[WSL_CONF_ROOT_SIZE + 80], variable[300];
        const char *const environment[] = { variable, NULL };
        _cleanup_(interop_freep) Interop *i = NULL;
        NetworkingMode mode;
        WslConf conf;
        size_t n = 0;
        int r;

        r = wsl_detect(&mode);
        if (r >= 0)
                r = read_conf(&conf);
        if (r < 0)
                return r;
        if (mode == MODE_NOT_WSL || mode == MODE_WSL1 || !conf.automount || !conf.interop)
                return -EOPNOTSUPP;

        snprintf(path, sizeof(path), "%sc/Windows/System32/%s", conf.root, programs[program]);
        argv[n++] = path;
        for (; *arguments; arguments++) {
                if (n > INTEROP_ARGUMENTS_MAX)
                        return -E2BIG;
                argv[n++] = *arguments;
        }
        argv[n] = NULL;

        /* That of a shell whose session has ended is of no use any more. */
        if (isempty(own) || strlen(own) > sizeof(variable) - 20 || access(own, F_OK) < 0)
                own = INTEROP_SOCKET;
        snprintf(variable, sizeof(variable), "WSL_INTEROP=%s", own);

        i = malloc(sizeof(*i));
        if (!i)
                return -ENOMEM;
        *i = (Interop){ .handler = handler, .userdata = userdata };

        r = child_spawn_with(event, argv, environment, PROGRAM_ALL, timeout, interop_on_child, i, &i->child);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(i);
        return 0;
}
