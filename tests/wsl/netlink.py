# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel tells over netlink: links, addresses, routes, rules and TCP sockets.

A netlink socket is bound by connect() here. WSL's port tracker waits for each bind(), of whatever family; it doesn't trap
connect(). So these questions cost Windows nothing.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

NETLINK_ROUTE, NETLINK_SOCK_DIAG = 0, 4
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_GETLINK, RTM_GETROUTE, RTM_GETRULE = 18, 26, 34
SOCK_DIAG_BY_FAMILY = 20
RT_TABLE_LOCAL = 255
TCP_LISTEN = 10
INET_DIAG_CGROUP_ID = 21
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
SKNLGRP_INET_TCP_DESTROY = 1  # linux/sock_diag.h


def _attributes(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4 or at + length > len(data):
            break
        found[kind & 0x3FFF] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def open_socket(protocol: int) -> socket.socket:
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    s.connect((0, 0))
    s.settimeout(2)
    return s


def _messages(s: socket.socket) -> Iterator[tuple[int, bytes]]:
    while True:
        data = s.recv(1 << 17)
        at = 0
        while at + 16 <= len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if length < 16 or at + length > len(data):
                return
            yield kind, data[at + 16:at + length]
            at += (length + 3) & ~3


def ask(protocol: int, kind: int, body: bytes, dump: bool = True) -> list[bytes]:
    """The bodies of all answers. OSError where the kernel refuses, or doesn't answer within two seconds."""
    answers: list[bytes] = []
    with open_socket(protocol) as s:
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else 0)
        s.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        for answer, data in _messages(s):
            if answer == NLMSG_DONE:
                break
            if answer == NLMSG_ERROR:
                error = -struct.unpack_from("=i", data)[0]
                if error:
                    raise OSError(error, os.strerror(error))
                break
            answers.append(data)
            if not dump:
                break
    return answers


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")


@dataclass(frozen=True)
class Link:
    index: int
    name: str
    bus: str  # "vmbus", "virtio"; "" where the device has none


def links() -> list[Link]:
    found = []
    for data in ask(NETLINK_ROUTE, RTM_GETLINK, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)):
        attributes = _attributes(data[16:])
        found.append(Link(struct.unpack_from("=i", data, 4)[0], _text(attributes.get(3)), _text(attributes.get(57))))
    return found


@dataclass(frozen=True)
class Route:
    table: int
    to: str
    prefix: int
    gateway: str
    device: str


def routes() -> list[Route]:
    names = {link.index: link.name for link in links()}
    found = []
    for data in ask(NETLINK_ROUTE, RTM_GETROUTE, struct.pack("=BBBBBBBBI", socket.AF_INET, *[0] * 8)):
        prefix, table = data[1], data[4]
        a = _attributes(data[12:])
        if 15 in a:
            table = struct.unpack("=I", a[15])[0]
        index = struct.unpack("=I", a[4])[0] if 4 in a else 0
        found.append(Route(table, socket.inet_ntoa(a[1]) if 1 in a else "0.0.0.0", prefix,
                           socket.inet_ntoa(a[5]) if 5 in a else "", names.get(index, "")))
    return found


@dataclass(frozen=True)
class Rule:
    priority: int
    iif: str
    protocol: int  # 6, 17; 0 for any
    table: int


def rules() -> list[Rule]:
    found = []
    for data in ask(NETLINK_ROUTE, RTM_GETRULE, struct.pack("=BBBBBBBBI", socket.AF_INET, *[0] * 8)):
        a = _attributes(data[12:])
        found.append(Rule(struct.unpack("=I", a[6])[0] if 6 in a else 0, _text(a.get(3)), a[22][0] if 22 in a else 0,
                          struct.unpack("=I", a[15])[0] if 15 in a else data[4]))
    return found


@dataclass(frozen=True)
class Listener:
    family: int
    address: str
    port: int
    cgroup: int  # the inode of its cgroup's folder; 0 where the kernel doesn't tell
    attributes: dict[int, bytes] = field(repr=False, compare=False)


def listeners(port: int = 0) -> list[Listener]:
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN)
        body += struct.pack("!HH", port, 0) + bytes(32) + struct.pack("=I", 0) + b"\xff" * 8
        for data in ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, body):
            own, = struct.unpack_from("!H", data, 4)
            if port and own != port:
                continue
            a = _attributes(data[72:])
            address = data[8:12] if family == socket.AF_INET else data[8:24]
            cgroup = struct.unpack("=Q", a[INET_DIAG_CGROUP_ID])[0] if INET_DIAG_CGROUP_ID in a else 0
            found.append(Listener(family, socket.inet_ntop(family, address), own, cgroup, a))
    return found


def destroy_event(port: int, cause) -> int:
    """The length of the message that tells of the end of a listener on @port, which cause() brings about; 0: none came."""
    with open_socket(NETLINK_SOCK_DIAG) as s:
        s.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, SKNLGRP_INET_TCP_DESTROY)
        cause()
        try:
            for kind, data in _messages(s):
                if kind == SOCK_DIAG_BY_FAMILY and struct.unpack_from("!HH", data, 4) == (port, 0):
                    return len(data) + 16
        except TimeoutError:
            pass
    return 0
