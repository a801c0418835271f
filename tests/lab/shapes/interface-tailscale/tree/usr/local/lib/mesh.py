"""mesh NAME ADDRESS: makes a tunnel as a mesh's program does, and keeps it."""
import fcntl
import os
import signal
import socket
import stat
import struct
import subprocess
import sys

name, address = sys.argv[1:]
os.makedirs("/dev/net", exist_ok=True)
if not os.path.exists("/dev/net/tun"):
    os.mknod("/dev/net/tun", stat.S_IFCHR | 0o600, os.makedev(10, 200))
tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
subprocess.run(["ip", "address", "add", address, "dev", name], check=True)
subprocess.run(["ip", "link", "set", name, "up"], check=True)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.pause()
