/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/home-finder.h"

#include "base/fs.h"

/* Longer ones than a person writes are not read. */
#define ENVIRONMENT_FILE_MAX ((size_t) 16 * 1024)

struct HomeFinder {
        sd_event *event;
        const Log *log;
        SshdQuery *query;
        bool stale;
        bool unasked; /* there is no answer, though there is a sshd */
        Placement placement; /* as it was when sshd was asked */
        char service[256];
        SshdAnswer answer;
        SshdHome home;
        char options[SSHD_COMMAND_SIZE];
        bool has_port_option;
        char port_fixed_by[256];
        HomeFinderHandler handler;
        void *userdata;
};

HomeFinder *home_finder_free(HomeFinder *home) {
        if (!home)
                return NULL;

        sshd_query_free(home->query);
        sd_event_unref(home->event);
        free(home);
        return NULL;
}

int home_finder_new(sd_event *event, const Log *log, HomeFinderHandler handler, void *userdata, HomeFinder **ret) {
        HomeFinder *home = malloc(sizeof(*home));

        if (!home)
                return -ENOMEM;

        *home = (HomeFinder){
                .event = sd_event_ref(event),
                .log = log,
                .stale = true,
                .handler = handler,
                .userdata = userdata,
        };
        *ret = home;
        return 0;
}

void home_finder_forget(HomeFinder *home) {
        home->stale = true;
}

bool home_finder_is_pending(const HomeFinder *home) {
        return home->query;
}

/* Where the kernel has none of it, sshd does without what its configuration has. Our own unit may open no such socket to
 * see that. */
static bool kernel_has_ipv6(void) {
        return access("/proc/net/if_inet6", F_OK) >= 0 || errno != ENOENT;
}

static void home_on_answer(const SshdAnswer *answer, void *userdata) {
        HomeFinder *home = userdata;

        home->answer = *answer;
        home->query = sshd_query_free(home->query); /* and *answer with it */
        answer = &home->answer;
        home->unasked = answer->verdict == SSHD_VERDICT_UNKNOWN;

        /* A configuration that can't be read is news; where sshd was at home before isn't forgotten for it. */
        if (answer->has_dump)
                sshd_dump_home(&answer->dump, home->placement.mechanism == MECHANISM_CONFIG ? home->placement.port : 0,
                               &home->home);
        home->home.ipv6 = home->home.ipv6 && kernel_has_ipv6();
        if (answer->verdict != SSHD_VERDICT_VALID)
                log_message(home->log, LOG_WARNING, "sshd does not accept its configuration: %s", answer->detail);

        home->port_fixed_by[0] = '\0';
        if (home->has_port_option)
                snprintf(home->port_fixed_by, sizeof(home->port_fixed_by), "-p in the command of %.200s", home->service);
        else if (answer->has_dump && home->home.port_fixed)
                (void) sshd_find_fixed(home->port_fixed_by, sizeof(home->port_fixed_by));
        home->handler(home->userdata);
}

/* The options that the service gives its sshd. */
static void home_read_options(HomeFinder *home, const UnitState *service) {
        char arguments[SSHD_COMMAND_SIZE], environment[SSHD_COMMAND_SIZE];
        _cleanup_free_ char *text = malloc(ENVIRONMENT_FILE_MAX);

        home->options[0] = home->options[1] = '\0';
        home->has_port_option = false;
        if (!service || !text)
                return;

        memcpy(environment, service->environment, sizeof(environment));
        WORDS_FOREACH (path, service->environment_files)
                if (fs_read(path, text, ENVIRONMENT_FILE_MAX) >= 0)
                        sshd_environment_add(text, environment, sizeof(environment));

        memcpy(arguments, service->command.arguments, sizeof(arguments));
        if (service->overridden)
                sshd_options_without_ours(arguments);
        if (sshd_options(arguments, environment, home->options, &home->has_port_option) < 0)
                log_message(home->log, LOG_WARNING, "The options of %s are too long: sshd is asked without them",
                            service->id);
}

bool home_finder_refresh(HomeFinder *home, const UnitState *service, const Placement *placement) {
        int r;

        if (!home->stale || home->query)
                return home->query;

        home->stale = false;
        home->placement = *placement;
        snprintf(home->service, sizeof(home->service), "%s", service ? service->id : "ssh.service");
        home_read_options(home, service);
        r = sshd_query(home->event, service ? service->command.program : "", home->options, true, home_on_answer, home,
                       &home->query);
        if (r >= 0)
                return true;

        home->unasked = r != -ENOENT;
        home->answer = (SshdAnswer){ 0 };
        home->home = (SshdHome){ 0 };
        snprintf(home->answer.detail, sizeof(home->answer.detail), "%s",
                 r == -ENOENT      ? "no sshd is installed"
                 : r == -EHOSTDOWN ? "wslportd-helper.socket is down; where its status says \"Function not implemented\": wsl --shutdown"
                                   : strerrordesc_np(-r));
        return false;
}

void home_finder_set_reads_our_file(HomeFinder *home, bool reads_our_file) {
        home->home.reads_our_file = reads_our_file;
}

static int home_of_streams(const UnitState *socket, SshdHome *ret) {
        char streams[UNIT_STREAMS_SIZE];
        Endpoint endpoint;
        int r;

        ret->n_ports = ret->n_addresses = 0;
        ret->ipv4 = ret->ipv6 = ret->any_ipv4 = false;
        r = store_read_own_streams(socket, streams);
        if (r < 0)
                return r;

        WORDS_FOREACH (stream, streams) {
                if (endpoint_parse(stream, &endpoint) < 0)
                        continue;
                ret->ipv4 = ret->ipv4 || !endpoint.ipv6;
                ret->ipv6 = ret->ipv6 || endpoint.ipv6;
                if (!port_is_one_of(endpoint.port, ret->ports, ret->n_ports) && ret->n_ports < SSHD_PORTS_MAX)
                        ret->ports[ret->n_ports++] = endpoint.port;
                ret->n_addresses += endpoint.port == ret->ports[0];
        }
        return 0;
}

/* A socket has all of its addresses or fails: where one of sshd's own stands beside our port, that moves nothing. One
 * whose port is fixed may be what was to stay. */
static bool home_is_beside_ours(const SshdHome *home, const UnitState *socket, uint16_t ours) {
        if (home->port_fixed || !endpoints_have_port(socket->streams, ours))
                return false;

        for (size_t i = 0; i < home->n_ports; i++)
                if (endpoints_have_port(socket->streams, home->ports[i]))
                        return true;
        return false;
}

HomeFacts home_finder_facts(const HomeFinder *home, ManagedUnits managed, const Placement *placement) {
        HomeFacts view = {
                .verdict = home->answer.verdict,
                .detail = home->answer.detail[0] ? home->answer.detail : NULL,
                .port_fixed_by = home->port_fixed_by,
                .options = home->options,
                .has_port_option = home->has_port_option,
                .later = home->unasked,
                .home = home->home,
        };

        view.home.port_fixed = view.home.port_fixed || view.has_port_option;
        /* Only the port file is read by sshd, or by what makes the addresses of its socket. */
        view.home.reads_our_file = placement->mechanism != MECHANISM_CONFIG ||
                                   (managed.socket ? !home_is_beside_ours(&home->home, managed.socket,
                                                                          placement->port)
                                                   : view.home.reads_our_file);

        /* With our file in it, what a generator has made of sshd's configuration says nothing of its home. */
        if (managed.socket && placement->mechanism != MECHANISM_CONFIG && view.home.n_ports > 0)
                view.later = home_of_streams(managed.socket, &view.home) < 0 || view.later;
        return view;
}
