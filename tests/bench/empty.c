/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that a service can be: it says READY=1 through libsystemd, and waits to be ended. */
#include <stdlib.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

int main(void) {
        if (sd_notify(0, "READY=1") < 0)
                return EXIT_FAILURE;
        for (;;)
                pause();
}
