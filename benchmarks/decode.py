"""Decoding CAN frames: the gateway beside cantools, on the same frames, in the same run.

    python benchmarks/decode.py [--rounds N] [DBC ...]

One table. A row is a database and a batch size, ids mixed at random. Times are microseconds of CPU
a frame, medians of rounds in which the contestants take turns; ratios are medians of the rounds'
ratios, so that a processor that changes its speed meanwhile does not matter much. Wanted are 10 x
from 256 frames up with all signals, 20 x with three a message, and 1 x with fewer frames; what is
missed has a "!". Without arguments the databases are
made here: a car's bus (60 messages of 13 signals), the same with CAN FD's 64 bytes, and a
multiplexed one. "3 a message" decodes the first three signals of each message only, for which
cantools has no way but to decode all.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cantools
import numpy as np

from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.record import FRAME, CanId, Frames, Origin
from gateway.signals import SignalTable

BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
WANTED_FROM, WANTED = 256, (10, 20)
"""Times cantools' speed, from so many frames up: with all signals, with three of each message."""

POOL = 8192
"""Frames each contestant works through, in batches, in one round (1,024 for small batches)."""

# Bits, sign, scale, offset of the thirteen signals of a message: speeds and temperatures, some
# counters, many flags. 64 bits in all.
CAR = (
    (16, "+", 0.01, 0), (12, "-", 0.1, 0), (8, "+", 1, -40), (8, "+", 0.5, 0), (4, "+", 1, 0),
    (4, "+", 1, 0), (3, "+", 1, 0), (2, "+", 1, 0), (2, "+", 1, 0), (2, "+", 1, 0),
    (1, "+", 1, 0), (1, "+", 1, 0), (1, "+", 1, 0),
)  # fmt: skip


def car(messages: int = 60, repeat: int = 1, multiplexed: bool = False) -> str:
    """Return a DBC: *repeat* times thirteen signals a message, big- and little-endian by turns."""
    text = ['VERSION ""', "NS_ :", "BS_:", "BU_: ECU"]
    for number in range(messages):
        text.append(f"BO_ {0x100 + number} M{number}: {8 * repeat} ECU")
        start = 0
        for index, (length, sign, scale, offset) in enumerate(CAR * repeat):
            order = number % 2
            at = start if order else 8 * (start // 8) + 7 - start % 8
            mark = ""
            if multiplexed:
                mark = "M " if index == 2 else f"m{index % 4} " if index > 2 else ""
            ends = (
                [(1 << length) - 1, 0] if sign == "+" else [(1 << length - 1) - 1, -1 << length - 1]
            )
            high, low = (end * scale + offset for end in ends)
            text.append(
                f" SG_ S{index} {mark}: {at}|{length}@{order}{sign} ({scale},{offset})"
                f' [{low:g}|{high:g}] "" ECU'
            )
            start += length
        text.append("")
    return "\n".join(text)


class Bench:
    """One database, its frames, and the three contestants."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._cantools: Any = cantools.database.load_file(path, strict=False)
        database = FrameDatabase.load([path])
        table = SignalTable()
        signals = database.register(table, "can0")
        first: dict[str, list[int]] = {}
        for signal in signals:
            first.setdefault(signal.message, []).append(signal.index)
        self._all = FrameDecoder([database], [signals], 0)
        self._all.select(range(len(table)))
        self._three = FrameDecoder([database], [signals], 0)
        self._three.select([index for indices in first.values() for index in indices[:3]])
        self.frames, self._calls = self._make(random.Random(1))
        self._counters = Counters()

    def _make(self, rng: random.Random) -> tuple[Frames, list[tuple[int, bytes, bool]]]:
        """Return frames that cantools can decode: of a multiplexer only the values it knows."""
        usable = []
        for message in self._cantools.messages:
            payloads = []
            for _ in range(2000):
                payload = rng.randbytes(message.length)
                try:
                    if message.length <= 64 and message.decode(payload, decode_choices=False):
                        payloads.append(payload)
                except cantools.database.DecodeError:
                    pass
                if len(payloads) == 16:
                    usable.append((message, payloads))
                    break
        frames = np.zeros(POOL, FRAME)
        calls = []
        for index in range(POOL):
            message, payloads = rng.choice(usable)
            payload = rng.choice(payloads)
            extended = message.is_extended_frame
            frames[index]["can_id"] = message.frame_id | (CanId.EXTENDED if extended else 0)
            frames[index]["len"] = len(payload)
            frames[index]["data"][: len(payload)] = list(payload)
            calls.append((message.frame_id, payload, extended))
        frames["t_ns"] = np.arange(POOL)
        frames["origin"] = Origin.KERNEL
        return frames, calls

    def row(self, batch: int, rounds: int) -> str:
        """Return a line of the table."""
        pool = POOL if batch >= 64 else 1024
        starts = range(0, pool, batch)
        slices = [self.frames[start : start + batch] for start in starts]
        calls = [self._calls[start : start + batch] for start in starts]

        def by_cantools() -> None:
            decode = self._cantools.decode_message
            for batch_calls in calls:
                for can_id, payload, extended in batch_calls:
                    decode(can_id, payload, decode_choices=False, force_extended_id=extended)

        def by(decoder: FrameDecoder) -> Callable[[], None]:
            def run() -> None:
                for frames in slices:
                    decoder.decode(frames, self._counters)

            return run

        contestants = by_cantools, by(self._all), by(self._three)
        times: list[list[float]] = [[] for _ in contestants]
        for run in contestants:
            run()
        for _ in range(rounds):
            for run, taken in zip(contestants, times, strict=True):
                begin = time.process_time_ns()
                run()
                taken.append((time.process_time_ns() - begin) / 1000 / pool)
        base, *ours = times
        line = f"{self.name:32} {batch:5} {statistics.median(base):9.2f}"
        for taken, wanted in zip(ours, WANTED if batch >= WANTED_FROM else (1, 1), strict=True):
            ratio = statistics.median(
                theirs / mine for theirs, mine in zip(base, taken, strict=True)
            )
            mark = " " if ratio >= wanted else "!"
            line += f" {statistics.median(taken):7.2f} {ratio:6.1f} x {mark}"
        return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dbc", nargs="*", type=Path, help="databases to measure besides")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{'database':32} {'batch':>5} {'cantools':>9} {'all':>7} {'':10} {'3 a message':>12}")
    with tempfile.TemporaryDirectory() as folder:
        made = {
            "car.dbc": car(),
            "fd.dbc": car(20, repeat=8),
            "multiplexed.dbc": car(multiplexed=True),
        }
        paths = [Path(folder, name) for name in made]
        for path, text in zip(paths, made.values(), strict=True):
            path.write_text(text)
        for bench in map(Bench, paths + options.dbc):
            for batch in BATCHES:
                print(bench.row(batch, options.rounds), flush=True)


if __name__ == "__main__":
    main()
