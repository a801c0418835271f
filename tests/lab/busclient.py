# SPDX-License-Identifier: LGPL-2.1-or-later
"""A D-Bus client on a bare socket: it breaks rules that libraries keep. Runs in the machine, with python3.

busclient.py call PATH INTERFACE MEMBER [SIGNATURE ARGUMENT…]   prints "return" or the error's name, with the text
busclient.py own NAME                                           owns that name until it is killed; prints "owned"
busclient.py huge BYTES TIMES                                   calls with a string of that length
busclient.py pour MEMBER                                        calls a method without pause until it is killed
busclient.py flood CLIENTS CALLS                                half of the clients are hostile; prints the outcome
"""

import os
import signal
import socket
import struct
import sys
import time

DESTINATION = "org.wslport1"
MANAGER = ("/org/wslport1", "org.wslport1.Manager")
PROPERTIES = "org.freedesktop.DBus.Properties"
RETURN, ERROR = 2, 3
NOBODY = 65534


def align(data, size):
    return data + b"\0" * (-len(data) % size)


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def marshal(signature, values):
    """Encodes the types that are needed here: s, q, i, u, b, and v of a string."""
    body = b""
    for kind, value in zip(signature, values):
        if kind == "s":
            body = align(body, 4) + string(value)
        elif kind == "v":
            body = align(body + b"\1s\0", 4) + string(value)
        elif kind == "q":
            body = align(body, 2) + struct.pack("<H", int(value))
        else:
            body = align(body, 4) + struct.pack("<i" if kind == "i" else "<I", int(value))
    return body


def method_call(serial, path, interface, member, signature="", values=(), destination=DESTINATION, body=None):
    fields = b""
    for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination),
                              (8, "g", signature)):
        if value:
            raw = bytes([len(value)]) + value.encode() + b"\0" if kind == "g" else string(value)
            start = align(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0"
            fields = (start if kind == "g" else align(start, 4)) + raw
    body = marshal(signature, values) if body is None else body
    return align(struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), serial, len(fields)) + fields, 8) + body


class Message:
    def __init__(self, kind, serial, error, body):
        self.kind, self.serial, self.error, self.body = kind, serial, error, body

    def text(self):
        """The string with which the body begins, or "" if it begins with none."""
        if len(self.body) < 5:
            return ""
        return self.body[4:4 + struct.unpack_from("<I", self.body)[0]].decode(errors="replace")


def parse(data):
    """The first message in data and its length, or None if it isn't complete."""
    if len(data) < 16:
        return None, 0
    order = "<" if data[:1] == b"l" else ">"
    _, kind, _, _, body_size, _, fields_size = struct.unpack_from(order + "BBBBIII", data)
    start = 16 + fields_size + (-fields_size % 8)
    if len(data) < start + body_size:
        return None, 0
    serial, error, at = 0, "", 16
    while at < 16 + fields_size:
        at += -at % 8
        code, length = data[at], data[at + 1]
        kind_of = data[at + 2:at + 2 + length]
        at += 2 + length + 1
        if kind_of == b"g":
            at += 1 + data[at] + 1
            continue
        at += -at % 4
        number = struct.unpack_from(order + "I", data, at)[0]
        at += 4
        if kind_of != b"u":
            if code == 4:
                error = data[at:at + number].decode()
            at += number + 1
        elif code == 5:
            serial = number
    return Message(kind, serial, error, bytes(data[start:start + body_size])), start + body_size


class Client:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect("/run/dbus/system_bus_socket")
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        if not self.socket.recv(200).startswith(b"OK"):
            raise ConnectionError("not let in")
        self.socket.sendall(b"BEGIN\r\n")
        self.data, self.serial = bytearray(), 0
        self.bus("Hello")

    def send(self, *arguments, **options):
        self.serial += 1
        self.socket.sendall(method_call(self.serial, *arguments, **options))
        return self.serial

    def receive(self):
        """The next message that is an answer."""
        while True:
            message, size = parse(self.data)
            if message:
                del self.data[:size]
                if message.kind in (RETURN, ERROR):
                    return message
                continue
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the bus daemon has hung up")
            self.data += more

    def call(self, *arguments, **options):
        serial = self.send(*arguments, **options)
        while True:
            message = self.receive()
            if message.serial == serial:
                return message

    def bus(self, member, *arguments):
        return self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", member, *arguments,
                         destination="org.freedesktop.DBus")


# ---- the flood ----

GOOD = [
    (MANAGER[0], PROPERTIES, "GetAll", "s", (MANAGER[1],)),
    (MANAGER[0], PROPERTIES, "Get", "ss", (MANAGER[1], "State")),
    (*MANAGER, "GetFirewallRules", "s", ("lan",)),
    (*MANAGER, "GetClientConfig", "s", ("laptop",)),
    (MANAGER[0], "org.freedesktop.DBus.Introspectable", "Introspect"),
    (MANAGER[0], "org.freedesktop.DBus.Peer", "Ping"),
]

