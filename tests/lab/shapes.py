# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the distros that WSL users run set up sshd, laid over the Debian roots.

A shape has its distro's units and configuration; programs, PAM and host keys stay Debian's. A comment says where Debian's sshd
needs something that the distro's own doesn't.

    m = machine(suite=SHAPES["fedora"].suite)
    SHAPES["fedora"].lay(m)  # before it boots
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from machine import Machine

UNITS = "/usr/lib/systemd/system"
MAIN = "/etc/ssh/sshd_config"
GENERATOR = "/usr/lib/systemd/system-generators/sshd-socket-generator"
ADDRESSES = "/run/systemd/generator/ssh.socket.d/addresses.conf"


@dataclass(frozen=True)
class Shape:
    name: str
    suite: str
    lay: Callable[[Machine], None]
    unit: str = "ssh.service"  # the one that is enabled
    mechanism: str = "sshd-config"  # by which the daemon moves sshd

    @property
    def service(self) -> str:
        return self.unit.replace(".socket", ".service")


def include(m: Machine, text: str, name: str = "50-user.conf") -> None:
    """Adds a user's file to sshd's configuration."""
    m.write(f"/etc/ssh/sshd_config.d/{name}", text)


def link(m: Machine, target: str, path: str) -> None:
    place = m.path(path)  # m.path() would follow a link that is there
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


# ---- Debian ----

def _as_is(m: Machine) -> None:
    pass


def _debian_socket(m: Machine) -> None:
    m.disable("ssh.service")
    m.enable("ssh.socket")


# ---- Ubuntu ----

# Until 22.04 systemd starts an instance for each connection. They share one runtime directory, and the first one to end would
# remove it: RuntimeDirectoryPreserve= is of later packages, and spares the tests that race.
SOCKET_22_04 = """\
[Unit]
Description=OpenBSD Secure Shell server socket
Before=ssh.service
Conflicts=ssh.service
ConditionPathExists=!/etc/ssh/sshd_not_to_be_run

[Socket]
ListenStream=22
Accept=yes

[Install]
WantedBy=sockets.target
"""

INSTANCE_22_04 = """\
[Unit]
Description=OpenBSD Secure Shell server per-connection daemon
Documentation=man:sshd(8) man:sshd_config(5)
After=auditd.service

[Service]
EnvironmentFile=-/etc/default/ssh
ExecStart=-/usr/sbin/sshd -i $SSHD_OPTS
StandardInput=socket
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
"""

SOCKET_24_04 = """\
[Unit]
Description=OpenBSD Secure Shell server socket
Before=sockets.target ssh.service
ConditionPathExists=!/etc/ssh/sshd_not_to_be_run

[Socket]
ListenStream=0.0.0.0:22
ListenStream=[::]:22
BindIPv6Only=ipv6-only
Accept=no
FreeBind=yes

[Install]
WantedBy=sockets.target
RequiredBy=ssh.service
"""

# Ubuntu's generator is a part of its sshd, in C; this script does the same:
# - It takes the addresses of sshd's configuration, and ignores the options of sshd's command.
# - AddressFamily drops the addresses of the other family.
# - If only 0.0.0.0:22 and [::]:22, or one of them, are left without an AddressFamily, it writes nothing: the socket unit's own
#   two stay in force. So they do if sshd can't read its configuration.
# It uses sshd -G, as /run/sshd, which -T needs, isn't there yet. -G writes its keywords in lower case up to OpenSSH 10.0, and as
# the manual does in 10.6.
STAND_IN = """\
#!/bin/sh
dump=$(/usr/sbin/sshd -G) || exit 1
case $(echo "$dump" | sed -n 's/^addressfamily //Ip') in
        inet) unwanted='^\\[' ;;
        inet6) unwanted='^[^[]' ;;
        *) unwanted='^$' default='^(0\\.0\\.0\\.0|\\[::\\]):22$' ;;
esac
streams=$(echo "$dump" | sed -n 's/^listenaddress \\([^ ]*\\).*/\\1/Ip' | grep -v "$unwanted" | awk '!seen[$0]++')
[ -n "$streams" ] || exit 0
echo "$streams" | grep -qvE "${default:-^$}" || exit 0
mkdir -p "$1/ssh.socket.d"
{
        echo "[Socket]"
        echo "ListenStream="
        echo "$streams" | sed 's/^/ListenStream=/'
} >"$1/ssh.socket.d/addresses.conf"
"""


