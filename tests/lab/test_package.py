# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages: how they are built, and the Debian package in a machine's whole life.

`tests/run package` builds them, and WSLPORTD_PACKAGES tells where they are: `first` and `second` are the same version, built in
different places at different times; `next` is a later version, with another text in its example of a configuration.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import wslport as w
from machine import Machine
from processes import Session

PACKAGES = Path(os.environ.get("WSLPORTD_PACKAGES", "/nonexistent"))
TREE = Path(__file__).parents[2]
FORMS = TREE / "units/packages"

pytestmark = pytest.mark.skipif("WSLPORTD_PACKAGES" not in os.environ, reason="tests/run package builds what is tested")


def package(name: str) -> Path:
    return next((PACKAGES / name).glob("wslportd_*.deb"))


def version(name: str) -> str:
    return package(name).name.split("_")[1]


# ---- builds ----

def test_two_builds_are_the_same_bytes():
    def digests(name: str) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (PACKAGES / name).iterdir()
                if path.suffix in (".deb", ".dsc", ".xz")}  # the other files tell when and where the build was

    assert len(digests("first")) == 4
    assert digests("first") == digests("second")


@pytest.mark.parametrize("name", ["first", "next"])
def test_lintian_has_nothing_to_say(name):
    assert (PACKAGES / name / "lintian").read_text() == ""


def test_each_form_is_of_the_changelogs_version():
    found = {re.search(r"(?m)^(?:Version: *|pkgver=)(\S+)", (FORMS / path).read_text())[1]
             for path in ("rpm/wslportd.spec", "arch/PKGBUILD")}
    assert found == {version("first")}
    changelog = re.findall(r"(?m)^\* .* - (\S+)-1$", (FORMS / "rpm/wslportd.spec").read_text())
    assert changelog[0] == version("first")


def test_it_has_the_readme(tmp_path):
    subprocess.run(["dpkg-deb", "-x", package("first"), tmp_path], check=True)
    found = {path.name.removesuffix(".gz") for path in (tmp_path / "usr/share/doc/wslportd").iterdir()}
    assert found == {"README.md", "changelog", "copyright", "wslportd.conf"}


def test_the_source_package_has_its_tests(tmp_path):
    subprocess.run(["dpkg-source", "--no-check", "-x", next((PACKAGES / "first").glob("*.dsc")), tmp_path / "tree"], check=True)
    tests = tmp_path / "tree/debian/tests"
    named = re.findall(r"(?m)^Tests: (\S+)$", (tests / "control").read_text())
    assert sorted(named) == sorted(path.name for path in tests.iterdir() if path.name != "control")
    assert all((tests / name).stat().st_mode & 0o111 == 0o111 for name in named)


def test_zsh_finds_its_completion(tmp_path):
    """By the package alone: this host's zsh looks into its own folders, with those of the package in their place."""
    subprocess.run(["dpkg-deb", "-x", package("first"), tmp_path], check=True)
    found = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"""
            for place in vendor-completions site-functions; do
                [ ! -d {tmp_path}/usr/share/zsh/$place ] || [ ! -d /usr/share/zsh/$place ] ||
                    mount --bind {tmp_path}/usr/share/zsh/$place /usr/share/zsh/$place
            done
            zsh -fc 'autoload -Uz compinit; compinit -D -u; print $_comps[wslportctl]'"""],
        check=True, capture_output=True, text=True)
    assert found.stdout == "_wslportctl\n", found.stderr


def installed() -> set[str]:
    """The files of the Debian package that come from `meson install`."""
    lines = subprocess.run(["dpkg-deb", "-c", package("first")], check=True, capture_output=True, text=True).stdout
    names = [line.split()[5].removeprefix(".").replace("/zsh/vendor-completions/", "/zsh/site-functions/")
             for line in lines.splitlines()]
    return {re.sub(r"^/lib/", "/usr/lib/", name).removesuffix(".gz") for name in names
            if not name.endswith("/") and "/share/doc/" not in name and "/lintian/" not in name}


