"""Reading a CAN interface of the kernel: the gateway's ways beside candump and python-can.

    python benchmarks/socketcan.py [--rounds N] [--frames N] [--seconds S]

Two wired interfaces (vxcan), so that frames come as from another host. First each receiver, which
has been reading, is held up and then drains a backlog, without ever having to wait. Then frames
trickle in, and wake-ups count. Both times it is microseconds of CPU a frame, user and system:
medians of rounds in which all take turns.

Where the kernel has no CAN this runs in the laboratory (docs/laboratory.md), on QEMU, whose clock
counts instructions there: the same each time, whatever else the machine does. An instruction is a
nanosecond then; ratios are those of instructions.

candump is Debian's; `-L` and `-l` have it ask for time stamps, and `-d` read the drop counter, as
the gateway does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import can
import numpy as np

from gateway.clock import SYSTEM_CLOCK
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.record import FRAME
from gateway.sources.can_bus import BATCH
from gateway.sources.readers.socketcan import SocketCanReader
from gateway.sources.readers.socketcan.reader import TIERS

LAB = Path(__file__).parents[1] / "tests" / "lab" / "can-lab"
NEAR, FAR = "gwnear", "gwfar"
BUFFER = 64 << 20
WARM_UP = BATCH
"""Frames that a receiver reads before it is timed: the memory that it uses is its own by then."""
PACE_HZ = 1000

Drain = Callable[[int], None]
"""Reads so many frames."""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", "link", *arguments], check=True)


@contextlib.contextmanager
def wired() -> Iterator[socket.socket]:
    """Two interfaces; yields a socket whose frames come in at NEAR."""
    ip("add", "name", NEAR, "type", "vxcan", "peer", "name", FAR)
    try:
        for name in (NEAR, FAR):
            ip("set", name, "mtu", "16", "up")
        with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sender:
            # Nobody reads at the far end.
            sender.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, b"")
            sender.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_LOOPBACK, 0)
            sender.bind((FAR,))
            yield sender
    finally:
        ip("delete", NEAR)


def send(sender: socket.socket, frames: int) -> None:
    layout = struct.Struct("=IB3xQ")
    for n in range(frames):
        sender.send(layout.pack(n & 0x7FF, 8, n))


@contextlib.contextmanager
def gateway(tier: str, gather_s: float = 0) -> Iterator[Drain]:
    counters = Counters()
    config = CanConfig(name="car", channel=NEAR, options={"tier": tier})
    reader = SocketCanReader(config, SYSTEM_CLOCK, counters)
    frames = np.zeros(BATCH, FRAME)
    pause = threading.Event()

    def drain(wanted: int) -> None:
        got = 0
        while got < wanted:
            got += reader.read_into(frames, 10_000_000_000)
            if gather_s:
                pause.wait(gather_s)

    reader.open()
    yield drain
    reader.close()
    assert not counters.lost, counters


@contextlib.contextmanager
def python_can() -> Iterator[Drain]:
    with can.Bus(interface="socketcan", channel=NEAR) as bus:
        bus.socket.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # type: ignore[attr-defined]

        def drain(wanted: int) -> None:
            for _ in range(wanted):
                assert bus.recv(10)

        yield drain


@contextlib.contextmanager
def plain_socket() -> Iterator[Drain]:
    """What many scripts do: no time stamps, no errors, no count of losses."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, 33, BUFFER)
        receiver.bind((NEAR,))
        layout = struct.Struct("=IB3x8s")

        def drain(wanted: int) -> None:
            for _ in range(wanted):
                layout.unpack(receiver.recv(16))

        yield drain


IN_PROCESS: dict[str, Callable[[], contextlib.AbstractContextManager[Drain]]] = {
    **{f"gateway, {tier}": lambda tier=tier: gateway(tier) for tier in TIERS},
    "socket.recv and struct.unpack": plain_socket,
    "python-can, Bus.recv": python_can,
}
CANDUMP = {
    "candump -L >/dev/null": ["-L", "-d"],
    "candump -l (into a file)": ["-l", "-d"],
}


@contextlib.contextmanager
def candump(options: list[str], frames: int) -> Iterator[subprocess.Popen[bytes]]:
    """A candump that is open, and ends after so many frames."""
    command = ["candump", *options, "-r", str(BUFFER), "-n", str(frames), NEAR]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not reads(NEAR):
            os.sched_yield()
        try:
            yield process
            process.wait(10)
        finally:
            process.kill()


def wait_until_waiting(process: subprocess.Popen[bytes]) -> None:
    """Wait until *process* has read all that is there, and waits for more."""
    status, pause = Path(f"/proc/{process.pid}/stat"), threading.Event()
    while status.read_text().rpartition(")")[2].split()[0] != "S":
        pause.wait(0.005)