def _ubuntu_22_04(m: Machine) -> None:
    m.write(f"{UNITS}/ssh.socket", SOCKET_22_04)
    m.write(f"{UNITS}/ssh@.service", INSTANCE_22_04)


def _ubuntu_22_04_socket(m: Machine) -> None:
    _ubuntu_22_04(m)
    _debian_socket(m)


def _ubuntu_24_04(m: Machine) -> None:
    m.write(GENERATOR, STAND_IN, 0o755)
    m.write(f"{UNITS}/ssh.socket", SOCKET_24_04)
    _debian_socket(m)  # to disable ssh.service takes away its alias, sshd.service


def _ubuntu_26_04(m: Machine) -> None:
    _ubuntu_24_04(m)
    link(m, "ssh.service", f"{UNITS}/sshd.service")


# ---- those that call it sshd.service ----

# Units of Debian's that the others don't have.
DEBIANS = ("ssh.service", "ssh.socket", "ssh@.service", "sshd@.service", "sshd-keygen.service")

FEDORA_SERVICE = """\
[Unit]
Description=OpenSSH server daemon
Documentation=man:sshd(8) man:sshd_config(5)
After=network.target sshd-keygen.target
Wants=sshd-keygen.target
# Migration for Fedora 38 change to remove group ownership for standard host keys
Wants=ssh-host-keys-migration.service

[Service]
Type=notify
EnvironmentFile=-/etc/sysconfig/sshd
ExecStart=/usr/sbin/sshd -D $OPTIONS
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=on-failure
RestartSec=42s

[Install]
WantedBy=multi-user.target
"""

EL8_SERVICE = """\
[Unit]
Description=OpenSSH server daemon
Documentation=man:sshd(8) man:sshd_config(5)
After=network.target sshd-keygen.target
Wants=sshd-keygen.target

[Service]
Type=notify
EnvironmentFile=-/etc/crypto-policies/back-ends/opensshserver.config
EnvironmentFile=-/etc/sysconfig/sshd
ExecStart=/usr/sbin/sshd -D $OPTIONS $CRYPTO_POLICY
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=on-failure
RestartSec=42s

[Install]
WantedBy=multi-user.target
"""

SUSE_SERVICE = """\
[Unit]
Description=OpenSSH Daemon
After=network.target

[Service]
Type=notify
EnvironmentFile=-/etc/sysconfig/ssh
ExecStartPre=/usr/sbin/sshd -t $SSHD_OPTS
ExecStart=/usr/sbin/sshd -D $SSHD_OPTS
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=on-failure
RestartPreventExitStatus=255
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""

ARCH_SERVICE = """\
[Unit]
Description=OpenSSH Daemon
Wants=sshdgenkeys.service
After=sshdgenkeys.service
After=network.target

