"""The rules, read and applied by udev itself to devices as a Pi's kernel shows them.

`udevadm test` runs in namespaces of its own, in which /sys is a folder of the test, and /run and
/dev are empty: it changes nothing here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

RULES = sorted((Path(__file__).resolve().parents[3] / "udev").glob("*.rules"))
USB = "devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1"
SPI = "devices/platform/soc/fe204000.spi/spi_master/spi0"

SCRIPT = """
set -e
mount --bind "$1" /sys
mount -t tmpfs none /run
mount -t tmpfs none /dev
mkdir -p /run/udev/rules.d
cp "$2"/*.rules /run/udev/rules.d/
SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm test --action=add "/sys/$3" 2>&1
"""

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--net")


class Devices:
    """A /sys of the test, and what udev makes of it."""

    def __init__(self, folder: Path) -> None:
        self.sys = folder / "sys"
        self.rules = folder / "rules"
        self.rules.mkdir()
        for path in RULES:
            shutil.copy(path, self.rules)

    def add(self, path: str, subsystem: str, driver: str | None, uevent: str, **attributes: str):
        """Add a device; returns its path."""
        device = self.sys / path
        device.mkdir(parents=True)
        (device / "uevent").write_text(uevent)
        for name, value in attributes.items():
            (device / name).write_text(f"{value}\n")
        kind = "class" if subsystem in ("tty", "net") else "bus"
        links = {"subsystem": f"{kind}/{subsystem}"}
        if driver:
            links["driver"] = f"bus/{subsystem}/drivers/{driver}"
        for name, target in links.items():
            (self.sys / target).mkdir(parents=True, exist_ok=True)
            (device / name).symlink_to(os.path.relpath(self.sys / target, device))
        return path

    def usb(self, socket: str, driver: str, vendor: str, product: str, **attributes: str) -> str:
        """Add a USB device with one interface; returns the interface's path."""
        device = self.add(
            f"{USB}/{socket}",
            "usb",
            "usb",
            "DEVTYPE=usb_device\n",
            idVendor=vendor,
            idProduct=product,
            **attributes,
        )
        return self.add(
            f"{device}/{socket}:1.0",
            "usb",
            driver,
            "DEVTYPE=usb_interface\n",
            bInterfaceNumber="00",
            bInterfaceClass="ff",
            bInterfaceSubClass="ff",
            bInterfaceProtocol="ff",
        )

    def tty(self, parent: str, name: str = "ttyUSB0") -> str:
        uevent = f"MAJOR=188\nMINOR=0\nDEVNAME={name}\n"
        return self.add(f"{parent}/tty/{name}", "tty", None, uevent, dev="188:0")

    def net(self, parent: str, name: str = "can0", kind: str = "280", **more: str) -> str:
        attributes = {"ifindex": "903", "dev_port": "0", "tx_queue_len": "10"} | more
        uevent = f"INTERFACE={name}\nIFINDEX=903\n"
        return self.add(f"{parent}/net/{name}", "net", None, uevent, type=kind, **attributes)

    def plug_in(self, device: str) -> str:
        """What udev says while it applies the rules."""
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", SCRIPT, "sh", self.sys, self.rules, device],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _needs_udev():
    if shutil.which("udevadm") is None:
        pytest.skip("udevadm is not here: sudo apt install udev")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not allowed here (unshare --user)")


@pytest.fixture
def devices(tmp_path) -> Devices:
    return Devices(tmp_path)


@pytest.fixture
def ftdi(devices):
    serial = devices.usb("1-1.2", "ftdi_sio", "0403", "6001", serial="A50285BI")
    return devices.tty(serial)


def links(said: str) -> list[str]:
    return re.search(r"^\s*(?:E: )?DEVLINKS=(.*)$", said, re.MULTILINE)[1].split()


def complaints(said: str) -> list[str]:
    """Lines about our files that are neither their reading nor their effect on a device."""
    ours = [line for line in said.splitlines() if "70-gateway" in line or "71-mine" in line]
    return [line for line in ours if not re.match(r"Reading rules file|(ttyUSB|can)\d+: ", line)]


def test_udev_reads_every_rule_without_a_complaint(devices, ftdi):
    said = devices.plug_in(ftdi)
    for path in RULES:
        assert f"Reading rules file: /run/udev/rules.d/{path.name}" in said
    assert complaints(said) == []


def test_a_rule_that_is_wrong_would_be_noticed(devices, ftdi):
    (devices.rules / "71-mine.rules").write_text('SUBSYTEM=="tty", SYMLINK+="x"\n')
    assert complaints(devices.plug_in(ftdi))


def test_every_rule_passes_udevs_own_check(devices):
    version = subprocess.run(["udevadm", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout) < 254:
        pytest.skip(f"`udevadm verify` came with systemd 254, this is {version.stdout.strip()}")
    subprocess.run(["udevadm", "verify", *sorted(devices.rules.iterdir())], check=True)


def test_a_serial_adapter_belongs_to_dialout(devices, ftdi):
    said = devices.plug_in(ftdi)
    assert re.search(r"70-gateway-serial\.rules:\d+ GROUP (20|.*dialout)", said)
    assert re.search(r"70-gateway-serial\.rules:\d+ MODE 0?660", said)


def test_a_serial_adapter_is_named_after_its_socket(devices, ftdi):
    assert "/dev/gateway/usb1-1.2-00" in links(devices.plug_in(ftdi))


def test_two_clones_without_a_serial_number_have_different_names(devices):
    names = []
    for socket in ("1-1.2", "1-1.3"):
        tty = devices.tty(devices.usb(socket, "ch341-uart", "1a86", "7523"))
        names += [name for name in links(devices.plug_in(tty)) if "/gateway/" in name]
    assert names == ["/dev/gateway/usb1-1.2-00", "/dev/gateway/usb1-1.3-00"]


@pytest.mark.parametrize(
    ("vendor", "product", "ignored"),
    [
        ("0403", "6001", True),  # FTDI
        ("10c4", "ea60", True),  # CP2102
        ("1a86", "7523", True),  # CH340
        ("1546", "01a8", True),  # u-blox 8
        ("1546", "1102", False),  # u-blox makes modems, too
        ("2341", "0043", True),  # Arduino Uno
        ("16d0", "117e", True),  # CANable
        ("12d1", "1506", False),  # a modem
    ],
)
def test_modem_manager_is_told_what_is_no_modem(devices, vendor, product, ignored):
    tty = devices.tty(devices.usb("1-1.2", "driver", vendor, product))
    assert ("ID_MM_DEVICE_IGNORE=1" in devices.plug_in(tty)) is ignored


def test_the_boards_own_port_belongs_to_dialout(devices):
    uart = devices.add(
        "devices/platform/soc/fe201000.serial", "platform", "uart-pl011", "DRIVER=uart-pl011\n"
    )
    said = devices.plug_in(devices.tty(uart, "ttyAMA0"))
    assert re.search(r"70-gateway-serial\.rules:\d+ GROUP", said)


@pytest.mark.parametrize("chip", ["spi0.0", "spi0.1", "spi1.2"])
def test_a_can_controller_has_the_name_of_its_chip_select(devices, chip):
    parent = devices.add(f"{SPI}/{chip}", "spi", "mcp251x", "MODALIAS=spi:mcp2515\n")
    said = devices.plug_in(devices.net(parent))
    assert f"/bin/ip link property add dev if903 altname can-{chip}" in said


@pytest.mark.parametrize(("channel", "name"), [("0", "can-usb1-1.4"), ("1", "can-usb1-1.4-1")])
def test_a_can_adapter_has_the_name_of_its_socket_and_channel(devices, channel, name):
    parent = devices.usb("1-1.4", "gs_usb", "1d50", "606f")
    said = devices.plug_in(devices.net(parent, dev_port=channel))
    assert re.search(rf"ip link property add dev if903 altname {name}\b(?!-)", said)
    assert len(name) <= 15  # an interface's name; a longer one cannot be bound to


def test_a_can_interface_has_room_for_more_frames_than_its_drivers_ten(devices):
    parent = devices.add(f"{SPI}/spi0.0", "spi", "mcp251x", "MODALIAS=spi:mcp2515\n")
    can0 = devices.net(parent)
    devices.plug_in(can0)
    assert (devices.sys / can0 / "tx_queue_len").read_text().strip() == "128"


def test_other_interfaces_are_left_alone(devices):
    parent = devices.usb("1-1.1", "smsc95xx", "0424", "ec00")
    said = devices.plug_in(devices.net(parent, "eth0", kind="1"))
    assert "altname" not in said


def test_the_templates_for_names_of_ones_own_work(devices, ftdi):
    template = (devices.rules / "70-gateway-serial.rules").read_text()
    lines = re.findall(r"^#(SUBSYSTEM==.*)$", template, re.MULTILINE)
    assert len(lines) == 3
    (devices.rules / "71-mine.rules").write_text("\n".join(lines) + "\n")
    said = devices.plug_in(ftdi)
    assert complaints(said) == []
    assert {"/dev/gateway/engine", "/dev/gateway/depth"} <= set(links(said))


def test_the_template_for_an_interface_of_ones_own_name_works(devices):
    template = (devices.rules / "70-gateway-can.rules").read_text()
    lines = re.findall(r"^#(SUBSYSTEM==.*)$", template, re.MULTILINE)
    assert len(lines) == 2
    (devices.rules / "71-mine.rules").write_text("\n".join(lines) + "\n")
    parent = devices.add(f"{SPI}/spi0.0", "spi", "mcp251x", "MODALIAS=spi:mcp2515\n")
    said = devices.plug_in(devices.net(parent))
    assert complaints(said) == []
    assert "71-mine.rules:1 NAME 'motor'" in said
