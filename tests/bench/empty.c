/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest service: it sends READY=1 by libsystemd, and waits for its end. */
#include <stdlib.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

int main(void) {
        if (sd_notify(0, "READY=1") < 0)
                return EXIT_FAILURE;
        for (;;)
                pause();
}
