"""Give bad input to every entry point, and say what came of it.

    python attack.py random 1000000
    python attack.py mutated 1000000 --only Sentences
    python attack.py structured 10000      # by Hypothesis, for each entry point that has a shape
    python attack.py guided 60             # by atheris, seconds for each entry point

Random and damaged input is shared out among the entry points: the amount is that of all together,
of which each gets its `share`. Each begins with 500 damaged inputs more, so that what is learned or
cached for good is there already, and a short attack measures what a long one does.

Prints a JSON object for each entry point, see `Outcome`. Each is a process of its own, so that
what one takes of the memory is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import logging
import mmap
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if "guided" in sys.argv:
    import atheris

    with atheris.instrument_imports(
        include=["gateway", "firmware_sim"], enable_loader_override=False
    ):
        import desk
        import entries
        import simulated
else:
    import desk
    import entries
    import simulated
from inputs import Inputs

ENTRIES: tuple[Any, ...] = (*entries.ENTRIES, *simulated.SIMULATED, desk.GatewayRequests)
with contextlib.suppress(ImportError):  # without the libraries that ask, nobody is asked
    from asked import ANSWERS

    ENTRIES += ANSWERS

ROOM = 1 << 30
"""Bytes that one input may make a process take; more is a `MemoryError`, so a fault."""

FAULTS = 10
"""That many are told of."""

FOREVER_S = 60
"""An input that has kept the process for so long by the clock keeps it for good: a fault."""


class Kept(BaseException):
    """An input keeps the process for good; nothing that is attacked catches it."""


class Outcome:
    """What came of the attack on one entry point."""

    def __init__(self, entry: entries.Entry) -> None:
        self._entry = entry
        self.inputs = self.taken = 0
        self.slowest_ns = self.longest_ns = 0
        self.slowest = b""
        self.faults: list[str] = []
        self._giving = False

    def watch(self) -> None:
        """Have an input that keeps the process for good end by `Kept`."""
        last = -1

        def look(*_: object) -> None:
            nonlocal last
            if self._giving and self.inputs == last:
                raise Kept
            last = self.inputs

        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, FOREVER_S, FOREVER_S)

    def give(self, data: bytes) -> None:
        """Give *data* to the entry point, and measure."""
        self.inputs += 1
        self._giving = True
        clock_ns, began_ns = time.perf_counter_ns(), time.process_time_ns()
        try:
            self.taken += self._entry(data)
        except (Exception, Kept):  # noqa: BLE001 - whatever it is, it should not be
            if len(self.faults) < FAULTS:
                self.faults.append(f"{data!r}\n{traceback.format_exc(limit=-4)}")
        finally:
            self._giving = False
        # What is promised is that no input makes work without bound. Work is the processor's time;
        # the clock's has in it what others do on this machine, too, and is only told.
        took_ns = time.process_time_ns() - began_ns
        self.longest_ns = max(self.longest_ns, time.perf_counter_ns() - clock_ns)
        if took_ns > self.slowest_ns:
            self.slowest_ns, self.slowest = took_ns, data

    def as_json(self, kind: str) -> dict[str, object]:
        """Return it for the report."""
        return {
            "entry": self._entry.name,
            "kind": kind,
            "inputs": self.inputs,
            "taken": self.taken,
            "slowest_ms": self.slowest_ns / 1e6,
            "slowest": repr(self.slowest[:300]),
            "longest_ms": self.longest_ns / 1e6,
            "faults": self.faults,
        }


def memory_mb(field: str) -> float:
    """Return this process's memory: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def attack(kind: str, make: type[entries.Entry], amount: int, seed: str) -> dict[str, object]:
    """Attack one entry point; in a process of its own."""
    logging.disable(logging.CRITICAL)
    with folder() as path:
        entry = make(path)
        outcome = Outcome(entry)
        inputs = Inputs(entry.good, f"{seed} {kind} {entry.name}")
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if kind != "guided":
            resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, most))
        entry.still_works()
        settle = Outcome(entry)
        for _ in range(min(amount, 500)):  # what is learned or cached for good
            settle.give(inputs.mutated())
        if kind != "guided":  # libFuzzer has the alarm for itself, and ends what takes too long
            outcome.watch()
        gc.collect()
        gc.freeze()
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
        before_mb = memory_mb("VmRSS")

        if kind == "structured":
            structured(outcome, make, amount)
        elif kind == "guided":
            guided(outcome, entry, path, amount)
        else:
            following = getattr(inputs, kind)
            for _ in range(amount):
                outcome.give(following())
        outcome.faults += settle.faults
        facts = outcome.as_json(kind)
        if kind in ("random", "mutated"):  # what a search remembers is not the gateway's memory
            facts["peak_mb"] = memory_mb("VmHWM") - before_mb
            gc.collect()
            facts["grew_mb"] = memory_mb("VmRSS") - before_mb
        try:
            entry.still_works()
        except Exception:  # noqa: BLE001 - it should be as good as new
            outcome.faults.append(traceback.format_exc())
        return facts


