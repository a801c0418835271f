# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network around a machine, as shell scripts for its three network namespaces.

    guest  ══ loopback0 ══  Windows  ══ l-e0 ══  the LAN's neighbour
           ══ eth0 (eth1) ══         (══ l-e1 ══)

In mirrored mode the guest and Windows have the same addresses and one space of ports. By the rules that WSL installs (see
guest_script()), the guest sends packets for 127.0.0.1 to Windows first. Windows decides about the first packet of a connection:
if one of its own sockets wants the packet, the connection is Windows'. Otherwise the packet goes (back) to the guest, and so do
all later ones of that connection, even if Windows listens there later. So a refusal is the guest's own RST, and there is neither
NAT nor a relay. Windows' own packets to such an address take a detour over the pair w0/w1, because nftables can hand on only a
packet that comes in. IPv6 stays in the guest.

The mirrored addresses of the network cards are such addresses only with hostAddressLoopback=true. By default each side keeps
packets for its own addresses: the guest answers its own, and Windows answers its own where a program of Windows' listens. Where
none does, connections from Windows time out; that is from reports of users, not from Microsoft's source.
"""

from __future__ import annotations

from dataclasses import dataclass

TCP, UDP = 6, 17  # as numbers: a bare machine has no /etc/protocols
GATEWAY_MAC = "00:11:22:33:44:55"
EPHEMERAL = (40000, 44095)  # the guest's own block of ports


@dataclass(frozen=True)
class Interface:
    """One of Windows' network cards: its name in the guest, its address, which is mirrored, and a neighbour's address.

    route: a network that the prefix of the address doesn't cover.
    """

    name: str
    address: str
    neighbour: str
    prefix: int
    mark: int
    route: str = ""

    def own(self, address: str, device: str) -> list[str]:
        """Gives a side's device its address and route."""
        return [f"address add {address}/{self.prefix} dev {device}", f"link set {device} up",
                *([f"route add {self.route} dev {device} src {address}"] if self.route else [])]

    @property
    def guest_mac(self) -> str:
        return f"02:00:00:00:00:0{self.mark}"


LOOPBACK = Interface("loopback0", "127.0.0.1", "", 8, 1)
ETH0 = Interface("eth0", "192.168.50.10", "192.168.50.20", 24, 2)
TAILSCALE = Interface("eth1", "100.64.0.10", "100.64.0.20", 32, 3, "100.64.0.0/10")  # as Tailscale does
NAT_GUEST, NAT_WINDOWS = "172.29.0.2", "172.29.0.1"

_OPEN = """
set -e
for scope in all default; do
    echo 0 > /proc/sys/net/ipv4/conf/$scope/rp_filter
    echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects
    echo 0 > /proc/sys/net/ipv6/conf/$scope/accept_dad
done
"""


def _ip(commands: list[str], *options: str) -> str:
    return f"ip {' '.join(options)} -batch - <<'END'\n" + "\n".join(commands) + "\nEND\n"


def lan_script(interfaces: list[Interface]) -> str:
    commands = ["link set lo up"]
    for i in interfaces:
        commands += i.own(i.neighbour, i.name)
    return _OPEN + _ip(commands)


def unplug_script(interfaces: list[Interface]) -> str:
    """Takes the last boot's cables away. The kernel would do so by itself, but maybe too late."""
    return _ip([f"link del g-{i.name}" for i in [LOOPBACK, *interfaces]], "-force") + "true\n"


# Connections from Windows to its own addresses, where no program of Windows' listens.
_NO_ANSWER = """
    chain own {{
        type filter hook input priority 0;
        iif lo ip daddr {{ {addresses} }} socket transparent 0 accept
        iif lo ip daddr {{ {addresses} }} meta l4proto tcp drop
    }}"""


def windows_script(interfaces: list[Interface], lan: str, host_loopback: bool) -> str:
    """Sets up Windows' namespace, once for all boots. `lan` is the path of the neighbour's namespace."""
    commands = [
        "link set lo up",
        "link add w0 address 02:00:00:00:00:99 type veth peer name w1 address 02:00:00:00:00:99",
        "link set w0 arp off up",
        "link set w1 arp off up",
        f"rule add pref 30 iif lo ipproto {TCP} lookup 127",
        f"rule add pref 30 iif lo ipproto {UDP} lookup 127",
        "rule add pref 40 lookup local",
        "rule del pref 0 lookup local",
        "route add 127.0.0.1 dev w0 src 127.0.0.1 table 127",
    ]
    for i in [LOOPBACK, *interfaces]:
        commands.append(f"rule add pref 10 fwmark {i.mark} lookup {200 + i.mark}")
    for i in interfaces:
        commands += [
            f"link add l-{i.name} type veth peer name {i.name} netns {lan}",
            *i.own(i.address, f"l-{i.name}"),
        ]
        if host_loopback:
            commands.append(f"route add {i.address} dev w0 src {i.address} table 127")
    marks = ", ".join(f"{i.address} : {i.mark}" for i in [LOOPBACK, *interfaces])
    no_answer = "" if host_loopback else _NO_ANSWER.format(addresses=", ".join(i.address for i in interfaces))
    return _OPEN + """
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
echo 1 > /proc/sys/net/ipv4/conf/all/accept_local
echo 50000 60999 > /proc/sys/net/ipv4/ip_local_port_range
""" + _ip(commands) + f"""
nft -f - <<'END'
table ip windows {{
    map mirrored {{ type ipv4_addr : mark; elements = {{ {marks} }} }}
    chain decide {{
        type filter hook prerouting priority mangle;
        meta mark set 0
        ct direction original ct mark != 0 meta mark set ct mark accept
        socket transparent 0 accept
        meta l4proto {{ tcp, udp }} meta mark set ip daddr map @mirrored
        ct direction original ct mark set meta mark
    }}{no_answer}
}}
END
"""


