/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* What /etc/wsl.conf says of the way to Windows' programs. */

#define WSL_CONF_ROOT_SIZE 200

typedef struct WslConf {
        bool automount;                /* [automount] enabled: Windows' drives are mounted */
        bool interop;                  /* [interop] enabled: its programs can be run */
        char root[WSL_CONF_ROOT_SIZE]; /* [automount] root, with one slash at its end: the drives' folder */
} WslConf;

/* @text may be anything, "" included. It is read as WSL itself does: what isn't understood is passed over,
 * names don't know upper and lower case, and of a key that is given twice the first counts. (microsoft/WSL,
 * configfile.cpp, WslDistributionConfig.h; a line that goes on in the next one isn't followed) */
void wsl_conf_parse(const char *text, WslConf *ret);
