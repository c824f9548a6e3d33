"""Records between processes: the gateway's ring beside the other ways of moving them.

    python benchmarks/ipc.py [--rounds N] [--seconds S] [--quick]

The first table is the classic one of the locks and events that such ways are made of. The second
is million records of 48 bytes a second, from one producer to one consumer and from four to two,
one by one, 64 and 1,024 a batch; what is sent is copied in, and out again. Medians of rounds in
which the contestants take turns; processes begin at a barrier, and the time ends when the last
record is out. What is not installed, or cannot do it, is said. The last lines are what is wanted.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import mmap
import os
import platform
import signal
import statistics
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from _ipc_channel import Channel
from _ipc_memcpy import Memcpy
from _ipc_packages import FasterFifo, FasterFifoMany, Iceoryx2, Zmq
from _ipc_primitives import operations, wake_ups
from _ipc_ring import GatewayRing, PartitionedRing, StrictRing, TwoPhaseRing
from _ipc_stdlib import ConnectionPipe, LockedArray, ManagerQueue, OsPipe, Queue
from rich.console import Console
from rich.table import Table

from gateway.ring import Event, StartGate

CHANNELS: tuple[type[Channel], ...] = (
    Memcpy,
    GatewayRing,
    TwoPhaseRing,
    StrictRing,
    PartitionedRing,
    OsPipe,
    Iceoryx2,
    FasterFifo,
    FasterFifoMany,
    Zmq,
    ConnectionPipe,
    LockedArray,
    Queue,
    ManagerQueue,
)
"""In the order of the table."""

TOPOLOGIES = ((1, 1), (4, 2))
SIZES = (1, 64, 1024)
HANG_S = 60
LOOK_NS = 100_000_000
"""How often it is looked whether a process that is still to arrive has ended."""

Case = tuple[type[Channel], int, int, int]


def run(kind: type[Channel], producers: int, consumers: int, size: int, records: int) -> float:
    """Send *records* or a few more by each producer; return million records a second."""
    channel = kind(producers, consumers, size)
    gate, done = StartGate(), Event()
    notes = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64, 2 * consumers)
    ended, counts = notes[:consumers], notes[consumers:]
    batches = -(-records // channel.size)
    per_lane = batches * channel.size

    def produce(producer: int) -> None:
        send = channel.sender(producer)
        gate.wait()
        for _ in range(batches):
            send()
        channel.flush()
        if not channel.is_shared:
            done.wait()  # some take what is under way with them when they end
        channel.leave()

    def consume(consumer: int) -> None:
        receive = channel.receiver(consumer)
        lanes = len(range(consumer, producers, consumers))
        expected = 1 << 62 if channel.is_shared else lanes * per_lane
        gate.wait()
        count = 0
        while count < expected:
            received = receive()
            if not received:
                break
            count += received
        ended[consumer] = time.monotonic_ns()
        counts[consumer] = count
        channel.leave()

    receiving: list[int] = []
    sending: list[int] = []
    try:
        # Consumers first: some of the contestants bind there what producers connect to.
        receiving += [fork(partial(consume, index)) for index in range(consumers)]
        await_arrivals(gate, receiving)
        sending += [fork(partial(produce, index)) for index in range(producers)]
        await_arrivals(gate, receiving + sending)
        began = time.monotonic_ns()
        gate.open()
        if channel.is_shared:
            join(sending)
            channel.send_ends()
        join(receiving)
        done.set()
        join(sending)
    finally:
        for pid in receiving + sending:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        channel.close()
        gate.close()
        done.close()
    if counts.sum() != producers * per_lane:
        raise RuntimeError(f"{kind.name}: {counts.sum()} of {producers * per_lane} records arrived")
    return float(counts.sum() / (ended.max() - began) * 1e3)


def fork(work: Callable[[], None]) -> int:
    """Run *work* in a process of its own, which ends by itself if it hangs; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.alarm(HANG_S)
        work()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent sees the status
        traceback.print_exc()
    finally:
        os._exit(1)


def await_arrivals(gate: StartGate, pids: list[int]) -> None:
    """Wait until all these processes stand at the gate; one that cannot get there has ended."""
    while gate.arrived(LOOK_NS) < len(pids):
        for pid in pids:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                raise RuntimeError("a process ended before it began")


def join(pids: list[int]) -> None:
    """Wait for the processes, and empty the list."""
    while pids:
        status = os.waitpid(pids[0], 0)[1]
        pids.pop(0)
        if status:
            raise RuntimeError(f"a process ended with status {status}")


