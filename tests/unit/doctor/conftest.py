"""A Raspberry Pi 4 with a CAN HAT and a GPS as its files and commands show it; nothing is wrong.

The shapes are those of Raspberry Pi OS 12 (kernel 6.6, iproute2 6.1). Tests change what they are
about.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.doctor.finding import Verdict
from gateway.doctor.machine import Answer, Machine

CONFIG_TXT = """\
# For more options and information see
# http://rptl.io/configtxt
dtparam=audio=on
dtparam=spi=on
auto_initramfs=1
arm_64bit=1

[cm4]
otg_mode=1

[pi5]
dtoverlay=dwc2,dr_mode=host

[all]
enable_uart=1
dtoverlay=mcp2515-can0,oscillator=16000000,interrupt=25
"""

CAN0 = {
    "ifindex": 4,
    "ifname": "can0",
    "flags": ["NOARP", "UP", "LOWER_UP", "ECHO"],
    "mtu": 16,
    "qdisc": "pfifo_fast",
    "operstate": "UP",
    "linkmode": "DEFAULT",
    "group": "default",
    "txqlen": 128,
    "link_type": "can",
    "promiscuity": 0,
    "allmulti": 0,
    "min_mtu": 0,
    "max_mtu": 0,
    "linkinfo": {
        "info_kind": "can",
        "info_data": {
            "state": "ERROR-ACTIVE",
            "berr_counter": {"tx": 0, "rx": 0},
            "restart_ms": 100,
            "bittiming": {
                "bitrate": 500000,
                "sample_point": "0.875",
                "tq": 125,
                "prop_seg": 6,
                "phase_seg1": 7,
                "phase_seg2": 2,
                "sjw": 1,
                "brp": 1,
            },
            "bittiming_const": {
                "name": "mcp251x",
                "tseg1": {"min": 3, "max": 16},
                "tseg2": {"min": 2, "max": 8},
                "sjw": {"min": 1, "max": 4},
                "brp": {"min": 1, "max": 64},
                "brp_inc": 1,
            },
            "clock": 8000000,
        },
        "info_xstats": {
            "restarts": 0,
            "bus_error": 0,
            "arbitration_lost": 0,
            "error_warning": 0,
            "error_passive": 0,
            "bus_off": 0,
        },
    },
    "num_tx_queues": 1,
    "num_rx_queues": 1,
    "gso_max_size": 65536,
    "gso_max_segs": 65535,
    "parentbus": "spi",
    "parentdev": "spi0.0",
    "altnames": ["can-spi0.0"],
    "stats64": {
        "rx": {
            "bytes": 640000,
            "packets": 80000,
            "errors": 0,
            "dropped": 0,
            "over_errors": 0,
            "multicast": 0,
        },
        "tx": {
            "bytes": 0,
            "packets": 0,
            "errors": 0,
            "dropped": 0,
            "carrier_errors": 0,
            "collisions": 0,
        },
    },
}

WLAN0 = {
    "ifindex": 3,
    "ifname": "wlan0",
    "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    "mtu": 1500,
    "operstate": "UP",
    "txqlen": 1000,
    "link_type": "ether",
    "address": "d8:3a:dd:00:00:01",
}

BRIDGE = {
    "ifindex": 7,
    "ifname": "br0",
    "flags": ["UP"],
    "link_type": "ether",
    "linkinfo": {"info_kind": "bridge", "info_data": {"state": 1, "clock": None}},
}

VCAN0 = {
    "ifindex": 5,
    "ifname": "vcan0",
    "flags": ["NOARP", "UP", "LOWER_UP"],
    "mtu": 72,
    "qdisc": "noqueue",
    "operstate": "UNKNOWN",
    "txqlen": 1000,
    "link_type": "can",
    "linkinfo": {"info_kind": "vcan"},
}

GPS = "/dev/serial/by-id/usb-u-blox_AG_-_www.u-blox.com_u-blox_7_-_GPS_GNSS_Receiver-if00"

TIMEDATECTL = """\
Timezone=Europe/London
LocalRTC=no
CanNTP=yes
NTP=yes
NTPSynchronized=yes
TimeUSec=Sat 2026-11-21 20:00:00 GMT
RTCTimeUSec=
"""

STATUS = """\
Name:\tgateway
Umask:\t0022
State:\tR (running)
Pid:\t1201
PPid:\t1100
Uid:\t1000\t1000\t1000\t1000
Gid:\t1000\t1000\t1000\t1000
FDSize:\t64
Groups:\t20 27 1000
"""

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
pi:x:1000:1000:,,,:/home/pi:/bin/bash
gateway:x:995:995:Embedded gateway:/var/lib/gateway:/usr/sbin/nologin
"""

GROUP = """\
root:x:0:
tty:x:5:
dialout:x:20:pi
sudo:x:27:pi
pi:x:1000:
"""

DF = """\
       Avail    1B-blocks Mounted on
 21474836480  31138512896 /
"""

CAR = f"""\
[alarms]
journal = "alarms.jsonl"

[[source]]
name = "can0"
type = "can"
channel = "can0"
bitrate = 500000

[[source]]
name = "gps"
type = "serial"
port = "{GPS}"
protocol = "nmea0183"
"""


