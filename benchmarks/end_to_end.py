"""From bus to warning: the gateway beside the same job written the usual way, in the same run.

    python benchmarks/end_to_end.py [--seconds S] [--rounds N] [--quick]

Four simulated buses of ten signals a frame, a hundred rules, three analyzers (see
``_end_to_end_job.py``), at full load (9,000 frames/s a bus, all that 1 Mbit/s can carry), at half
of it, and flat out, where the buses wait for whoever reads them. The contestants take turns: the
usual way (``_end_to_end_usual.py``); the gateway; the gateway with ``signals = ["*"]``, which
decodes and carries to the analyzers every signal and not only those with a rule; and the gateway
with ``latency = "50ms"``. The table says of each, over all rounds:

    frames/CPU s   frames delivered for each second of CPU, user and system, of all its processes,
                   from when they wait for the first frame until the last is worked off
    of a core      the CPU it took while the frames came
    lost           frames that crossed the bus and that it did not get
    unaccounted    frames that are in nobody's books: neither delivered nor counted as lost
    p50, p99       from a frame's time stamp (the bus's) to when the warning that it causes has
                   arrived at the reader of the pipe

The simulator is not counted. Latencies on a machine that does other work are upper bounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from _end_to_end_cost import cpu_of, since
from _end_to_end_job import BUSES, make_config, make_dbc, make_rules, make_scenario, send

START_TIMEOUT_S = 60
END_TIMEOUT_S = 120
NS_PER_S = 1_000_000_000
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """How the frames come: *rate* a second on each bus, or as fast as the buses take them."""

    name: str
    rate: int
    paced: bool = True


FULL = Load("36,000", 9000)  # 9,009 frames of eight bytes are all that 1 Mbit/s can carry
LOADS = (FULL, Load("18,000", 4500), Load("flat out", 9000, paced=False))


@dataclass
class Run:
    """What one contestant did with one load, once."""

    sent: int
    cpu: dict[str, float]
    of_a_core: float
    warnings: dict[str, list[str]]
    latencies_ms: list[float]
    delivered: int = 0
    lost: int = 0
    unread: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def per_cpu_s(self) -> float:
        """Frames delivered for a second of CPU."""
        return self.delivered / sum(self.cpu.values())

    @property
    def unaccounted(self) -> int:
        """Frames that are neither delivered nor counted as lost."""
        return self.sent - self.delivered - self.lost - self.unread


class Contestant(ABC):
    """One side: a program that is started, asked and stopped."""

    name: str

    def __init__(self, folder: Path, channels: list[str]) -> None:
        self.folder = folder
        self.channels = channels
        self.environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder)}

    @abstractmethod
    def command(self) -> list[str]:
        """Return what starts it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it waits for frames."""

    @abstractmethod
    def before_stop(self) -> None:
        """Ask what it tells only while it runs."""

    @abstractmethod
    def account(self, run: Run) -> None:
        """Fill in what it says that it received, after it has ended."""

    def said(self) -> str:
        """Return what it wrote to standard error."""
        return (self.folder / "stderr").read_text()


class Usual(Contestant):
    """python-can, cantools, multiprocessing.Queue, lambdas."""

    name = "the usual way"

    def command(self) -> list[str]:
        """See `Contestant`."""
        program = str(HERE / "_end_to_end_usual.py")
        return [sys.executable, program, str(self.folder / "job.dbc"), *self.channels]

    def is_ready(self) -> bool:
        """See `Contestant`."""
        return "READY" in self.said()

    def before_stop(self) -> None:
        """See `Contestant`."""

    def account(self, run: Run) -> None:
        """See `Contestant`."""
        counts = json.loads(self.said().strip().splitlines()[-1])
        run.delivered = counts["judged"]
        if counts["gaps"]:
            run.notes.append(f"by their numbers {counts['gaps']:,} frames did not come")


class Gateway(Contestant):
    """The gateway, as it is."""

    name = "gateway"
    all_signals = False
    latency = ""

    def __init__(self, folder: Path, channels: list[str]) -> None:
        super().__init__(folder, channels)
        self._config = folder / "job.toml"
        self._config.write_text(
            make_config(channels, make_rules(), all_signals=self.all_signals, latency=self.latency)
        )
        self._status: dict[str, Any] = {}

    def command(self) -> list[str]:
        """See `Contestant`."""
        return [sys.executable, "-m", "gateway", "run", str(self._config), "--alarms", "-"]

    def is_ready(self) -> bool:
        """See `Contestant`."""
        status = self._ask()
        return bool(status) and all(each["state"] == "running" for each in status["processes"])

    def before_stop(self) -> None:
        """See `Contestant`. What analyzers sleep through they take within half a second."""
        deadline = time.monotonic() + 5
        self._status = self._ask()
        while any(e["waiting"] for e in self._status["ledger"]) and time.monotonic() < deadline:
            self._status = self._ask()

    def account(self, run: Run) -> None:
        """See `Contestant`."""
        for entry in self._status["ledger"]:
            if entry["unit"] == "frames":
                # What the bus says of frames that it lost for us are error frames.
                run.delivered += entry["delivered"] - entry["notes"]["error frames"]
            elif entry["lost"] or entry["waiting"]:
                run.notes.append(f"{entry['stage']}: {entry['lost']} lost, {entry['waiting']} wait")
        if "every stage adds up" not in self.said():
            run.notes.append("its ledger does not add up")

    def _ask(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "gateway", "status", str(self._config), "--json"]
        answer = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        status: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
        return status


class GatewayAll(Gateway):
    """The gateway decoding all signals."""

    name = "gateway, all signals"
    all_signals = True


class GatewayCool(Gateway):
    """The gateway with few wake-ups."""

    name = "gateway, 50 ms"
    latency = "50ms"


CONTESTANTS: tuple[type[Contestant], ...] = (Usual, Gateway, GatewayAll, GatewayCool)


@contextmanager
def simulator(
    folder: Path, names: list[str], namespace: str, *, waits: bool
) -> Iterator[Counter[str]]:
    """Run the buses; after the block, what was yielded counts what they say of their nodes."""
    scenario = folder / "scenario.toml"
    scenario.write_text(make_scenario(names, waits=waits))
    ready, told = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "firmware_sim", "run", str(scenario)),
            *("--namespace", namespace, "--ready-fd", str(told)),
            *("--die-with-parent", "--log-format", "json"),
        ],
        pass_fds=[told],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(told)
    os.read(ready, 16)
    os.close(ready)
    counts: Counter[str] = Counter()
    try:
        yield counts
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
    for event in map(json.loads, said.splitlines()):
        if event["event"] == "node":
            counts.update({key: event[key] for key in ("sent", "delivered", "lost", "unread")})


def run_once(kind: type[Contestant], load: Load, seconds: float) -> Run:
    """Let one contestant do the job once."""
    names = [f"bus{number}" for number in range(BUSES)]
    namespace = f"bench{os.getpid()}"
    channels = [f"{namespace}.{name}" for name in names]
    count = round(load.rate * seconds)
    context = multiprocessing.get_context("spawn")
    go, stop = context.Event(), context.Event()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        (folder / "job.dbc").write_text(make_dbc())
        contestant = kind(folder, channels)
        with (
            simulator(folder, names, namespace, waits=not load.paced) as bus,
            open(folder / "stderr", "w") as stderr,
        ):
            sender = context.Process(
                target=send, args=(channels, load.rate, count, load.paced, go, stop)
            )
            sender.start()
            side = subprocess.Popen(
                contestant.command(),
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=contestant.environment,
                start_new_session=True,
            )
            try:
                run = _attend(contestant, side, BUSES * count, go, stop)
            finally:
                stop.set()
                if not go.is_set():  # it would wait for ever
                    sender.terminate()
                sender.join()
                side.terminate()
                try:
                    side.communicate(timeout=END_TIMEOUT_S)
                except subprocess.TimeoutExpired:  # of the usual way, who is left waits for ever
                    os.killpg(side.pid, signal.SIGKILL)
                    side.communicate()
        contestant.account(run)
        if side.returncode:
            run.notes.append(f"exit status {side.returncode}: {contestant.said().strip()}")
        run.delivered -= bus["sent"] - run.sent  # ENDs
        run.lost, run.unread = bus["lost"], bus["unread"]
    return run


def _attend(
    contestant: Contestant, side: subprocess.Popen[bytes], frames: int, go: Event, stop: Event
) -> Run:
    """Let the frames come, and take what *side* says until it has worked off all of them."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not contestant.is_ready():
        if side.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{contestant.name} did not start: {contestant.said()}")
        select.select([], [], [], 0.2)
    select.select([], [], [], 0.5)
    assert side.stdout is not None
    pipe = side.stdout.fileno()
    chunks: list[tuple[int, bytes]] = []
    ends = 0

    def take(seconds: float) -> None:
        nonlocal ends
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0]:
                chunks.append((time.monotonic_ns(), os.read(pipe, 1 << 16)))
                ends += chunks[-1][1].count(b"end_")

    before, began = cpu_of(side.pid), time.monotonic()
    go.set()
    while ends < BUSES:
        take(0.05)
        if time.monotonic() > began + END_TIMEOUT_S:
            raise SystemExit(f"{contestant.name} has not come to the end")
    took_s, after = time.monotonic() - began, cpu_of(side.pid)
    stop.set()
    of_a_core = sum(since(before, after).values()) / took_s
    # What other analyzers than those who saw the ENDs have yet to work off.
    idle = False
    while not idle:
        take(0.2)
        now = cpu_of(side.pid)
        idle = sum(since(after, now).values()) < 0.05
        after = now
    contestant.before_stop()
    warnings, latencies_ms = _read(chunks)
    return Run(frames, since(before, after), of_a_core, warnings, latencies_ms)


