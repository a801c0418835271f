/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client-config.h"
#include "unit/test.h"

#define WINDOWS_HEAD "# For Windows on this machine, in %USERPROFILE%\\.ssh\\config:\n"
#define OTHERS_HEAD "# For other machines, in ~/.ssh/config:\n"

static const struct {
        const char *name, *host, *user;
        FirewallScope scope;
        bool windows;
        uint16_t port, other_port; /* sshd's, on every address; and on 10.9.9.9, if it isn't 0 */
        NetworkingMode mode;
        StatusAddress addresses[8];
        const char *text;
        int error;
} configs[] = {
        { "tailscale before lan, IPv4 before IPv6",
          .host = "box.example_1-a", .user = "me", .scope = FIREWALL_ANY, .port = 2222,
          .addresses = { { "192.168.1.5", ADDRESS_LAN },
            { "2001:db8::5", ADDRESS_LAN },
            { "fe80::1", ADDRESS_LINK_LOCAL },
            { "fd7a:115c:a1e0::1", ADDRESS_TAILSCALE },
            { "127.0.0.1", ADDRESS_LOOPBACK },
            { "100.101.102.103", ADDRESS_TAILSCALE } },
          .text = OTHERS_HEAD
          "Host box.example_1-a\n    HostName 100.101.102.103\n    # HostName fd7a:115c:a1e0::1\n"
          "    # HostName 192.168.1.5\n    # HostName 2001:db8::5\n    Port 2222\n    User me\n" },
        { "no alias, no user",
          .port = 22,
          .addresses = { { "10.0.0.1", ADDRESS_LAN } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 10.0.0.1\n    Port 22\n" },
        { "the rule for the LAN lets nobody in by Tailscale",
          .port = 22,
          .addresses = { { "100.64.0.7", ADDRESS_TAILSCALE }, { "fd00::7", ADDRESS_MESH }, { "10.0.0.1", ADDRESS_LAN } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 10.0.0.1\n    Port 22\n" },
        { "nor does the rule for Tailscale by the LAN",
          .scope = FIREWALL_TAILSCALE, .port = 22,
          .addresses = { { "10.0.0.1", ADDRESS_LAN }, { "fd00::7", ADDRESS_MESH }, { "100.64.0.7", ADDRESS_TAILSCALE } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 100.64.0.7\n    Port 22\n" },
        { "Windows itself",
          .user = "me", .windows = true, .port = 2222,
          .addresses = { { "10.0.0.1", ADDRESS_LAN }, { "100.64.0.7", ADDRESS_TAILSCALE } },
          .text = WINDOWS_HEAD "Host wsl\n    HostName localhost\n    Port 2222\n    User me\n" },
        { "nothing for others",
          .host = "", .user = "", .scope = FIREWALL_ANY, .port = 22,
          .addresses = { { "fe80::1", ADDRESS_LINK_LOCAL }, { "::1", ADDRESS_LOOPBACK } },
          .error = -EADDRNOTAVAIL },
        { "nothing in that scope",
          .scope = FIREWALL_TAILSCALE, .port = 22,
          .addresses = { { "10.0.0.1", ADDRESS_LAN } },
          .error = -EADDRNOTAVAIL },
        { "an address inside of Windows",
          .scope = FIREWALL_ANY, .port = 22, .mode = MODE_NAT,
          .addresses = { { "172.29.0.2", ADDRESS_LAN } },
          .error = -EADDRNOTAVAIL },
        { "which Windows reaches by another",
          .windows = true, .port = 22, .mode = MODE_NAT,
          .addresses = { { "172.29.0.2", ADDRESS_LAN } },
          .text = WINDOWS_HEAD "Host wsl\n    HostName localhost\n    Port 22\n" },
        { "and those of two meshes",
          .scope = FIREWALL_ANY, .port = 22, .mode = MODE_NAT,
          .addresses = { { "172.29.0.2", ADDRESS_LAN },
            { "fd00::7", ADDRESS_MESH },
            { "100.92.14.5", ADDRESS_MESH },
            { "fd7a:115c:a1e0::1", ADDRESS_TAILSCALE },
            { "100.64.0.7", ADDRESS_TAILSCALE } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 100.64.0.7\n    # HostName fd7a:115c:a1e0::1\n"
                      "    # HostName 100.92.14.5\n    # HostName fd00::7\n    Port 22\n" },
        { "and one of a mesh",
          .scope = FIREWALL_ANY, .port = 22, .mode = MODE_NAT,
          .addresses = { { "172.29.0.2", ADDRESS_LAN }, { "100.64.0.7", ADDRESS_TAILSCALE } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 100.64.0.7\n    Port 22\n" },
        { "no address at all", .user = "me", .windows = true, .port = 22, .error = -EADDRNOTAVAIL },
        { "addresses with different ports",
          .port = 2222, .other_port = 2022,
          .addresses = { { "10.0.0.1", ADDRESS_LAN }, { "10.9.9.9", ADDRESS_LAN } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 10.0.0.1\n    # HostName 10.9.9.9, on another port\n    Port 2222\n" },
        { "another port on the only address",
          .port = 2222, .other_port = 2022,
          .addresses = { { "10.9.9.9", ADDRESS_LAN } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 10.9.9.9\n    Port 2022\n" },
        { "a second word in the alias", .host = "wsl *", .port = 22, .error = -EINVAL },
        { "a pattern as alias", .host = "*", .port = 22, .error = -EINVAL },
        { "a line end in the alias", .host = "wsl\nProxyCommand=x", .port = 22, .error = -EINVAL },
        { "a quote in the alias", .host = "\"wsl\"", .port = 22, .error = -EINVAL },
        { "bytes in the alias", .host = "w\xc3\xa4sl", .port = 22, .error = -EINVAL },
        { "a line end in the user", .user = "me\nProxyCommand x", .port = 22, .error = -EINVAL },
        { "a blank in the user", .user = "a b", .port = 22, .error = -EINVAL },
        { "a token in the user", .user = "%h", .port = 22, .error = -EINVAL },
        { "a domain's user",
          .user = "me@example.org", .port = 22,
          .addresses = { { "10.0.0.1", ADDRESS_LAN } },
          .text = OTHERS_HEAD "Host wsl\n    HostName 10.0.0.1\n    Port 22\n    User me@example.org\n" },
        { "what isn't an address",
          .port = 22,
          .addresses = { { "10.0.0.1\nProxyCommand x", ADDRESS_LAN } },
          .error = -EINVAL },
        { "a scoped address",
          .port = 22,
          .addresses = { { "2001:db8::1%eth0", ADDRESS_LAN } },
          .error = -EINVAL },
        { "sshd is nowhere", .port = 0, .error = -EINVAL },
};

static void test_config(const void *data) {
        const __typeof__(configs[0]) *row = data;
        Status status = { .port = row->port, .mode = row->mode,
                          .listeners = { { "10.0.0.1", row->port, HOLDER_SSHD, "" }, { "127.0.0.1", row->port, HOLDER_SSHD, "" } },
                          .n_listeners = 2 };
        const ClientConfig config = { .host = row->host, .user = row->user, .scope = row->scope,
                                      .windows = row->windows, .status = &status };
        _cleanup_free_ char *text = NULL;

        if (row->other_port != 0)
                status.listeners[status.n_listeners++] = (StatusListener){ "10.9.9.9", row->other_port, HOLDER_SSHD, "" };
        else
                strcpy(status.listeners[0].address, "::"); /* and 0.0.0.0 */
        memcpy(status.reachable, row->addresses, sizeof(row->addresses));
        while (status.reachable[status.n_reachable].address[0])
                status.n_reachable++;
        if (status.n_reachable > 0)
                status.reachable[status.n_reachable++] = (StatusAddress){ "127.0.0.1", ADDRESS_LOOPBACK };
        test_equal_int(client_config_render(&config, &text), row->error);
        test_equal_string(text, row->text);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_config, configs) };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