# Stand-ins for those macros of Fedora's meson and systemd-rpm-macros that the spec needs.
MACROS = r"""
%_unitdir /usr/lib/systemd/system
%_sharedstatedir /var/lib
%_localstatedir /var
%_sysconfdir /etc
%_libexecdir /usr/libexec
%_vpath_builddir build
%_meson_folders --prefix=%{_prefix} --sbindir=%{_sbindir} --libexecdir=%{_libexecdir} --sysconfdir=%{_sysconfdir}
%meson meson setup --buildtype=plain %{_meson_folders} --localstatedir=%{_localstatedir} %{_vpath_builddir}
%meson_build meson compile -C %{_vpath_builddir}
%meson_install DESTDIR=%{buildroot} meson install -C %{_vpath_builddir} --no-rebuild
%meson_test(-) meson test -C %{_vpath_builddir} --print-errorlogs %*
%systemd_post(-) systemctl --no-reload preset %* || :
%systemd_preun(-) if [ $1 -eq 0 ]; then systemctl --no-reload disable --now %* || :; fi
%systemd_postun_with_restart(-) if [ $1 -ge 1 ]; then systemctl try-restart %* || :; fi
"""


def test_an_rpm_can_be_built(tmp_path):
    number = version("first")
    (tmp_path / "macros").write_text(MACROS)
    shutil.copy(PACKAGES / f"first/wslportd_{number}.tar.xz", tmp_path / f"wslportd-{number}.tar.xz")
    built = subprocess.run(
        ["rpmbuild", "-bb", "--nodeps", "--nocheck", f"--load={tmp_path}/macros", f"--define=_topdir {tmp_path}",
         f"--define=_sourcedir {tmp_path}", FORMS / "rpm/wslportd.spec"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    rpm = next(tmp_path.glob("RPMS/*/wslportd-[0-9]*.rpm"))

    def query(*arguments: str) -> list[str]:
        return subprocess.run(["rpm", "-q", "--nosignature", *arguments, "-p", rpm], check=True, capture_output=True,
                              text=True).stdout.splitlines()

    listed = dict(reversed(line.split(maxsplit=1)) for line in query("--queryformat", "[%{FILEMODES:perms} %{FILENAMES}\\n]"))
    files = {name.removesuffix(".gz") for name, mode in listed.items()
             if mode[0] != "d" and not re.search("/share/doc/|/licenses/|/\\.build-id", name)}
    assert files == installed() | {w.CONFIG}
    assert {"/etc/wslportd.conf.d", "/var/lib/wslportd", "/var/lib/wslportd/sshd.d"} <= set(listed)
    assert listed["/etc/ssh/sshd_config.d"] == "drwx------"  # as sshd's own package has it
    assert {"README.md", "wslportd.conf"} <= {Path(name).name for name in listed if "/share/doc/" in name}
    assert query("--configfiles") == [w.STATIC_FILE, w.CONFIG]
    assert "wslportd --reset || :" in "\n".join(query("--scripts"))
    checked = subprocess.run(["rpmlint", FORMS / "rpm/wslportd.spec"], capture_output=True, text=True)
    # rpmlint asks for a BuildRoot, which rpm no longer needs, and for a source that can be downloaded, which isn't published yet.
    assert "1 specfiles checked" in checked.stdout
    assert set(re.findall(r": [WE]: (\S+)", checked.stdout)) <= {"no-buildroot-tag", "invalid-url"}, checked.stdout


# As Arch's meson has it, but for what concerns libraries and Python.
ARCH_MESON = """#!/bin/sh
exec meson setup --prefix /usr --libexecdir lib --sbindir bin --buildtype plain --auto-features enabled --wrap-mode nodownload \
        -D b_pie=true "$@"
"""


def test_an_arch_package_can_be_built():
    """Debian has no namcap, which would look at the package as lintian does."""
    number = version("first")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # pytest's own folders are for root only
        place = Path(name)
        for part in ("PKGBUILD", "wslportd.install"):
            shutil.copy(FORMS / "arch" / part, place)
        (place / "bin").mkdir()
        (place / "bin/arch-meson").write_text(ARCH_MESON)
        (place / "bin/arch-meson").chmod(0o755)
        shutil.copy(PACKAGES / f"first/wslportd_{number}.tar.xz", place / f"wslportd-{number}.tar.xz")
        subprocess.run(["chown", "-R", "nobody", place], check=True)  # makepkg refuses to run as root
        built = subprocess.run(
            ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "makepkg", "--nodeps", "--nocheck"],
            cwd=place, env={"PATH": f"{place}/bin:{os.environ['PATH']}", "HOME": name, "LANG": "C.UTF-8", "PACMAN": "true"},
            capture_output=True, text=True)
        assert built.returncode == 0, built.stdout + built.stderr
        listing = subprocess.run(["bsdtar", "-tf", next(place.glob("wslportd-*.pkg.tar.gz"))], check=True, capture_output=True,
                                 text=True).stdout.splitlines()
    files = {"/" + name.removesuffix(".gz") for name in listing
             if not name.startswith(".") and not name.endswith("/") and "/share/doc/" not in name}
    assert {"usr/share/doc/wslportd/README.md", "usr/share/doc/wslportd/wslportd.conf", ".INSTALL"} <= set(listing)
    # Arch has neither /usr/sbin nor /usr/libexec.
    assert files == {name.replace("/sbin/", "/bin/").replace("/libexec/", "/lib/wslportd/") for name in installed()}


# ---- a machine's life with the package ----

BARE = Callable[..., Machine]


@pytest.fixture
def bare(machine: BARE) -> BARE:
    """bare(...) makes a machine that runs, without the daemon, and with the packages in /root."""
    def factory(**options: object) -> Machine:
        m = machine(overlay=[], **options)
        for name in ("first", "next"):
            m.write(f"/root/{name}.deb", package(name).read_bytes())
        return w.boot(m)

    return factory


def install(m: Machine, name: str) -> None:
    m.run(["dpkg", "--install", f"/root/{name}.deb"], check=True)  # dpkg asks nothing, as nobody would answer
    # No eventually(): when dpkg has ended, sshd must be reachable.
    assert m.run(["systemctl", "is-enabled", w.UNIT, "wslportd-reset.service"]).stdout == "enabled\nenabled\n"
    assert m.run(["wslportd", "--version"]).stdout == f"wslportd {version(name)}\n"


SUITES = pytest.mark.parametrize("suite", ["bookworm", "trixie", "sid"])


@SUITES
def test_sshd_is_reachable_when_dpkg_returns(bare, suite):
    m = bare(suite=suite, windows=w.WINDOWS_HOLDS_22)
    assert w.failed_units(m) == ["ssh.service"] and not m.listeners()
    install(m, "first")
    assert 2222 in m.listeners()
    assert w.logs_in(m, 2222) and w.logs_in(m, 2222, "windows")
    w.check_report(m, "relocated", 2222)
    assert w.failed_units(m) == []
    # journalctl -x finds the explanations.
    assert "Defined-By: wslportd" in m.run(["journalctl", "--dump-catalog"], check=True).stdout
    m.poweroff()
    w.boot(m)
    w.check_relocated_boot(m)


def test_nothing_is_done_where_22_is_free(bare):
    m = bare()
    pid = w.main_pid(m)
    install(m, "first")
    w.check_report(m, "clear", 22)
    assert w.main_pid(m) == pid


def test_nothing_runs_outside_of_wsl(bare):
    m = bare(mode="not-wsl")
    pid = w.main_pid(m)
    install(m, "first")
    assert w.active_state(m, w.UNIT) == "inactive" and w.failed_units(m) == []
    assert w.main_pid(m) == pid and w.sshd_ports(m) == {22}
    m.write("/root/test", (FORMS / "debian/tests/outside-of-wsl").read_text(), 0o755)
    result = m.run(["/root/test"])
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


def in_place(m: Machine, session: Session, pid: int) -> None:
    """Checks that sshd and its session are as they were."""
    assert session.alive()
    assert w.main_pid(m) == pid and 2222 in m.listeners()
    assert w.logs_in(m, 2222, "windows")


@SUITES
def test_upgrade_and_downgrade_while_relocated(bare, suite):
    m = bare(suite=suite, windows=w.WINDOWS_HOLDS_22)
    install(m, "first")
    session, pid = m.ssh_session(2222), w.main_pid(m)
    for name in ("next", "first", "first"):
        daemon = w.main_pid(m, w.UNIT)
        install(m, name)
        in_place(m, session, pid)
        assert w.main_pid(m, w.UNIT) not in (0, daemon)  # the new version runs
        p = w.check_report(m, "relocated", 2222)
        assert p["Version"] == version(name)
    assert len(w.binds(m, command="sshd")) == 2 * 2  # two families at the boot, which failed, and two on 2222
    assert w.failed_units(m) == []


def test_upgrade_where_systemd_listens(bare):
    m = bare(ssh="socket", windows=w.WINDOWS_HOLDS_22)
    install(m, "first")
    session = m.ssh_session(2222)
    for name in ("next", "first"):
        install(m, name)
        p = w.wait_properties(m, State="relocated", Port=2222, Version=version(name))
        assert (p["Mechanism"], p["Unit"]) == ("socket", "ssh.socket")
        assert session.alive() and w.logs_in(m, 2222, "windows")
    assert w.failed_units(m) == []


def test_what_its_owner_has_changed_is_kept(bare):
    m = bare(windows=w.WINDOWS_HOLDS_22)
    install(m, "first")
    m.write(w.CONFIG, "[Policy]\nCandidatePorts=2299\n")
    m.write(w.STATIC_FILE, m.read(w.STATIC_FILE) + "# mine\n")
    kept = m.read(w.STATIC_FILE)
    m.run(["systemctl", "disable", w.UNIT], check=True)
    m.run(["dpkg", "--install", "/root/next.deb"], check=True)
    assert m.read(w.CONFIG) == "[Policy]\nCandidatePorts=2299\n" and m.read(w.STATIC_FILE) == kept
    assert m.run(["systemctl", "is-enabled", w.UNIT]).stdout == "disabled\n"
    m.run(["dpkg", "--remove", "wslportd"], check=True)
    assert m.read(w.CONFIG) == "[Policy]\nCandidatePorts=2299\n" and m.read(w.STATIC_FILE) == kept
    assert m.run(["sshd", "-t"]).returncode == 0


@pytest.mark.parametrize("changed", [False, True], ids=["as shipped", "changed"])
def test_the_configuration_of_version_0_1_0(bare, tmp_path, changed):
    """That version shipped it, as a file that dpkg asks about. It stays in force until the package is purged."""
    subprocess.run(["dpkg-deb", "-R", package("first"), tmp_path / "old"], check=True)
    (tmp_path / f"old{w.CONFIG}").write_text("# Only comments.\n")
    with (tmp_path / "old/DEBIAN/conffiles").open("a") as conffiles:
        conffiles.write(f"{w.CONFIG}\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tmp_path / "old", tmp_path / "old.deb"], check=True)
    m = bare(windows=w.WINDOWS_HOLDS_22)
    m.write("/root/old.deb", (tmp_path / "old.deb").read_bytes())
    m.run(["dpkg", "--install", "/root/old.deb"], check=True)
    if changed:
        m.write(w.CONFIG, "[Policy]\nCandidatePorts=2222 2299\n")
    kept = m.read(w.CONFIG)
    for name in ("next", "first"):
        install(m, name)
        assert m.read(w.CONFIG) == kept
        printed = m.run(["wslportd", "--print-config"], check=True).stdout
        assert (f"CandidatePorts=2222 2299  # {w.CONFIG}:2\n" in printed) == changed
    m.run(["dpkg", "--purge", "wslportd"], check=True)
    assert not m.exists(w.CONFIG) and not m.exists(f"{w.CONFIG}.d")


def test_what_archs_package_does(bare):
    """pacman calls these functions; the files are those of Debian's package."""
    m = bare(windows=w.WINDOWS_HOLDS_22)
    install(m, "first")
    m.write("/root/wslportd.install", (FORMS / "arch/wslportd.install").read_text())
    m.write("/etc/wslportd.conf.pacsave", "[Policy]\nCandidatePorts=2222 2299\n")
    session, pid, daemon = m.ssh_session(2222), w.main_pid(m), w.main_pid(m, w.UNIT)

    def call(function: str) -> None:
        m.run(["bash", "-c", f". /root/wslportd.install; {function}"], check=True)

    call("post_install 0.2.0-1")
    call("post_upgrade 0.2.0-1 0.1.0-1")
    assert w.main_pid(m, w.UNIT) not in (0, daemon)
    in_place(m, session, pid)
    assert "CandidatePorts=2222 2299 " in m.run(["wslportd", "--print-config"], check=True).stdout
    call("pre_remove 0.2.0-1")
    in_place(m, session, pid)
    assert w.active_state(m, w.UNIT) == w.active_state(m, w.HELPER_SOCKET) == "inactive" and w.own_files(m) == {}
    assert m.run(["systemctl", "is-enabled", w.UNIT, "wslportd-reset.service"]).stdout == "disabled\ndisabled\n"
    m.poweroff()
    for function in ("post_upgrade 0.2.0-1 0.2.0-1", "pre_remove 0.2.0-1"):  # as while an image is built
        m.offline(["bash", "-ec", f". /root/wslportd.install; {function}"])


# Files that dpkg, systemd and the machine's own life leave behind, whatever package is installed.
NOT_OURS = re.compile(r"/var/(lib/dpkg/|log/|lib/systemd/(catalog/database|random-seed|timesync|timers|linger)|cache/ldconfig"
                      r"|tmp/|lib/private)|/root/|/etc/(\.updated|\.pwd\.lock|resolv\.conf)|/run/|/tmp/|/proc/|/sys/|/dev/")


def files(m: Machine) -> dict[str, tuple[int, str | bytes]]:
    """Everything on the machine's disk: each path with its mode, and its bytes or its link's target."""
    found: dict[str, tuple[int, str | bytes]] = {}
    top = m.path("/")
    for directory, names, others in os.walk(top):
        place = Path("/", Path(directory).relative_to(top))
        names[:] = [name for name in names if not NOT_OURS.match(f"{place / name}/")]
        for name in (*names, *others):
            path = Path(directory, name)
            if NOT_OURS.match(str(place / name)):
                continue
            with contextlib.suppress(FileNotFoundError):
                mode = path.lstat().st_mode
                content = (os.readlink(path) if stat.S_ISLNK(mode) else
                           hashlib.sha256(path.read_bytes()).digest() if stat.S_ISREG(mode) else "")
                found[str(place / name)] = (mode, content)
    return found


@SUITES
@pytest.mark.parametrize("steps", [["--remove", "--purge"], ["--purge"]], ids=" ".join)
def test_nothing_is_left(bare, suite, steps):
    m = bare(suite=suite, windows=w.WINDOWS_HOLDS_22)
    before = files(m)
    catalog = m.run(["journalctl", "--dump-catalog"], check=True).stdout
    install(m, "first")
    assert set(files(m)) - set(before) >= {w.PORT_FILE, w.LAST_PORT_FILE, f"{w.CONFIG}.d", w.STATIC_FILE}
    m.write(w.CONFIG, "[Policy]\nRestore=boot\n")
    session, pid = m.ssh_session(2222), w.main_pid(m)
    asker = m.spawn(["sh", "-c", f"while :; do busctl get-property {' '.join(w.BUS)} {w.INTERFACE} State; done"])
    for step in steps:
        m.run(["dpkg", step, "wslportd"], check=True)
        in_place(m, session, pid)  # sshd stays, as Windows still has 22
        assert not m.exists(w.STATE_DIRECTORY)
        assert w.active_state(m, w.UNIT) == "inactive"
    asker.kill()
    asker.wait()
    # systemd would say "Got notification message …, but reception is disabled" of a daemon that lived on without its unit.
    assert [line for line in m.messages() if "Got notification message" in line] == []
    after = files(m)
    assert {name for name in before.keys() | after if before.get(name) != after.get(name)} == set()
    assert "wslport" not in m.run(["systemctl", "list-unit-files", "--all"]).stdout
    assert m.run(["journalctl", "--dump-catalog"], check=True).stdout == catalog

    m.windows.release(22)
    m.run(["systemctl", "restart", "ssh"], check=True)
    w.wait_sshd(m, 22)
    assert w.logs_in(m, 22, "windows") and session.alive()


def test_removed_and_installed_again(bare):
    m = bare(windows=w.WINDOWS_HOLDS_22)
    install(m, "first")
    session, pid = m.ssh_session(2222), w.main_pid(m)
    m.run(["dpkg", "--remove", "wslportd"], check=True)
    in_place(m, session, pid)
    install(m, "first")
    in_place(m, session, pid)
    w.check_report(m, "relocated", 2222)  # no file says that sshd was moved; the kernel shows it
    m.run(["systemctl", "restart", "ssh"], check=True)
    w.wait_sshd(m, 2222)
    w.check_report(m, "relocated", 2222)
    assert session.alive()
