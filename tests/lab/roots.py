# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian roots for the lab's machines, built once and kept in a cache.

A root is a plain directory. Machines use it, read-only, as the lowest layer of their overlays. Its packages come from the
mirror that the host's own apt uses ($WSLPORTD_LAB_MIRROR overrides it). A root is rebuilt when the recipe below changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "libnss-systemd", "openssh-server", "libjson-c5",
    "openssh-client", "iproute2", "procps", "strace", "libinih1", "libmnl0", "libsystemd0", "python3",
    "systemd-timesyncd", "polkitd", "jq",
]

# Units that a boot doesn't need here, or that would touch the host's devices.
MASKED = [
    "getty.target", "console-getty.service", "systemd-udevd.service", "systemd-udev-trigger.service",
    "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-hwdb-update.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "systemd-tmpfiles-clean.timer", "systemd-resolved.service",
    "systemd-timesyncd.service",
    "systemd-networkd.service", "systemd-firstboot.service", "systemd-pcrphase.service",
    "systemd-sysusers.service", "systemd-sysctl.service", "systemd-remount-fs.service", "systemd-machine-id-commit.service",
    "systemd-tmpfiles-setup-dev.service", "systemd-tmpfiles-setup-dev-early.service",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "dev-mqueue.mount",
    "ldconfig.service", "systemd-journal-catalog-update.service", "systemd-update-done.service",
    "dev-hugepages.mount", "systemd-modules-load.service", "modprobe@.service",
    "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount",
]

# systemd runs its generators at each boot and each daemon-reload, and they take most of the time of both.
MASKED_GENERATORS = [f"systemd-{name}-generator" for name in (
    "bless-boot", "cryptsetup", "debug", "factory-reset", "fstab", "getty", "gpt-auto", "hibernate-resume", "integritysetup",
    "rc-local", "run", "system-update", "tpm2", "veritysetup")]
GENERATORS = "/etc/systemd/system-generators"

MACHINE_ID = "1ab00000000000000000000000000001"
RECIPE = "3"  # raise it when _bootstrap() or _furnish() changes

OLDEST = "bookworm"  # the oldest suite of the machines. Programs that are built for it run in all of them

PACKAGE = "/root/openssh-server.deb"  # sshd's package, so that a test can install it again without a network


def cache_directory() -> Path:
    path = Path(os.environ.get("WSLPORTD_LAB_CACHE") or "/var/cache/wslportd-lab")
    path.mkdir(parents=True, exist_ok=True)
    return path


def mountpoint() -> Path:
    """The directory on which each machine mounts its disk. The mounts are private, so that all machines can share it."""
    path = cache_directory() / "mnt"
    path.mkdir(exist_ok=True)
    return path


def private_key() -> Path:
    """The ssh key that every root lets in as root."""
    def make(unfinished: Path) -> None:
        unfinished.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", unfinished / "id_ed25519"],
                       check=True)
    return once(cache_directory() / "key", make) / "id_ed25519"


def root(suite: str = OLDEST, progress: Callable[[str], None] | None = None) -> Path:
    """The root of that suite. Builds it if need be, in half a minute; other processes that want it wait for it.

    progress: called with each step of the build.
    """
    public_key = private_key().with_suffix(".pub").read_text()
    recipe = "\n".join([RECIPE, suite, *PACKAGES, *MASKED, *MASKED_GENERATORS, MACHINE_ID, public_key])
    path = cache_directory() / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def make(unfinished: Path) -> None:
        _bootstrap(suite, unfinished, progress)
        _furnish(unfinished, public_key)
    return once(path, make)


def build_root(packages: Sequence[str]) -> Path:
    """A root of the oldest suite with these packages, to build programs in. A later Debian's programs need a later libc."""
    path = cache_directory() / f"build-{OLDEST}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    return once(path, lambda unfinished: _mmdebstrap(OLDEST, unfinished, packages))


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """A folder of the cache. make() fills it if it isn't there, and it appears only when it is complete.

    Who wants a folder that is there doesn't wait for others that are being made.
    """
    if path.exists():
        return path
    with locked(path):
        if not path.exists():
            unfinished = path.with_suffix(".new")
            for mount in reversed(Path("/proc/mounts").read_text().splitlines()):  # of a run that was killed
                if (point := mount.split()[1]).startswith(f"{unfinished}/"):
                    subprocess.run(["umount", "--lazy", point], check=True)
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(path)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets one process at a time make this folder of the cache."""
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mirror() -> str:
    """The Debian mirror that the host's own apt uses."""
    if configured := os.environ.get("WSLPORTD_LAB_MIRROR"):
        return configured
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout.split()
    for uri in targets:
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise RuntimeError("apt has no Debian mirror configured; name one in WSLPORTD_LAB_MIRROR")


def _bootstrap(suite: str, path: Path, progress: Callable[[str], None] | None) -> None:
    _mmdebstrap(
        suite, path, PACKAGES,
        [f'--customize-hook=cd "$1/root" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download openssh-server && '
         f'mv openssh-server_*.deb "$1{PACKAGE}"',
         *(f"--dpkgopt=path-exclude=/usr/share/{x}/*" for x in ("doc", "man", "locale", "info", "i18n"))], progress)


def _mmdebstrap(suite: str, path: Path, packages: Sequence[str], options: Sequence[str] = (),
                progress: Callable[[str], None] | None = None) -> None:
    process = subprocess.Popen(
        ["mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory", f"--include={','.join(packages)}",
         # A mirror may be a frozen snapshot, whose Release file has expired. Its signature is checked all the same.
         '--aptopt=Acquire::Check-Valid-Until "false"', *options, suite, path, f"deb {mirror()} {suite} main"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if progress and line.startswith("I: "):
            progress(line.removeprefix("I: ").strip())
    if process.wait() != 0:
        shutil.rmtree(path, ignore_errors=True)
        raise RuntimeError(f"mmdebstrap {suite}: {''.join(said[-40:])}")


def _furnish(path: Path, public_key: str) -> None:
    (path / "etc/machine-id").write_text(MACHINE_ID + "\n")
    (path / "etc/hostname").write_text("lab\n")
    (path / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (path / "etc/resolv.conf").unlink(missing_ok=True)
    (path / "etc/resolv.conf").write_text("")
    (path / "etc/fstab").write_text("")
    for unit in MASKED:
        link = path / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    generators = path / GENERATORS[1:]
    generators.mkdir(parents=True, exist_ok=True)
    for generator in MASKED_GENERATORS:
        (generators / generator).symlink_to("/dev/null")

    ssh = path / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    (ssh / "authorized_keys").write_text(public_key)
    shutil.copy(private_key(), ssh)  # so that the machine can log in to itself

    for script in (path / "etc/update-motd.d").glob("*"):  # they would run at each login
        script.unlink()

    # The journal outlives the boot, and drops nothing.
    journal = path / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True)
    (journal / "lab.conf").write_text(
        "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nForwardToSyslog=no\n")
    (path / "var/log/journal").mkdir(exist_ok=True)
