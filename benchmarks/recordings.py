"""How fast recordings are read: microseconds of CPU a frame, beside python-can on the same file.

    python benchmarks/recordings.py [LOG [--dbc FILE ...]]

Without LOG a candump log of 200,000 frames is made up, a tenth of them CAN FD. The rounds of all
readers are interleaved, so that a busy machine slows all of them; shown are the medians.
"""

from __future__ import annotations

import argparse
import gzip
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import can

from gateway.config.model import Config, ReplayConfig
from gateway.counters import Counters
from gateway.signals import SignalTable
from gateway.sources.recordings import open_recording
from gateway.sources.replay import ReplaySource, play

FRAMES = 200_000
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", nargs="?", type=Path)
    parser.add_argument("--dbc", nargs="*", default=[], help="databases, for the decoding replay")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = arguments.log.resolve() if arguments.log else made_up(Path(folder) / "made-up.log")
        packed = Path(folder) / "packed.log.gz"
        packed.write_bytes(gzip.compress(log.read_bytes(), 6))
        screen = as_screen(log, Path(folder) / "screen.txt")
        dbc = tuple(str(Path(each).resolve()) for each in arguments.dbc)
        readers: dict[str, Callable[[], int]] = {
            "python-can CanutilsLogReader": lambda: sum(1 for _ in can.CanutilsLogReader(str(log))),
            "candump log": lambda: frames_in(log),
            "candump log, gzip": lambda: frames_in(packed),
            "candump's screen": lambda: frames_in(screen),
            'replay at "max"': replay(log, dbc, wanted=False),
        }
        if dbc:
            readers['replay at "max", all signals'] = replay(log, dbc, wanted=True)
        show(measure(readers))


def made_up(path: Path) -> Path:
    rng = random.Random(1)
    ids = [f"{rng.randrange(0x800):03X}" for _ in range(60)]
    ids += [f"{rng.randrange(1 << 29):08X}" for _ in range(60)]
    lines = []
    for i in range(FRAMES):
        can_id = rng.choice(ids)
        data = f"##1{rng.randbytes(rng.choice((12, 64))).hex()}" if i % 10 == 0 else (
            f"#{rng.randbytes(8).hex()}"
        )  # fmt: skip
        lines.append(f"({1_790_000_000 + i / 2000:.6f}) can{i % 2} {can_id}{data.upper()}\n")
    path.write_text("".join(lines))
    return path


def as_screen(log: Path, path: Path) -> Path:
    recording = open_recording(log)
    with path.open("w") as file:
        for frames in recording.frames(Counters()):
            for frame in frames:
                size = int(frame["len"])
                digits = 8 if frame["can_id"] & 0x80000000 else 3
                name, data = recording.channels[frame["channel"]], frame["data"][:size].tobytes()
                length = f"[{size:02}]" if frame["flags"] & 4 else f"[{size}]"
                can_id = f"{frame['can_id'] & 0x1FFFFFFF:0{digits}X}"
                file.write(f"  {name}  {can_id}   {length}  {data.hex(' ').upper()}\n")
    return path


def frames_in(path: Path) -> int:
    return sum(map(len, open_recording(path).frames(Counters())))


def replay(log: Path, dbc: tuple[str, ...], wanted: bool) -> Callable[[], int]:
    """Return what plays all channels of *log* once; the databases are read beforehand."""
    recording = open_recording(log)
    for _ in recording.frames(Counters()):
        pass
    channels = dict.fromkeys(recording.channels, dbc)
    config = ReplayConfig(name="log", path=log.name, speed="max", channels=channels)
    source = ReplaySource(config, Config(file=log.parent / "x.toml"), SignalTable(), 0)
    source.select([signal.index for signal in source.signals] if wanted else [])

    def played() -> int:
        before = source.counters.received
        for _ in play([source]):
            pass
        return source.counters.received - before

    return played


def measure(readers: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Return the median microseconds a frame of each reader."""
    taken: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(ROUNDS):
        for name, read in readers.items():
            began = time.process_time()
            frames = read()
            taken[name].append((time.process_time() - began) / frames * 1e6)
    return {name: statistics.median(each) for name, each in taken.items()}


def show(medians: dict[str, float]) -> None:
    reference = next(iter(medians.values()))
    print(f"{'reader':<32}{'us a frame':>12}{'frames/s':>14}{'times':>8}")
    for name, us in medians.items():
        print(f"{name:<32}{us:>12.3f}{1e6 / us:>14,.0f}{reference / us:>8.1f}")


if __name__ == "__main__":
    main()
