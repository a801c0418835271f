/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How a terminal shows a piece of text. */
typedef enum Style {
        STYLE_PLAIN,
        STYLE_GOOD,
        STYLE_BAD,
        STYLE_FAINT,
        STYLE_STRONG,
} Style;

/* The escape sequence that begins @style, "" without colours; STYLE_PLAIN ends any. */
static inline const char *style_sequence(bool color, Style style) {
        static const char *const sequences[] = {
                [STYLE_PLAIN] = "\033[0m", [STYLE_GOOD] = "\033[32m",  [STYLE_BAD] = "\033[31m",
                [STYLE_FAINT] = "\033[2m", [STYLE_STRONG] = "\033[1m",
        };

        return color ? sequences[style] : "";
}
