/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MESSAGE_ID= of the journal entries that people and programs look for. An ID never changes its meaning, which
 * units/wslportd.catalog tells and `journalctl -x` shows. */
#define MESSAGE_CONFLICT "46f2508be7884c6e865d6f5adcff99bc"
#define MESSAGE_RELOCATED "09e8bf5ba3654c62b1228f1736b12d8b"
#define MESSAGE_RESTORED "3bc19b13f8f0466493fad2a5928f74dc"
#define MESSAGE_BLOCKED "d44c503302c444dc8ec65b606dbacd78"
#define MESSAGE_PINNED "e7c41e82b86e452b8c176d70d98ce7b9"
#define MESSAGE_UNPINNED "68190a4537254cba92437c190d42900b"
#define MESSAGE_NO_ANSWER "9b9e8b71d9b24f52a9a4a29c796cb7fd"
