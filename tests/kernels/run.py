#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other kernels: `tests/run kernels [VERSION… | FOLDER…]`.

Boots a Debian 12 with systemd, sshd and wslportd on another kernel, and has inside.py ask there. A word is one of these:
  uml       Debian's user-mode-linux, the default: an ordinary program, with one machine of the lab inside. Five minutes
  6.1, 6.12, …   the newest linux-image-*-cloud-amd64 of that version in Debian 12, 13 or sid, in QEMU; "newest" is sid's
  FOLDER    somebody's own kernel: vmlinuz (or bzImage), and modules/VERSION if it has modules; in QEMU
QEMU uses KVM if that works, with a machine of the lab inside, else it emulates a processor: then only the unit tests are run
and the product is asked, in about ten minutes, and no time that passes inside means anything.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lab"))

import roots  # noqa: E402

PACKAGES = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "openssh-client", "iproute2", "procps", "kmod",
            "libinih1", "libmnl0", "libsystemd0", "libjson-c5", "python3-pytest", "nftables", "iptables", "netbase", "mmdebstrap",
            "util-linux", "mount"]
UNIT = re.compile(r"kernel/|process/|windows/bindprobe$|facts/holders$|sshd/sshd$")  # they ask the kernel
LAB = ["test_moves.py::test_restore_manual_waits_for_restore"]  # first bind, Windows keeps 22, moved at run time, and back
LAB_MODULES = ["overlay", "veth", "nf_tables", "xt_socket", "xt_connmark"]
SUITES = ("bookworm", "trixie", "sid")
INITRD_MODULES = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "crc32c-intel"]
LIMIT = 45 * 60  # seconds for one kernel
QUIET = 60  # seconds without a line, after which KVM isn't one

INIT = f"""#!/bin/sh
mount -t proc proc /proc
modprobe -qa {' '.join(LAB_MODULES)}
echo 2 > /proc/sys/kernel/perf_event_paranoid # as WSL's; Debian's own is 3
umount /proc
exec env -i container=wsl TERM=dumb /sbin/init systemd.show_status=0
"""

SERVICE = """[Unit]
After=multi-user.target wslportd.service ssh.service
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /opt/kernels/inside.py
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
"""
COMMAND_LINE = "rw quiet loglevel=3 init=/opt/kernels/init"


@dataclass
class Kernel:
    name: str
    image: Path
    modules: Path | None  # a folder like /lib/modules/VERSION
    user_mode: bool = False
    results: list[dict] = field(default_factory=list)


def run(*argv: object, **options: object) -> None:
    subprocess.run([str(word) for word in argv], check=True, stdin=subprocess.DEVNULL, **options)