@dataclass
class Bench:
    """A machine made of a folder and of canned answers; examined by `ask`."""

    root: Path
    folder: Path
    links: list[dict] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    toml: str | None = CAR

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def link(self, path: str, target: str) -> None:
        link = self.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def remove(self, path: str) -> None:
        (self.root / path.lstrip("/")).unlink()

    def says(self, command: str, out: str = "", code: int = 0) -> None:
        """Let the command that begins with these words answer so."""
        self.answers[command] = Answer(code, out)

    def knows_no(self, command: str) -> None:
        """Let there be no such command."""
        for known in [each for each in self.answers if each.startswith(command)]:
            del self.answers[known]

    def board(self, model: str) -> None:
        self.write("/proc/device-tree/model", f"{model}\0")

    @property
    def machine(self) -> Machine:
        return Machine(self.root, self._run, self.environment)

    def _run(self, command: tuple[str, ...]) -> Answer | None:
        line = " ".join(command)
        if line.startswith("ip "):
            return Answer(0, json.dumps(self.links)) if self.links else None
        known = [start for start in self.answers if line.startswith(start)]
        return self.answers[max(known, key=len)] if known else None

    def ask(self, check):
        """What *check* finds on this machine."""
        config = None
        if self.toml is not None:
            (self.folder / "car.toml").write_text(self.toml)
            config = load_config(self.folder / "car.toml")
        return list(check(self.machine, config))

    def verdicts(self, check) -> list[Verdict]:
        return [finding.verdict for finding in self.ask(check)]

    def only(self, check):
        """The one thing that *check* finds."""
        [finding] = self.ask(check)
        return finding

    def finding(self, check):
        """The one thing that *check* finds, which is to be mended."""
        found = self.only(check)
        assert found.verdict is Verdict.FINDING, found
        assert found.why
        assert found.mend
        return found


@pytest.fixture
def pi(tmp_path) -> Bench:
    root, folder = tmp_path / "root", tmp_path / "etc"
    root.mkdir()
    folder.mkdir()
    bench = Bench(root, folder, [copy.deepcopy(each) for each in (WLAN0, BRIDGE, CAN0)])
    bench.board("Raspberry Pi 4 Model B Rev 1.4")
    bench.write("/boot/firmware/config.txt", CONFIG_TXT)
    bench.write("/boot/config.txt", "DO NOT EDIT THIS FILE\n")
    for chip, modalias, driver in (
        ("spi0.0", "mcp2515", "mcp251x"),
        ("spi0.1", "spidev", "spidev"),
    ):
        device = f"/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/{chip}"
        bench.write(f"{device}/modalias", f"spi:{modalias}\n")
        bench.link(f"{device}/driver", f"../../../../../../../bus/spi/drivers/{driver}")
        bench.link(f"/sys/bus/spi/devices/{chip}", os.path.relpath(device, "/sys/bus/spi/devices"))
    bench.write("/proc/sys/net/core/rmem_max", "8388608\n")
    bench.write("/dev/ttyACM0", "")
    bench.write("/dev/ttyS0", "")
    bench.link(GPS, "../../ttyACM0")
    bench.link("/dev/serial0", "ttyS0")
    bench.write("/proc/self/status", STATUS)
    bench.write(
        "/proc/cmdline", "coherent_pool=1M console=tty1 root=PARTUUID=4b2b6ad4-02 rootwait\n"
    )
    bench.write("/etc/passwd", PASSWD)
    bench.write("/etc/group", GROUP)
    policy = "/sys/devices/system/cpu/cpufreq/policy0"
    for name, text in (
        ("scaling_governor", "ondemand"),
        ("scaling_driver", "cpufreq-dt"),
        ("scaling_min_freq", "600000"),
        ("scaling_max_freq", "1800000"),
        ("cpuinfo_max_freq", "1800000"),
    ):
        bench.write(f"{policy}/{name}", f"{text}\n")
    bench.says("stat --dereference", "dialout crw-rw----\n")
    bench.says("systemctl --quiet is-active ModemManager", code=3)
    bench.says("timedatectl show", TIMEDATECTL)
    bench.says("df ", DF)
    bench.says("vcgencmd get_throttled", "throttled=0x0\n")
    bench.says("modinfo vcan", "filename: /lib/modules/6.6.31+rpt-rpi-v8/vcan.ko.xz\n")
    bench.says("test -w", code=0)
    bench.environment = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    return bench


@pytest.fixture
def laptop(tmp_path) -> Bench:
    """A machine of another kind: no boot configuration, no CAN, nothing that is the Pi's."""
    root, folder = tmp_path / "laptop", tmp_path
    root.mkdir()
    bench = Bench(root, folder, [copy.deepcopy(WLAN0)], toml=None)
    bench.write("/proc/self/status", STATUS)
    bench.write("/proc/sys/net/core/rmem_max", "212992\n")
    bench.write("/etc/passwd", PASSWD)
    bench.write("/etc/group", GROUP)
    bench.says("modinfo vcan", code=1)
    bench.says("timedatectl show", code=1)
    bench.says("test -w", code=0)
    return bench