def calibrate(case: Case, seconds: float) -> int:
    """Return how many records a producer sends in about *seconds*."""
    records = 16 * case[-1]
    while True:
        wanted = max(int(run(*case, records) * 1e6 * seconds / case[1]), records // 4)
        if wanted < 4 * records:
            return wanted
        records = min(wanted, 16 * records)


def measure(
    rounds: int, seconds: float, console: Console
) -> tuple[dict[Case, float], dict[Case, str]]:
    """Return the median rate of each case, in million records a second; why others have none."""
    cases = [
        (kind, *topology, size) for topology in TOPOLOGIES for size in SIZES for kind in CHANNELS
    ]
    records: dict[Case, int] = {}
    absent: dict[Case, str] = {}
    rates: dict[Case, list[float]] = {}
    with console.status("") as status:
        for case in cases:
            kind, producers, consumers, size = case
            status.update(f"how long does {kind.name} take, {producers} -> {consumers}, {size}?")
            absent[case] = kind.refuses(*case[1:])
            if not absent[case]:
                try:
                    records[case] = calibrate(case, seconds)
                except ImportError:
                    absent[case] = "not installed"
                except (OSError, RuntimeError) as error:
                    absent[case] = f"failed: {error}"
        for number in range(rounds):
            for case, count in records.items():
                kind, producers, consumers, size = case
                status.update(
                    f"round {number + 1} of {rounds}:"
                    f" {kind.name}, {producers} -> {consumers}, {size}"
                )
                rates.setdefault(case, []).append(run(*case, count))
    return {case: statistics.median(found) for case, found in rates.items()}, absent


def rate_table(rates: dict[Case, float], absent: dict[Case, str]) -> tuple[Table, list[str]]:
    """Return the table of all rates, and a line for each gap in it."""
    table = Table(title="million records of 48 bytes a second")
    table.add_column("", no_wrap=True)
    columns = [(*topology, size) for size in SIZES for topology in TOPOLOGIES]
    for producers, consumers, size in columns:
        how = "1 by 1" if size == 1 else f"{size} each"
        table.add_column(f"{producers} -> {consumers}\n{how}", justify="right", no_wrap=True)
    gaps: dict[str, None] = {}
    for kind in CHANNELS:
        cells = []
        for column in columns:
            case = (kind, *column)
            rate = rates.get(case)
            cells.append("-" if rate is None else f"{rate:.{2 if rate < 10 else 0}f}")
            if rate is None:
                gaps[f"{kind.name}: {absent[case]}"] = None
        table.add_row(kind.name, *cells, style="bold" if kind is GatewayRing else "")
    return table, list(gaps)


WANTED = (
    (1, Queue, 5),
    (1, FasterFifo, 1),
    (1, Iceoryx2, 1),
    (64, Queue, 10),
    (64, OsPipe, 1),
    (1024, Memcpy, 0.5),
    (1024, Iceoryx2, 1),
)
"""Batch size, peer, and how many times the peer's rate is wanted of the ring, 4 -> 2."""


def verdicts(rates: dict[Case, float]) -> list[str]:
    """Return a line for each aim: reached or not, and by how much."""
    lines = []
    for size, peer, wanted in WANTED:
        ours, theirs = rates.get((GatewayRing, 4, 2, size)), rates.get((peer, 4, 2, size))
        if ours is None or theirs is None:
            lines.append(f"[yellow]?[/]    4 -> 2, {size} a batch: {peer.name} was not measured")
            continue
        mark = "[green]yes[/]" if ours >= wanted * theirs else "[red]NO[/] "
        lines.append(
            f"{mark}  4 -> 2, {size} a batch: {ours / theirs:.2f} times {peer.name},"
            f" wanted {wanted:g} times"
        )
    return lines


def primitives_table(rounds: int) -> Table:
    """Return the table of locks and events."""
    table = Table(title="locks and events")
    for heading in ("", "ns an operation", "wake-up of another process, us: p50", "p99"):
        justify: Literal["left", "right"] = "right" if heading else "left"
        table.add_column(heading, justify=justify, no_wrap=not heading)
    costs, latencies = operations(rounds), wake_ups(rounds)
    for name in costs | latencies:
        cost = f"{costs[name]:.0f}" if name in costs else ""
        p50, p99 = (f"{us:.0f}" for us in latencies[name]) if name in latencies else ("", "")
        table.add_row(name, cost, p50, p99)
    return table


def versions() -> str:
    """Return what was measured on what."""
    found = [f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"]
    for package in ("numpy", "faster-fifo", "iceoryx2", "pyzmq"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} is not installed")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds (7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="a contestant's turn (0.3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.1 seconds")
    arguments = parser.parse_args()
    rounds, seconds = (3, 0.1) if arguments.quick else (arguments.rounds, arguments.seconds)
    console = Console()
    console.width = max(console.width, 100)
    console.print(versions())
    console.print(primitives_table(rounds))
    rates, absent = measure(rounds, seconds, console)
    table, gaps = rate_table(rates, absent)
    console.print(table)
    for gap in gaps:
        console.print(f"- {gap}")
    for line in verdicts(rates):
        console.print(line)


if __name__ == "__main__":
    main()
