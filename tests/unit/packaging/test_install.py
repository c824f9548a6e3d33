"""`make install` and `make uninstall`, into a folder that stands for the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIB = "usr/local/lib"
FILES = {
    "etc/gateway/example.toml",
    "opt/gateway/share/gateway/network/can0-fd.network",
    "opt/gateway/share/gateway/network/can0.network",
    "opt/gateway/share/gateway/network/vcan0.netdev",
    "opt/gateway/share/gateway/network/vcan0.network",
    "opt/gateway/share/gateway/packet-ring.conf",
    "opt/gateway/share/gateway/raspberry-pi.md",
    f"{LIB}/sysctl.d/70-gateway.conf",
    f"{LIB}/systemd/system/gateway@.service",
    f"{LIB}/sysusers.d/gateway.conf",
    f"{LIB}/udev/rules.d/70-gateway-can.rules",
    f"{LIB}/udev/rules.d/70-gateway-serial.rules",
}


class System:
    """A folder that stands for ``/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def do(self, what: str, check: bool = True, **environment: str):
        """Run the script."""
        return subprocess.run(
            ["sh", ROOT / "systemd" / "install.sh", what],
            env={
                **os.environ,
                "DESTDIR": str(self.folder),
                "PYTHON": sys.executable,
                **environment,
            },
            capture_output=True,
            text=True,
            check=check,
        )

    def files(self) -> set[str]:
        found = (path for path in self.folder.rglob("*") if path.is_file() or path.is_symlink())
        return {str(path.relative_to(self.folder)) for path in found}


@pytest.fixture
def system(tmp_path) -> System:
    return System(tmp_path)


def test_every_file_is_put_into_its_place(system):
    system.do("files")
    assert system.files() == FILES


def test_every_file_is_readable_for_everybody_and_writable_for_root_alone(system):
    system.do("files")
    assert {(system / name).stat().st_mode & 0o777 for name in system.files()} == {0o644}


def test_installing_again_changes_nothing(system):
    system.do("files")
    before = {name: (system / name).stat().st_mtime_ns for name in system.files()}
    assert system.do("files").stdout == ""
    assert {name: (system / name).stat().st_mtime_ns for name in system.files()} == before


def test_what_differs_is_kept_beside_what_replaces_it(system):
    rules = system / f"{LIB}/udev/rules.d/70-gateway-can.rules"
    system.do("files")
    for text in ("mine", "mine, too"):
        rules.write_text(text)
        assert "70-gateway-can.rules: differs" in system.do("files").stdout
    assert rules.read_text() == (ROOT / "udev" / "70-gateway-can.rules").read_text()
    assert Path(f"{rules}.~1~").read_text() == "mine"
    assert Path(f"{rules}.~2~").read_text() == "mine, too"


@pytest.mark.parametrize("what", ["files", "uninstall"])
def test_no_configuration_of_the_users_is_touched(system, what):
    system.do("files")
    for name in ("example.toml", "car.toml"):
        (system / "etc/gateway" / name).write_text("mine")
    system.do(what)
    assert {path.name: path.read_text() for path in (system / "etc/gateway").iterdir()} == {
        "example.toml": "mine",
        "car.toml": "mine",
    }


def test_another_place_for_the_program_reaches_every_file_that_names_it(system):
    system.do("files", PREFIX="/srv/gateway")
    assert (system / "srv/gateway/share/gateway/packet-ring.conf").is_file()
    for name in system.files():
        if name != "etc/gateway/example.toml":
            assert "/opt/gateway" not in (system / name).read_text()
    unit = (system / f"{LIB}/systemd/system/gateway@.service").read_text()
    assert "ExecStart=/srv/gateway/bin/gateway run /etc/gateway/%i.toml" in unit


def test_uninstalling_takes_out_everything_but_configurations(system):
    system.do("files")
    said = system.do("uninstall").stdout
    assert system.files() == {"etc/gateway/example.toml"}
    assert "left alone: /etc/gateway" in said


def test_uninstalling_keeps_what_was_changed(system):
    system.do("files")
    rules = system / f"{LIB}/udev/rules.d/70-gateway-serial.rules"
    rules.write_text("mine")
    assert "70-gateway-serial.rules: was changed" in system.do("uninstall").stdout
    assert not rules.exists()
    assert Path(f"{rules}.~1~").read_text() == "mine"


def test_uninstalling_what_was_not_installed_does_no_harm(system):
    assert system.do("uninstall").returncode == 0
    assert system.files() == set()


def test_a_folder_with_something_else_in_it_is_not_taken_over(system):
    (system / "opt/gateway").mkdir(parents=True)
    (system / "opt/gateway/thesis.txt").write_text("mine")
    done = system.do("install", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("install: /opt/gateway: got a folder with something else in it")
    system.do("uninstall")
    assert system.files() == {"opt/gateway/thesis.txt"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may change the system")
def test_only_root_changes_the_system():
    done = subprocess.run(
        ["sh", ROOT / "systemd" / "install.sh", "install"],
        env={**os.environ, "DESTDIR": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "install: this changes the system: sudo make install\n",
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_make_installs_a_program_that_runs_from_where_it_will_be(system):
    make = ["make", "-C", ROOT, f"DESTDIR={system.folder}", f"PYTHON={sys.executable}"]
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    done = subprocess.run([*make, "install"], capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution found" in done.stderr:
        pytest.skip(f"the package index is not reachable: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    program = system / "opt/gateway/bin/gateway"
    assert program.read_text().splitlines()[0].startswith("#!/opt/gateway/bin/python")
    assert (system / "usr/local/bin/gateway").readlink() == Path("/opt/gateway/bin/gateway")
    staged = [name for name in (system / "opt/gateway/bin").iterdir() if not name.is_symlink()]
    assert not [each for each in staged if str(system.folder) in each.read_text()]
    version = [system / "opt/gateway/bin/python", program, "--version"]
    assert "gateway, version" in subprocess.run(
        version, capture_output=True, text=True, check=True, cwd=system.folder
    ).stdout  # fmt: skip
    subprocess.run([*make, "uninstall"], capture_output=True, check=True)
    assert system.files() == {"etc/gateway/example.toml"}