def _read(chunks: list[tuple[int, bytes]]) -> tuple[dict[str, list[str]], list[float]]:
    """Return each rule's warnings, and how long after its frame each warning came."""
    wall_offset_ns = time.time_ns() - time.monotonic_ns()
    warnings: dict[str, list[str]] = {}
    latencies_ms = []
    rest = b""
    for arrived_ns, chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for event in map(json.loads, lines):
            if event["rule"].startswith("end_"):
                continue
            # python-can's stamps are seconds of the wall clock.
            t_ns = event["t_ns"] if "t_ns" in event else event["t"] * NS_PER_S - wall_offset_ns
            latencies_ms.append((arrived_ns - t_ns) / 1e6)
            said = f"{event['event']} {event['value']:.3f}"
            warnings.setdefault(event["rule"], []).append(said)
    return warnings, latencies_ms


HEAD = (
    f"{'frames/s':>8} {'':20} {'frames/CPU s':>12} {'':>6} {'of a core':>9} {'lost':>8} {'':>6}"
    f" {'unaccounted':>11} {'warnings':>8} {'p50 ms':>7} {'p99 ms':>7}"
)


def line(load: Load, name: str, runs: list[Run], base: float) -> str:
    """Return a line of the table; *base* is the usual way's frames per CPU second."""
    per_cpu_s = statistics.median(run.per_cpu_s for run in runs)
    of_a_core = statistics.median(run.of_a_core for run in runs)
    sent, lost = sum(run.sent for run in runs), sum(run.lost + run.unread for run in runs)
    latencies_ms = [each for run in runs for each in run.latencies_ms]
    p50, p99 = np.percentile(latencies_ms, [50, 99])
    times = f"{p50:7.1f} {p99:7.1f}" if load.paced else f"{'-':>7} {'-':>7}"
    return (
        f"{load.name:>8} {name:20} {per_cpu_s:12,.0f} {per_cpu_s / base:5.1f}x {of_a_core:9.0%}"
        f" {lost:8,} {lost / sent:6.1%} {sum(run.unaccounted for run in runs):11,}"
        f" {len(latencies_ms):8,} {times}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of frames, in each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--processes", action="store_true", help="show the CPU of each process")
    options = parser.parse_args()
    seconds, rounds = (2.0, 1) if options.quick else (options.seconds, options.rounds)
    runs: dict[tuple[Load, type[Contestant]], list[Run]] = {}
    for number in range(rounds):
        for load in LOADS:
            for kind in CONTESTANTS:
                print(f"round {number + 1}: {load.name}, {kind.name}", file=sys.stderr)
                run = run_once(kind, load, seconds)
                runs.setdefault((load, kind), []).append(run)
                if options.processes:
                    for name, spent in run.cpu.items():
                        print(f"    {name:24} {spent:6.3f} s", file=sys.stderr)
    print(HEAD)
    for load in LOADS:
        usual = runs[load, Usual]
        base = statistics.median(run.per_cpu_s for run in usual)
        for kind in CONTESTANTS:
            mine = runs[load, kind]
            print(line(load, kind.name, mine, base))
            notes = [note for run in mine for note in run.notes]
            if any(a.warnings != b.warnings for a, b in zip(usual, mine, strict=True)):
                notes.append("its warnings differ from the usual way's")
            for note in dict.fromkeys(notes):
                print(f"{'':8} {note}")


if __name__ == "__main__":
    main()
