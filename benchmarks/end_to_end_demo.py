"""What the demo costs: CPU and memory of each process, and how long until it shows a value.

    python benchmarks/end_to_end_demo.py [--seconds S]

`gateway demo` runs on a terminal of 120 columns and 40 lines, the simulator included. CPU is
measured over S seconds, beginning two seconds after the first value is on the screen. PSS is the
memory of a process, shared pages divided among those who share them, so that the sum is what all of
them take.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass

from _end_to_end_cost import cpu_of, processes_of, pss_mib, since

START_TIMEOUT_S = 30
SETTLE_S = 2
"""What starting leaves behind is not what the demo takes."""


@dataclass(frozen=True)
class Cost:
    """What the demo took.

    Attributes:
        first_s: Seconds from the start to the first value on the screen.
        of_a_core: CPU of each process, 1.0 is one core.
        pss_mib: Memory of each process.
    """

    first_s: float
    of_a_core: dict[str, float]
    pss_mib: dict[str, float]


def measure(seconds: float) -> Cost:
    """Run the demo, and look at its processes for so long."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))
    began = time.monotonic()
    demo = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(inside)

    def show(timeout_s: float) -> bytes:
        if not select.select([terminal], [], [], timeout_s)[0]:
            return b""
        try:
            return os.read(terminal, 1 << 16)
        except OSError:  # the terminal has no program any more
            return b""

    screen = b""
    while b"ok" not in screen.split(b"processes", 1)[0] or b"RPM" not in screen:
        screen = (screen + show(0.1))[-20_000:]
        if time.monotonic() > began + START_TIMEOUT_S or demo.poll() is not None:
            raise SystemExit(screen.decode(errors="replace"))
    first_s = time.monotonic() - began
    settled = time.monotonic() + SETTLE_S
    while time.monotonic() < settled:
        show(0.5)
    before = cpu_of(demo.pid)
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        show(0.5)
    took_s = time.monotonic() - begun
    spent = since(before, cpu_of(demo.pid))
    memory = {name: pss_mib(pid) for pid, name in processes_of(demo.pid).items()}
    demo.send_signal(signal.SIGINT)
    while demo.poll() is None:
        show(0.1)
    os.close(terminal)
    return Cost(first_s, {name: each / took_s for name, each in spent.items()}, memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    cost = measure(parser.parse_args().seconds)
    print(f"start to first value on the screen: {cost.first_s:.2f} s\n")
    print(f"{'process':20} {'% of a core':>11} {'PSS MiB':>8}")
    for name, part in cost.of_a_core.items():
        print(f"{name:20} {100 * part:11.2f} {cost.pss_mib.get(name, 0):8.1f}")
    all_of_a_core, all_pss = sum(cost.of_a_core.values()), sum(cost.pss_mib.values())
    print(f"{'all':20} {100 * all_of_a_core:11.2f} {all_pss:8.1f}")


if __name__ == "__main__":
    main()