@dataclass(frozen=True)
class Cables:
    """How the guest is connected to Windows.

    relay: consomme has a loopback0 and its rules, as mirrored mode has.
    host_loopback: [experimental] hostAddressLoopback=true of .wslconfig.
    gateway: the address by which loopback traffic goes to Windows.
    """

    mode: str
    relay: bool
    interfaces: tuple[Interface, ...]
    host_loopback: bool
    gateway: str

    @property
    def _mirrored(self) -> list[Interface]:
        return [LOOPBACK, *self.interfaces] if self.mode == "mirrored" else [LOOPBACK] if self.relay else []

    def _to_windows_first(self) -> tuple[list[str], list[str]]:
        """The settings and ip commands by which WSL sends packets for the guest's own addresses to Windows first.

        Follows AddMirroredLoopbackRoutingRules(), InitializeLoopbackConfigurationImpl() and UpdateLoopbackRoute() in Microsoft's
        src/linux/init/NetworkManager.cpp. Table 128 is empty unless hostAddressLoopback=true: SyncIpStateWithLinux() in
        src/windows/service/exe/WslMirroredNetworking.cpp.
        """
        settings = [f"echo 1 > /proc/sys/net/ipv4/conf/{i.name}/{setting}"
                    for i in self._mirrored for setting in ("accept_local", "route_localnet")]
        commands = ["rule add pref 2 lookup local", "rule del pref 0 lookup local"]
        for i in self._mirrored:
            commands += [f"rule add pref 0 iif {i.name} ipproto {protocol} lookup local"
                         for protocol in (TCP, UDP)]
            commands.append(f"neighbour add {self.gateway} lladdr {GATEWAY_MAC} dev {i.name} nud permanent")
        commands += [f"rule add pref 1 ipproto {protocol} lookup {table}"
                     for table in (127, 128) for protocol in (TCP, UDP)]
        for i in reversed(self._mirrored):  # as WSL does, so that the route of table 127 comes last
            if i is LOOPBACK or self.host_loopback:
                commands.append(f"route add {i.address} via {self.gateway} dev {i.name} onlink"
                                f" src {i.address} table {127 if i is LOOPBACK else 128}")
        return settings, commands

    def guest_script(self, windows: str) -> str:
        """Sets up the guest's namespace at each boot. `windows` is the path of Windows' namespace."""
        if self.mode == "none":
            return "true\n"

        cables = self._mirrored if self.mode == "mirrored" else [*self._mirrored, ETH0]
        commands = []
        for i in cables:
            commands += [
                f"link add {i.name} address {i.guest_mac} type veth"
                f" peer name g-{i.name} address {GATEWAY_MAC} netns {windows}",
                f"link set {i.name} up",
            ]
        if self.mode == "mirrored":
            for i in self.interfaces:
                commands += [*i.own(i.address, i.name),
                             f"neighbour add {i.neighbour} lladdr {GATEWAY_MAC} dev {i.name} nud permanent"]
        else:
            commands += [f"address add {NAT_GUEST}/20 dev eth0", f"route add default via {NAT_WINDOWS}"]
        block = f"echo {EPHEMERAL[0]} {EPHEMERAL[1]} > /proc/sys/net/ipv4/ip_local_port_range\n"
        script = _OPEN + block + _ip(commands)
        if self._mirrored:
            settings, to_windows_first = self._to_windows_first()
            script += "\n".join(settings) + "\n" + _ip(to_windows_first)
        return script

    def windows_script(self) -> str:
        """Sets up Windows' end of the cables that guest_script() lays."""
        if self.mode == "none":
            return "true\n"
        commands = []
        if self.mode != "mirrored":
            commands = [f"address add {NAT_WINDOWS}/20 dev g-eth0", "link set g-eth0 up"]
        for i in self._mirrored:
            commands += [
                f"link set g-{i.name} up",
                f"neighbour add {self.gateway} lladdr {i.guest_mac} dev g-{i.name} nud permanent",
                f"route add default via {self.gateway} dev g-{i.name} onlink table {200 + i.mark}",
            ]
        return _ip(commands)


HANG_ON = """nft -f - <<'END'
table ip hang {
    chain refusals {
        type filter hook prerouting priority raw;
        tcp sequence 0 tcp flags & (rst | ack) == rst | ack drop
    }
}
END
"""
HANG_OFF = "nft delete table ip hang\n"