def cpu_time(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of CPU that *process* has taken."""
    return time.clock_gettime(~process.pid << 3 | 2)  # clock_getcpuclockid(3)


def reads(interface: str) -> bool:
    """Tell whether a CAN_RAW socket listens on *interface*."""
    lines = Path("/proc/net/can/rcvlist_all").read_text().splitlines()
    return any(line.split()[:1] == [interface] for line in lines)


def drain_times(sender: socket.socket, frames: int) -> dict[str, float]:
    """Return the seconds of CPU in which each receiver drains a backlog of so many frames."""
    found = {}
    for name, opened in IN_PROCESS.items():
        with opened() as drain:
            send(sender, WARM_UP)
            drain(WARM_UP)
            send(sender, frames)
            before = time.process_time()
            drain(frames)
            found[name] = time.process_time() - before
    for name, options in CANDUMP.items():
        with candump(options, WARM_UP + frames + 1) as process:
            send(sender, WARM_UP)
            wait_until_waiting(process)
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            send(sender, frames)
            before = cpu_time(process)
            process.send_signal(signal.SIGCONT)
            wait_until_waiting(process)
            found[name] = cpu_time(process) - before
            send(sender, 1)  # it ends now, if it has read all the others
    return found


def trickle_times(sender: socket.socket, frames: int) -> dict[str, float]:
    """Return the seconds of CPU that each receiver takes for frames that come one by one."""
    found = {}
    contestants = {
        **{
            f"gateway, {tier}, {name}": (
                lambda tier=tier, gather_s=gather_s: gateway(tier, gather_s)
            )
            for tier in TIERS[:2]
            for name, gather_s in (("at once", 0.0), ("every 5 ms", 0.005), ("every 20 ms", 0.02))
        },
        "socket.recv and struct.unpack": plain_socket,
        "python-can, Bus.recv": python_can,
    }
    for name, opened in contestants.items():
        ready, go = os.pipe()
        child = os.fork()
        if not child:
            with opened() as drain:
                os.write(go, b"!")
                before = time.process_time()
                drain(frames)
                used = time.process_time() - before
            os.write(go, struct.pack("d", used))
            os._exit(0)
        os.read(ready, 1)
        trickle(sender, frames)
        found[name] = struct.unpack("d", os.read(ready, 8))[0]
        os.waitpid(child, 0)
        os.close(ready)
        os.close(go)
    for name, options in CANDUMP.items():
        with candump(options, frames + 1) as process:
            wait_until_waiting(process)
            before = cpu_time(process)
            trickle(sender, frames)
            wait_until_waiting(process)
            found[name] = cpu_time(process) - before
            send(sender, 1)
    return found


def trickle(sender: socket.socket, frames: int) -> None:
    pause = threading.Event()
    begin = time.monotonic()
    for n in range(frames):
        pause.wait(begin + n / PACE_HZ - time.monotonic())
        send(sender, 1)


def report(title: str, rounds: list[dict[str, float]], frames: int, against: str) -> None:
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    print(f"{title:44}{'us a frame':>12}{'against ' + against:>30}")
    for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
        ratio = medians[against] / max(seconds, 1e-9)
        print(f"  {name:42}{seconds / frames * 1e6:12.2f}{ratio:28.1f} x")
    print(flush=True)


def can_be_made() -> bool:
    """Tell whether this kernel lets us have a pair of interfaces."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
        with wired():
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=20_000, help="of each backlog")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each trickle")
    options = parser.parse_args()
    if "CAN_LAB" not in os.environ and not can_be_made():
        print("no CAN in this kernel: in QEMU, where instructions are counted", flush=True)
        os.execv(LAB, [str(LAB), "counted", sys.executable, *sys.argv])
    if not shutil.which("candump"):
        sys.exit("candump is missing: sudo apt install can-utils")
    # candump writes its file here: in the laboratory in memory.
    with wired() as sender, tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        drain_times(sender, options.frames)  # an emulator translates what it sees the first time
        rounds = [drain_times(sender, options.frames) for _ in range(options.rounds)]
        report(
            f"{options.frames:,} frames were waiting",
            rounds,
            options.frames,
            "candump -L >/dev/null",
        )
        frames = int(options.seconds * PACE_HZ)
        rounds = [trickle_times(sender, frames) for _ in range(min(options.rounds, 3))]
        report(f"{PACE_HZ:,} frames a second", rounds, frames, "candump -L >/dev/null")


if __name__ == "__main__":
    main()