def hash_of(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


# ---- kernels ----

def debian_folder(suite: str) -> Path:
    """The newest kernel of a suite, unpacked with all that its package depends on."""
    def make(unfinished: Path) -> None:
        run("mmdebstrap", "--quiet", "--variant=extract", "--include=linux-image-cloud-amd64",
            '--aptopt=Acquire::Check-Valid-Until "false"', suite, unfinished, f"deb {roots.mirror()} {suite} main")
    return roots.once(roots.cache_directory() / f"kernel-{suite}", make)


def find_kernel(word: str) -> Kernel:
    if word == "uml":
        return Kernel("uml", Path("/usr/bin/linux.uml"), next(Path("/usr/lib/uml/modules").glob("*")), user_mode=True)
    if Path(word).is_dir():
        folder = Path(word)
        image = next((file for pattern in ("vmlinuz*", "bzImage*", "kernel*") for file in folder.glob(pattern)), None)
        if not image:
            sys.exit(f"{folder} has no vmlinuz")
        modules = next((path.resolve() for pattern in ("modules/*", "lib/modules/*") for path in folder.glob(pattern)), None)
        return Kernel(folder.resolve().name, image, modules)
    for suite in ("sid",) if word == "newest" else SUITES:
        folder = debian_folder(suite)
        for modules in (*folder.glob("lib/modules/*"), *folder.glob("usr/lib/modules/*")):
            if word == "newest" or modules.name.startswith((word + ".", word + "-", word + "+")):
                images = (modules / "vmlinuz", folder / f"boot/vmlinuz-{modules.name}")  # the first since Debian 14
                return Kernel(modules.name, next(image for image in images if image.exists()), modules)
    sys.exit(f"{word}: neither a folder nor a kernel of {', '.join(SUITES)}")


def needed_modules(modules: Path, wanted: list[str]) -> list[Path]:
    """The files of these modules, each behind those that it needs. What is built in has none."""
    depends = dict(line.split(":", 1) for line in (modules / "modules.dep").read_text().splitlines())
    by_name = {Path(file).name.split(".ko")[0].replace("-", "_"): file for file in depends}
    order: list[str] = []
    for name in wanted:
        if file := by_name.get(name.replace("-", "_")):
            order += [*reversed(depends[file].split()), file]
    return [modules / file for file in dict.fromkeys(order)]


def unpacked(file: Path) -> bytes:
    if file.suffix == ".xz":
        return lzma.decompress(file.read_bytes())
    if file.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", file], check=True, capture_output=True).stdout
    return file.read_bytes()


def make_initrd(modules: Path | None, path: Path) -> None:
    """An initrd that loads the disk's drivers, and hands over to the disk."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for name in ("bin", "modules", "root", "dev", "proc"):
            (top / name).mkdir()
        shutil.copy("/bin/busybox", top / "bin/busybox")
        lines = ["#!/bin/busybox sh", "/bin/busybox mount -t devtmpfs none /dev"]
        for number, file in enumerate(needed_modules(modules, INITRD_MODULES) if modules else []):
            (top / f"modules/{number}.ko").write_bytes(unpacked(file))
            lines.append(f"/bin/busybox insmod /modules/{number}.ko")
        lines += ["while ! /bin/busybox mount -t ext4 /dev/vda /root; do /bin/busybox sleep 1; done",
                  "exec /bin/busybox switch_root /root /opt/kernels/init"]
        (top / "init").write_text("\n".join(lines) + "\n")
        (top / "init").chmod(0o755)
        with path.open("wb") as archive:
            names = subprocess.run(["find", "."], cwd=top, check=True, capture_output=True).stdout
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=top, check=True, input=names, stdout=archive)


# ---- the disk ----

def outer_root() -> Path:
    def make(unfinished: Path) -> None:
        roots._mmdebstrap("bookworm", unfinished, PACKAGES,
                          [f"--dpkgopt=path-exclude=/usr/share/{x}/*" for x in ("doc", "man", "locale")])
        roots._furnish(unfinished, roots.private_key().with_suffix(".pub").read_text())
    return roots.once(roots.cache_directory() / f"kernels-bookworm-{hash_of(PACKAGES)}", make)


def put(root: Path, *paths: Path) -> None:
    """Copies files or folders to the same place in the root."""
    for path in paths:
        (root / str(path.parent)[1:]).mkdir(parents=True, exist_ok=True)
        run("cp", "-a", path, root / str(path.parent)[1:])


def make_disk(kernel: Kernel, path: Path, lab: bool) -> None:
    build, destdir = Path(os.environ["WSLPORTD_BUILD"]).resolve(), Path(os.environ["WSLPORTD_DESTDIR"]).resolve()
    tests = json.loads(subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True).stdout)
    unit = [(test["name"], test["cmd"]) for test in tests if UNIT.match(test["name"])]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        root = Path(folder) / "root"
        run("cp", "-a", outer_root(), root)
        run("cp", "-a", f"{destdir}/.", root)
        put(root, TOP / "tests/lab", build / "daemon", build / "tests/unit", build / "tests/lab")
        if lab:
            put(root, destdir, roots.root(), roots.private_key().parent)
            (root / str(roots.mountpoint())[1:]).mkdir()
        modules = root / "lib/modules" / kernel.modules.name if kernel.modules else None
        if modules:
            modules.parent.mkdir(exist_ok=True)
            run("cp", "-a", kernel.modules, modules)
            run("depmod", "-b", root, modules.name)
        if not kernel.user_mode:
            make_initrd(modules, path.with_name("initrd"))
        for name, text in {
                "opt/kernels/plan.json": json.dumps({"top": str(TOP), "build": str(build), "destdir": str(destdir), "unit": unit,
                                                     "lab": LAB if lab else []}),
                "opt/kernels/inside.py": (TOP / "tests/kernels/inside.py").read_text(),
                "opt/kernels/init": INIT,
                "etc/systemd/system/kernels.service": SERVICE,
                **({"usr/local/sbin/nft": (TOP / "tests/kernels/nft.py").read_text()} if kernel.user_mode else {}),
                "usr/bin/wslinfo": "#!/bin/sh\necho mirrored\n"}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            (root / name).chmod(0o755 if text.startswith("#!") else 0o644)
        run("systemctl", f"--root={root}", "--quiet", "enable", "wslportd.service", "kernels.service")
        run("mke2fs", "-q", "-F", "-t", "ext4", "-d", root, path, "4G", stdout=subprocess.DEVNULL)


# ---- a run ----

def command(kernel: Kernel, folder: Path, accelerator: str) -> list[str]:
    disk = folder / "disk"
    if kernel.user_mode:
        return ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", str(kernel.image), "mem=2G", f"ubd0={disk}", "root=/dev/ubda",
                "con0=null,fd:1", "con=null", *COMMAND_LINE.split()]
    cpu = ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    return ["qemu-system-x86_64", "-M", "q35", *cpu, "-m", "2G", "-smp", "2", "-nodefaults", "-no-reboot", "-display", "none",
            "-serial", "stdio", "-kernel", str(kernel.image), "-initrd", str(folder / "initrd"),
            "-drive", f"file={disk},if=virtio,format=raw", "-append", f"console=ttyS0 {COMMAND_LINE}"]


def boot(kernel: Kernel, argv: list[str], folder: Path, patience: float) -> bool:
    """Prints and keeps the results. Returns whether the machine said anything within its patience."""
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder)}
    process = subprocess.Popen(["nice", "-n", "10", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=environment)
    timer = threading.Timer(patience, process.kill)
    timer.start()
    with (folder.parent / f"{kernel.name}.log").open("wb") as log:
        for line in process.stdout:
            log.write(line)
            if not (found := re.match(rb".*KERNELS: (\{.*\})", line)):
                continue
            result = json.loads(found[1])
            if not kernel.results:
                timer.cancel()
                timer = threading.Timer(LIMIT, process.kill)
                timer.start()
            kernel.results.append(result)
            print(f"  {result['kind']:8}{result['name']}: {result['result']}"
                  + (f"\n{result['text']}" if result["result"] == "wrong" else f"  {result['text']}" if result["kind"] == "unit" else ""),
                  flush=True)
    process.wait()
    timer.cancel()
    return bool(kernel.results)


def try_kernel(kernel: Kernel, work: Path) -> bool:
    start = time.monotonic()
    ways = ["uml"] if kernel.user_mode else ["kvm", "tcg"] if os.access("/dev/kvm", os.W_OK) else ["tcg"]
    for way in ways:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            print(f"── {kernel.name}, {way}", flush=True)
            make_disk(kernel, Path(folder) / "disk", lab=way != "tcg")
            if boot(kernel, command(kernel, Path(folder), way), Path(folder), QUIET if way == "kvm" and len(ways) > 1 else LIMIT):
                break
    wrong = [result for result in kernel.results if result["result"] == "wrong"]
    whole = bool(kernel.results) and kernel.results[-1]["kind"] == "end"
    print(f"{kernel.name}: {'not to the end; ' if not whole else ''}{len(wrong)} wrong, {time.monotonic() - start:.0f} s; "
          f"its console: {work / (kernel.name + '.log')}", flush=True)
    return whole and not wrong


def main() -> None:
    words = sys.argv[1:] or ["uml"]
    if words[0].startswith("-"):
        print(__doc__)
        return
    work = Path(os.environ["WSLPORTD_BUILD"]).resolve().parent / "kernels"
    work.mkdir(exist_ok=True)
    results = [try_kernel(find_kernel(word), work) for word in words]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