BAD = [
    (*MANAGER, "Relocate", "s", ("2222",)),
    (*MANAGER, "Relocate", "q", (80,)),
    (*MANAGER, "Restore", "u", (7,)),
    (*MANAGER, "Reload"),
    (*MANAGER, "Probe"),
    (*MANAGER, "FindHolder", "q", (0,)),
    (*MANAGER, "GetFirewallRules", "i", (-1,)),
    (*MANAGER, "GetFirewallRules", "s", ("\033[31m" * 1000,)),
    (*MANAGER, "GetClientConfig", "s", ("x" * 300000,)),
    (*MANAGER, "GetClientConfig", "s", ("$(reboot)\n",)),
    (*MANAGER, "NoSuchMember", "ssss", ("a", "b", "c", "d")),
    ("/no/such/path", MANAGER[1], "Restore"),
    (MANAGER[0], "", "Restore"),
    (MANAGER[0], PROPERTIES, "Get", "ss", (MANAGER[1], "x" * 200000)),
    (MANAGER[0], PROPERTIES, "GetAll", "u", (3,)),
    (MANAGER[0], PROPERTIES, "Set", "ssv", (MANAGER[1], "State", "clear")),
]


def good(calls):
    """Makes correct calls, one after the other, and counts the answers that are no errors."""
    client, answered = Client(), 0
    for i in range(calls):
        message = client.call(*GOOD[i % len(GOOD)])
        answered += message.kind == RETURN
    return answered


def wrong(calls):
    """Makes wrong calls, and reads each answer."""
    client = Client()
    for i in range(calls):
        client.call(*BAD[i % len(BAD)])
    return calls


def vanishing(calls):
    """Closes its socket before the answers arrive."""
    for i in range(0, calls, 10):
        client = Client()
        for k in range(10):
            client.send(*(BAD if k % 2 else GOOD)[(i + k) % len(GOOD)])
        client.socket.close()
    return calls


def malformed(calls):
    """Sends messages that are no D-Bus; the bus daemon ends the connection each time."""
    for i in range(calls):
        client = Client()
        body = [b"\xff" * 8, string(b"\xff\xfe\0\n")[:-2], struct.pack("<I", 0x7fffffff) + b"x"][i % 3]
        client.socket.sendall(method_call(99, *MANAGER, "GetClientConfig", signature="s", body=body))
        client.socket.close()
    return calls


def deaf(calls):
    """Asks for the longest answer of all, again and again, and never reads one."""
    client, sent = Client(), 0
    client.socket.settimeout(2)
    try:
        for sent in range(calls):
            client.send(*GOOD[4])
    except TimeoutError:
        pass
    sys.stdout.flush()
    signal.pause()


def pour(member):
    """Calls a method, with a hundred calls under way at any time."""
    values = {"Relocate": ("q", (0,)), "FindHolder": ("q", (8080,)), "GetAll": ("s", (MANAGER[1],))}.get(member, ("", ()))
    call = (MANAGER[0], PROPERTIES if member == "GetAll" else MANAGER[1], member, *values)
    client = Client()
    for _ in range(100):
        client.send(*call)
    while True:
        client.receive()
        client.send(*call)


def flood(clients, calls):
    """Runs each client in a process of its own. All begin at the same moment."""
    hostile = [wrong, vanishing, malformed, deaf]
    start_read, start_write = os.pipe()
    children = {}
    for i in range(clients):
        role = good if i % 2 == 0 else hostile[i // 2 % len(hostile)]
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(start_write)
                if i % 4:  # three of four are an ordinary user
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                os.read(start_read, 1)
                os.write(write, str(role(calls)).encode())
            except BaseException as error:
                os.write(write, repr(error).encode())
            os._exit(0)
        os.close(write)
        children[pid] = (role, read)
    os.close(start_read)
    began = time.monotonic()
    os.close(start_write)

    results = {}
    for pid, (role, read) in children.items():
        if role is not deaf:
            results.setdefault(role.__name__, []).append(os.read(read, 200).decode())
    seconds = time.monotonic() - began
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)
    for name, counts in results.items():
        print(name, *counts)
    print(f"seconds {seconds:.2f}")


def main():
    verb, *arguments = sys.argv[1:]
    if verb == "call":
        path, interface, member, *rest = arguments
        message = Client().call(path, interface, member, rest[0] if rest else "", rest[1:])
        print("return" if message.kind == RETURN else message.error)
        print(message.text())
    elif verb == "own":
        client = Client()
        client.socket.settimeout(None)
        client.bus("RequestName", "su", (arguments[0], 4))
        print("owned", flush=True)
        signal.pause()
    elif verb == "huge":
        client = Client()
        for _ in range(int(arguments[1])):
            print(client.call(*MANAGER, "GetClientConfig", "s", ("x" * int(arguments[0]),)).error)
    elif verb == "pour":
        pour(arguments[0])
    elif verb == "flood":
        flood(int(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    main()