[Service]
Type=notify-reload
ExecStart=/usr/bin/sshd -D
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
"""

FEDORA_MAIN = """\
# To modify the system-wide sshd configuration, create a  *.conf  file under
#  /etc/ssh/sshd_config.d/  which will be automatically included below
Include /etc/ssh/sshd_config.d/*.conf

#Port 22
#AddressFamily any
#ListenAddress 0.0.0.0
#ListenAddress ::
AuthorizedKeysFile .ssh/authorized_keys
Subsystem sftp internal-sftp
"""

FEDORA_INCLUDED = """\
SyslogFacility AUTHPRIV
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
"""

# OpenSSH 8.0 has no Include. EL 8's configuration names each host key.
EL8_MAIN = """\
#Port 22
#AddressFamily any
#ListenAddress 0.0.0.0
#ListenAddress ::
HostKey /etc/ssh/ssh_host_rsa_key
HostKey /etc/ssh/ssh_host_ecdsa_key
HostKey /etc/ssh/ssh_host_ed25519_key
SyslogFacility AUTHPRIV
PermitRootLogin yes
AuthorizedKeysFile .ssh/authorized_keys
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
Subsystem sftp internal-sftp
"""

SUSE_MAIN = """\
# To modify the system-wide sshd configuration, create a  "*.conf"  file under
#  "/etc/ssh/sshd_config.d/"  which will be automatically included below.
Include /etc/ssh/sshd_config.d/*.conf
Include /usr/etc/ssh/sshd_config.d/*.conf

#Port 22
#AddressFamily any
AuthorizedKeysFile .ssh/authorized_keys
UsePAM yes
X11Forwarding yes
Subsystem sftp internal-sftp
"""

# SUSE's sshd reads the main file in /usr/etc if there is none in /etc. Debian's doesn't, so a script in its place names the file
# with -f. Thus neither the unit nor the daemon has to name it, as on SUSE.
SUSE_SSHD = f"""\
#!/bin/sh
[ -e {MAIN} ] && exec /usr/lib/ssh/sshd "$@"
exec /usr/lib/ssh/sshd -f /usr{MAIN} "$@"
"""

ARCH_MAIN = """\
# Include drop-in configurations
Include /etc/ssh/sshd_config.d/*.conf

#Port 22
AuthorizedKeysFile .ssh/authorized_keys
Subsystem sftp internal-sftp
"""

ARCH_INCLUDED = "KbdInteractiveAuthentication no\nUsePAM yes\nPrintMotd no\n"


def _sshd_service(m: Machine, unit: str, main: str) -> None:
    m.disable("ssh.service")
    for name in DEBIANS:
        m.path(f"{UNITS}/{name}").unlink(missing_ok=True)
        shutil.rmtree(m.path(f"/etc/systemd/system/{name}.wants"), ignore_errors=True)
    shutil.rmtree(m.path("/etc/systemd/system/sshd.service.wants"), ignore_errors=True)
    m.path("/etc/default/ssh").unlink()
    m.path("/etc/init.d/ssh").unlink(missing_ok=True)  # systemd would make an ssh.service of it
    # Debian's sshd needs its empty directory in /run. The others' packages contain theirs.
    m.write("/usr/lib/tmpfiles.d/sshd.conf", "d /run/sshd 0755\n")
    m.write(f"{UNITS}/sshd.service", unit)
    m.write(MAIN, main, 0o600)
    m.enable("sshd.service")


def _fedora(m: Machine) -> None:
    _sshd_service(m, FEDORA_SERVICE, FEDORA_MAIN)
    m.write("/etc/sysconfig/sshd", '# System-wide options for sshd.\nOPTIONS=""\n', 0o640)
    include(m, FEDORA_INCLUDED, "50-redhat.conf")


def _el8(m: Machine) -> None:
    _sshd_service(m, EL8_SERVICE, EL8_MAIN)
    m.write("/etc/sysconfig/sshd", "# Configuration file for the sshd service.\nSSH_USE_STRONG_RNG=0\n", 0o640)
    m.write("/etc/crypto-policies/back-ends/opensshserver.config",
            "CRYPTO_POLICY='-oCiphers=aes256-gcm@openssh.com,aes256-ctr -oMACs=hmac-sha2-256'\n")


def _suse(m: Machine) -> None:
    _sshd_service(m, SUSE_SERVICE, SUSE_MAIN)
    m.write(f"/usr{MAIN}", SUSE_MAIN, 0o600)
    m.path(MAIN).unlink()
    m.write("/etc/sysconfig/ssh", 'SSHD_OPTS=""\n')
    m.write("/usr/lib/ssh/sshd", m.path("/usr/sbin/sshd").read_bytes(), 0o755)
    m.write("/usr/sbin/sshd", SUSE_SSHD, 0o755)


def _arch(m: Machine) -> None:
    _sshd_service(m, ARCH_SERVICE, ARCH_MAIN)
    link(m, "../sbin/sshd", "/usr/bin/sshd")  # on Arch /usr/sbin is a link to /usr/bin
    include(m, ARCH_INCLUDED, "99-archlinux.conf")


SHAPES = {shape.name: shape for shape in (
    Shape("debian-12", "bookworm", _as_is),
    Shape("debian-13", "trixie", _as_is),
    Shape("debian-sid", "sid", _as_is),
    Shape("debian-12-socket", "bookworm", _debian_socket, "ssh.socket", "socket"),
    Shape("debian-13-socket", "trixie", _debian_socket, "ssh.socket", "socket"),
    Shape("ubuntu-22.04", "bookworm", _ubuntu_22_04),
    Shape("ubuntu-22.04-socket", "bookworm", _ubuntu_22_04_socket, "ssh.socket", "socket"),
    Shape("ubuntu-24.04", "trixie", _ubuntu_24_04, "ssh.socket"),
    Shape("ubuntu-26.04", "sid", _ubuntu_26_04, "ssh.socket"),
    Shape("fedora", "trixie", _fedora, "sshd.service"),
    Shape("el8", "bookworm", _el8, "sshd.service", "command-line"),
    Shape("suse", "trixie", _suse, "sshd.service"),
    Shape("arch", "trixie", _arch, "sshd.service"),
)}
