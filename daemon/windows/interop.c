/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/interop.h"

#include "windows/wsl.h"
#include "windows/wslconfig.h"

/* WSL's first session listens there for as long as the distro runs. (microsoft/WSL, util.cpp) */
#define INTEROP_SOCKET "/run/WSL/1_interop"

static const char *const programs[_INTEROP_PROGRAM_MAX] = {
        [INTEROP_NETSH] = "netsh.exe",
        [INTEROP_NETSTAT] = "NETSTAT.EXE",
        [INTEROP_TASKLIST] = "tasklist.exe",
        [INTEROP_REG] = "reg.exe",
        [INTEROP_POWERSHELL] = "WindowsPowerShell/v1.0/powershell.exe",
};

int interop_start(sd_event *event, InteropProgram program, const char *const arguments[], usec_t timeout,
                  ChildHandler handler, void *userdata, Child **ret) {
        const char *argv[INTEROP_ARGUMENTS_MAX + 2], *own = getenv("WSL_INTEROP");
        char path[WSL_CONF_ROOT_SIZE + 80], variable[300];
        NetworkingMode mode;
        WslConf conf;
        size_t n = 0;
        int r;

        r = wsl_detect(&mode);
        if (r >= 0)
                r = wsl_conf_read(&conf);
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

        /* A shell whose session has ended names a socket that is gone. */
        if (isempty(own) || strlen(own) > sizeof(variable) - 20 || access(own, F_OK) < 0)
                own = INTEROP_SOCKET;
        snprintf(variable, sizeof(variable), "WSL_INTEROP=%s", own);
        return child_spawn_with(event, argv, variable, PROGRAM_ALL, timeout, handler, userdata, ret);
}
