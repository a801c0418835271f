/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>

#include "ctl/verb.h"

/* Opens /dev/null in the place of each standard descriptor that the shell has closed. Otherwise the bus
 * would get its number, and receive what is printed. Read-only, so that printing there is an error. */
static int open_standard_descriptors(void) {
        int fd;

        do {
                fd = open("/dev/null", O_RDONLY);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO);
        close(fd);
        return 0;
}

/* Output that couldn't be written is a failure. A closed pipe gets no message: its reader has seen
 * enough. */
static int flush_output(int status) {
        errno = 0;
        if ((fflush(stdout) == 0 && !ferror(stdout)) || (status != CTL_OK && status != CTL_FAILED))
                return status;
        if (errno != EPIPE)
                (void) ctl_error(CTL_FAILED, "the output is lost%s%s", errno == 0 ? "" : ": ",
                                 errno == 0 ? "" : strerrordesc_np(errno));
        return CTL_FAILED;
}

int main(int argc, char *argv[]) {
        Ctl ctl = { 0 };
        int status;

        if (open_standard_descriptors() < 0)
                return CTL_FAILED;

        /* For the programs that verbs run. */
        (void) block_signals((const int[]){ SIGCHLD, 0 });

        ctl.columns = ctl_columns(STDOUT_FILENO);
        ctl.ascii = !setlocale(LC_CTYPE, "") || !streq(nl_langinfo(CODESET), "UTF-8");
        ctl.color = isatty(STDOUT_FILENO) && isempty(getenv("NO_COLOR")) &&
                    !streq(strempty(getenv("TERM")), "dumb");
        status = command_line_parse(argc, argv, &ctl.line);
        if (status == CTL_OK && ctl.line.options[OPTION_VERSION])
                printf("wslportctl %s\n", PROJECT_VERSION);
        else if (status == CTL_OK)
                status = ctl.line.verb->run(&ctl);
        sd_bus_flush_close_unref(ctl.bus);

        return flush_output(status);
}
