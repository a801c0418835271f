/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/sshd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "unit/test.h"

/* A script in sshd's place prints what sshd would, and notes how it was called. */
#define PRINTS "printf 'port 1\\nlistenaddress 0.0.0.0:1\\n'"
#define FAILS(words) "echo \"" words "\" >&2; exit 255"
#define CONNECTION "-C host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"
#define DUMP "-T -p22 " CONNECTION " -oPort=1\n"
#define TEST_ONLY "-t -p22 -oPort=1\n"
#define PRINT "-TG -p22 " CONNECTION " -oPort=1\n"
#define UNANSWERED "'Match X' in configuration but 'x' not in specification"
#define OPEN_KEY "@@@\n@ WARNING @\n@@@\nPermissions 0644 for '/k' are too open.\nno hostkeys available"

typedef struct AnswerRow {
        const char *name;
        const char *dump, *test, *print; /* what the script does for -T, -t and -G */
        SshdVerdict verdict;
        bool has_dump;
        const char *detail;
        const char *calls;
} AnswerRow;

static const AnswerRow rows[] = {
        { "accepted", PRINTS, "", "", SSHD_VERDICT_VALID, true, "", DUMP },
        { "refused", FAILS("f: line 3: Bad"), FAILS("f: line 3: Bad"), FAILS("f: line 3: Bad"),
          SSHD_VERDICT_REFUSED, false, "f: line 3: Bad", DUMP TEST_ONLY PRINT },
        { "refused, and its ports are told", FAILS("no hostkeys available"), FAILS("no hostkeys available"),
          PRINTS, SSHD_VERDICT_KEYLESS, true, "no hostkeys available", DUMP TEST_ONLY PRINT },
        { "refused for our file", FAILS("x"), FAILS(STATEDIR "/sshd.d/port.conf line 2: Bad"), PRINTS,
          SSHD_VERDICT_OUR_FILE_REFUSED, true, STATEDIR "/sshd.d/port.conf line 2: Bad",
          DUMP TEST_ONLY PRINT },
        { "the question can't be answered", FAILS(UNANSWERED), "", PRINTS, SSHD_VERDICT_VALID, true,
          "sshd -T fails: " UNANSWERED, DUMP TEST_ONLY PRINT },
        { "nor is there a -G", FAILS(UNANSWERED), "", FAILS("unknown option -- G"), SSHD_VERDICT_VALID,
          false, "sshd -T fails: " UNANSWERED, DUMP TEST_ONLY PRINT },
        { "nor does -G end", FAILS(UNANSWERED), "", "kill -9 $$", SSHD_VERDICT_VALID, false,
          "sshd -T fails: " UNANSWERED, DUMP TEST_ONLY PRINT },
        { "it prints something else", "echo hello", "", "", SSHD_VERDICT_VALID, false,
          "sshd printed what wslportd does not understand", DUMP },
        { "it is killed", "kill -9 $$", "", "", SSHD_VERDICT_UNKNOWN, false, "sshd was killed", DUMP },
        { "the test is killed", FAILS("x"), "kill -9 $$", "", SSHD_VERDICT_UNKNOWN, false, "sshd was killed",
          DUMP TEST_ONLY },
        { "keys that others can read", FAILS(OPEN_KEY), FAILS(OPEN_KEY), PRINTS, SSHD_VERDICT_REFUSED, true,
          "no hostkeys available: Permissions 0644 for '/k' are too open.", DUMP TEST_ONLY PRINT },
};

typedef struct Asked {
        unsigned calls;
        SshdAnswer answer;
} Asked;

static void on_answer(const SshdAnswer *answer, void *userdata) {
        Asked *asked = userdata;

        asked->calls++;
        asked->answer = *answer;
}

static void ask(const char *program, Asked *ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sshd_inquiry_freep) SshdInquiry *inquiry = NULL;
        char options[SSHD_COMMAND_SIZE] = "-p22";
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&event) >= 0);
        *ret = (Asked){ 0 };
        test_equal_int(sshd_ask(event, program, options, SSHD_SENTINEL_OPTION, on_answer, ret, &inquiry), 0);
        while (ret->calls == 0)
                test_assert(sd_event_run(event, UINT64_MAX) >= 0);
        test_equal_int(ret->calls, 1);
}

static void test_answer(const void *data) {
        const AnswerRow *row = data;
        char folder[] = "/tmp/wslportd-test-XXXXXX", program[64], log[64], calls[512] = "";
        Asked asked;
        int fd;

        test_skip_emulated("execve() of another architecture's programs");
        test_assert(mkdtemp(folder) && chmod(folder, 0755) >= 0);
        snprintf(program, sizeof(program), "%s/sshd", folder);
        snprintf(log, sizeof(log), "%s/log", folder);
        fd = open(program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        test_assert(fd >= 0 &&
                    dprintf(fd, "#!/bin/sh\necho \"$*\" >>%s\ncase $1 in -T) %s;; -t) %s;; -TG) %s;; esac\n",
                            log, row->dump, *row->test ? row->test : ":",
                            *row->print ? row->print : ":") > 0);
        close(fd);

        ask(program, &asked);
        fd = open(log, O_RDONLY | O_CLOEXEC);
        test_assert(fd >= 0 && read(fd, calls, sizeof(calls) - 1) > 0);
        close(fd);
        (void) unlink(log);
        (void) unlink(program);
        (void) rmdir(folder);

        test_equal_int(asked.answer.verdict, row->verdict);
        test_equal_int(asked.answer.has_dump, row->has_dump);
        test_equal_string(asked.answer.detail, row->detail);
        test_equal_string(calls, row->calls);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_answer, rows) };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
