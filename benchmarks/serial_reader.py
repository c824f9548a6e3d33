"""Reading a serial line: the gateway's source beside pyserial, on a pty, in one run.

    python benchmarks/serial_reader.py [--rounds N] [--seconds S]

Another process sends lines ``temperature=21.5,humidity=40``; the contestants read, split and turn
them into numbers. Microseconds of CPU a line (user and system), medians of rounds in which they
take turns; first as fast as the pty goes, then at 1,000 lines a second, where the wake-ups count.
Last the microseconds of CPU a second while nothing comes, each waiting a second at a time.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import threading
import time
import tty
from collections.abc import Callable

import serial

from gateway.config.model import Duration, FieldConfig, SerialConfig
from gateway.signals import SignalTable
from gateway.sources.serial_port import SerialSource

LINE = b"temperature=21.5,humidity=40\r\n"
GATHER_S = 0.02
"""How long a batch may gather when the reader wakes on a deadline instead of on every line."""


def read_with_gateway(port: str, ready: Callable[[], None], lines: int, gather_s: float) -> None:
    fields = (FieldConfig(name="temperature"), FieldConfig(name="humidity"))
    config = SerialConfig(name="oven", port=port, protocol="lines", fields=fields)
    pause = threading.Event()
    with SerialSource(config, SignalTable(), 0) as source:
        ready()
        while source.counters.received < lines:
            source.read(1_000_000_000)
            if gather_s:
                pause.wait(gather_s)
    assert source.counters.delivered == lines, source.counters


def numbers(line: bytes) -> dict[str, float]:
    pairs = (pair.split("=") for pair in line.decode("ascii").strip().split(","))
    return {name: float(value) for name, value in pairs}


def read_with_readline(port: str, ready: Callable[[], None], lines: int) -> None:
    found: list[tuple[int, dict[str, float]]] = []
    with serial.Serial(port, timeout=1) as opened:
        ready()
        while len(found) < lines:
            found.append((time.monotonic_ns(), numbers(opened.readline())))


def read_with_in_waiting(port: str, ready: Callable[[], None], lines: int) -> None:
    found: list[tuple[int, dict[str, float]]] = []
    rest = b""
    with serial.Serial(port, timeout=1) as opened:
        ready()
        while len(found) < lines:
            rest += opened.read(opened.in_waiting or 1)
            *whole, rest = rest.split(b"\n")
            found += [(time.monotonic_ns(), numbers(line)) for line in whole]


def wait_with_gateway(port: str, ready: Callable[[], None], seconds: int) -> None:
    config = SerialConfig(name="gps", port=port, protocol="nmea0183", mute_after=Duration(0))
    with SerialSource(config, SignalTable(), 0) as source:
        ready()
        for _ in range(seconds):
            source.read(1_000_000_000)


def wait_with_readline(port: str, ready: Callable[[], None], seconds: int) -> None:
    with serial.Serial(port, timeout=1) as opened:
        ready()
        for _ in range(seconds):
            opened.readline()


def wait_with_in_waiting(port: str, ready: Callable[[], None], seconds: int) -> None:
    with serial.Serial(port, timeout=1) as opened:
        ready()
        for _ in range(seconds):
            opened.read(opened.in_waiting or 1)


def send(descriptor: int, start: int, lines: int, lines_per_s: int | None) -> None:
    """Send *lines* lines once *start* can be read, in bursts of ten if paced."""
    os.read(start, 1)
    pause = threading.Event()
    begin = time.monotonic()
    for sent in range(0, lines, 10):
        if lines_per_s:
            pause.wait(begin + sent / lines_per_s - time.monotonic())
        data = LINE * 10
        while data:
            select.select([], [descriptor], [])
            data = data[os.write(descriptor, data) :]


def measure(
    read: Callable[..., None], amount: int, lines_per_s: int | None, *more: float, lines: int
) -> float:
    """Return the microseconds of CPU that *read* takes for one of *amount*, given *lines* lines."""
    device, port = os.openpty()
    tty.setraw(port)
    start, go = os.pipe()
    child = os.fork()
    if not child:
        send(device, start, lines, lines_per_s)
        os.read(start, 1)  # keeps the device plugged in until the reader has everything
        os._exit(0)
    begun: list[float] = []

    def ready() -> None:
        begun.append(time.process_time())
        os.write(go, b"!")

    read(os.ttyname(port), ready, amount, *more)
    used = time.process_time() - begun[0]
    os.write(go, b"!")
    os.waitpid(child, 0)
    for descriptor in (device, port, start, go):
        os.close(descriptor)
    return used / amount * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each paced measurement")
    options = parser.parse_args()
    gateway = "gateway"
    contestants: dict[str, tuple[Callable[..., None], tuple[float, ...]]] = {
        gateway: (read_with_gateway, (0.0,)),
        f"gateway, batches of {GATHER_S * 1000:.0f} ms": (read_with_gateway, (GATHER_S,)),
        "pyserial, read(in_waiting)": (read_with_in_waiting, ()),
        "pyserial, readline": (read_with_readline, ()),
    }
    for title, lines, lines_per_s in (
        ("as fast as it goes", 5000, None),
        ("1,000 lines a second", int(1000 * options.seconds), 1000),
    ):
        # A batch gathers only where there is time between the lines.
        taking_part = {
            name: each for name, each in contestants.items() if lines_per_s or not any(each[1])
        }
        times: dict[str, list[float]] = {name: [] for name in taking_part}
        for _ in range(options.rounds):
            for name, (read, more) in taking_part.items():
                times[name].append(measure(read, lines, lines_per_s, *more, lines=lines))
        show(title, "us CPU a line", times)
    waiting = {
        gateway: wait_with_gateway,
        "pyserial, read(in_waiting)": wait_with_in_waiting,
        "pyserial, readline": wait_with_readline,
    }
    seconds = max(5, round(options.seconds))
    times = {name: [] for name in waiting}
    for _ in range(options.rounds):
        for name, wait in waiting.items():
            times[name].append(measure(wait, seconds, None, lines=0))
    show("nothing comes", "us CPU a second", times)


def show(title: str, unit: str, times: dict[str, list[float]]) -> None:
    base = statistics.median(next(iter(times.values())))
    print(f"{title:40}{unit:>16}{'against gateway':>17}")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"  {name:38}{median:16.2f}{median / base:15.1f} x")


if __name__ == "__main__":
    main()