def structured(outcome: Outcome, make: type[entries.Entry], amount: int) -> None:
    """Have Hypothesis look for input that only the code behind the parser can refuse."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from shapes import SHAPES  # noqa: PLC0415

    @settings(
        max_examples=amount, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(SHAPES[make])
    def each(data: bytes) -> None:
        faults = len(outcome.faults)
        # Hypothesis remembers all that it has tried; to look through that is not the input's work.
        gc.disable()
        outcome.give(data)
        gc.enable()
        assert len(outcome.faults) == faults, outcome.faults.pop()

    try:
        each()
    except Exception:  # noqa: BLE001 - the smallest input that fails
        outcome.faults.append(traceback.format_exc(limit=-2))


def guided(outcome: Outcome, entry: entries.Entry, path: Path, seconds: int) -> None:
    """Have atheris look for input that reaches code that none before has reached."""
    corpus = path / "corpus"
    corpus.mkdir()
    for number, good in enumerate(entry.good):
        (corpus / str(number)).write_bytes(good)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-verbosity=0",
        "-rss_limit_mb=2048",
        "-timeout=5",
    ]
    report = mmap.mmap(-1, 1 << 20)  # libFuzzer ends the process, with nobody to ask
    child = os.fork()
    if child == 0:

        def one(data: bytes) -> None:
            outcome.give(data)
            if outcome.inputs % 64 == 1 or outcome.faults:
                facts = (
                    outcome.inputs,
                    outcome.taken,
                    outcome.slowest_ns,
                    outcome.slowest.hex(),
                    outcome.faults,
                )
                text = json.dumps(facts).encode()[: len(report) - 8]
                report[:8], report[8 : 8 + len(text)] = struct.pack("q", len(text)), text

        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        os.chdir(path)
        atheris.Setup([sys.argv[0], *options, str(corpus)], one)
        atheris.Fuzz()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    size = struct.unpack("q", report[:8])[0]
    facts = json.loads(report[8 : 8 + size]) if size else [0, 0, 0, "", ["no input was given"]]
    outcome.inputs, outcome.taken, outcome.slowest_ns, slowest, outcome.faults = facts
    outcome.slowest = bytes.fromhex(slowest)
    if os.waitstatus_to_exitcode(status) and not outcome.faults:
        outcome.faults.append(
            f"libFuzzer ended with exit status {os.waitstatus_to_exitcode(status)}"
        )


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder in memory, if the machine has such."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="bad-input-", dir=shared))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def apart(do: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Return what *do* returns, done in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = json.dumps(do())
        except BaseException:  # noqa: BLE001 - told by the parent
            text = json.dumps({"faults": [traceback.format_exc()]})
        os.write(writer, text.encode()[: 1 << 16])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(text)) if text else {"faults": ["the process died"]}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("random", "mutated", "structured", "guided"))
    parser.add_argument("amount", type=int, help="inputs, or see above")
    parser.add_argument("--only", help="an entry point")
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    chosen = [make for make in ENTRIES if arguments.only in (None, make.__name__)]
    if arguments.kind == "structured":
        from shapes import SHAPES  # noqa: PLC0415

        chosen = [make for make in chosen if make in SHAPES]
    shares = sum(make.share for make in chosen)
    left = arguments.amount
    for make in chosen:
        amount = arguments.amount
        if arguments.kind in ("random", "mutated"):
            amount = (
                left
                if make is chosen[-1]
                else min(left, -(-arguments.amount * make.share // shares))
            )
            left -= amount
        facts = apart(
            lambda make=make, amount=amount: attack(arguments.kind, make, amount, arguments.seed)
        )
        print(json.dumps({"entry": make.name, "kind": arguments.kind, **facts}), flush=True)


if __name__ == "__main__":
    main()
