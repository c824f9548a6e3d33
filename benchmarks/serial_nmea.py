"""Reading NMEA 0183: the gateway's decoder beside pynmea2, on the same sentences, in one run.

    python benchmarks/serial_nmea.py [--rounds N] [FILE]

Microseconds of CPU a sentence, medians of rounds in which the contestants take turns. Without FILE
the sentences are made here: a sailing boat's, seeded. "to samples" is the gateway's whole way from
bytes to an array; for pynmea2 it is parse, then a tuple of time, name and number for each field
that the gateway delivers. "checked" is pynmea2 up to the checked and split sentence, with no value
read.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path

import pynmea2

from gateway.counters import Counters
from gateway.decode.nmea0183 import Nmea0183Decoder
from gateway.record import Origin
from gateway.signals import SignalTable

ATTRIBUTES = {
    "RMC": ("timestamp", "latitude", "longitude", "spd_over_grnd", "true_course", "mag_variation"),
    "GLL": ("latitude", "longitude", "timestamp"),
    "VTG": ("true_track", "mag_track", "spd_over_grnd_kts"),
    "MWV": ("wind_angle", "wind_speed"),
    "MWD": ("direction_true", "direction_magnetic", "wind_speed_knots"),
    "VHW": ("heading_true", "heading_magnetic", "water_speed_knots"),
    "DBT": ("depth_meters",),
    "DPT": ("depth", "offset"),
    "HDT": ("heading",),
    "HDM": ("heading",),
    "HDG": ("heading", "deviation", "variation"),
    "MTW": ("temperature",),
    "ZDA": ("timestamp",),
}
"""What pynmea2 calls the values that the gateway delivers as signals."""


def sentences(count: int) -> list[bytes]:
    """Return *count* sentences of a sailing boat, the same every time."""
    rng = random.Random(1)

    def body(number: int) -> str:
        n = rng.uniform(0, 60)
        return (
            f"GPRMC,1211{n:05.2f},A,60{n:06.3f},N,023{n:06.3f},E,{n:.2f},{n:.2f},210926,2.1,E,A",
            f"IIMWV,{n:.0f},R,{n:.2f},N,A",
            f"IIVHW,{n:.1f},T,{n:.1f},M,{n:.2f},N,{n * 1.852:.2f},K",
            f"IIVTG,{n:.2f},T,,M,{n:.2f},N,,,D",
            f"IIHDG,{n:.1f},,,2.1,E",
            f"IIDBT,{n * 3.28:.2f},f,{n:.2f},M,{n / 1.83:.2f},F",
            f"IIMWD,,,,,{n:.2f},N,{n / 2:.2f},M",
            f"IIMTW,{n / 2:.1f},C",
            f"GPGLL,60{n:06.3f},N,023{n:06.3f},E,1211{n:05.2f},A,D",
            f"IIHDT,{n:.1f},T",
        )[number % 10]

    texts = [body(number).encode() for number in range(count)]
    return [b"$%s*%02X\r\n" % (text, reduce(xor, text)) for text in texts]


def gateway(stream: bytes, read_size: int, *names: str) -> Callable[[], object]:
    """Decode *stream* in reads of *read_size* bytes; all signals, or those named."""

    def run() -> int:
        table = SignalTable()
        decoder = Nmea0183Decoder("boat", 0, table)
        if names:
            decoder.select([table.resolve(name).index for name in names])
        counters = Counters()
        delivered = sum(
            len(decoder.feed(stream[at : at + read_size], at, Origin.USER, counters))
            for at in range(0, len(stream), read_size)
        )
        if counters.lost:  # at which pynmea2 would stop
            raise SystemExit(
                f"expected sentences that are whole, got some that are not: {counters}"
            )
        return delivered

    return run


def peer(stream: bytes, *, values: bool) -> Callable[[], object]:
    """Parse *stream* with pynmea2, line by line as it wants it."""

    def run() -> list[tuple[int, str, object]]:
        found: list[tuple[int, str, object]] = []
        for at, line in enumerate(stream.splitlines()):
            sentence = pynmea2.parse(line.decode("ascii"), check=True)
            if values:
                for name in ATTRIBUTES.get(sentence.sentence_type, ()):
                    if value := getattr(sentence, name, None):
                        found.append((at, name, value))
        return found

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("file", nargs="?", type=Path)
    options = parser.parse_args()
    stream = options.file.read_bytes() if options.file else b"".join(sentences(20_000))
    count = len(stream.splitlines())

    one = max(len(line) for line in stream.splitlines()) + 2
    contestants = {
        "gateway, to samples, 64 KiB a read": gateway(stream, 65536),
        "gateway, to samples, 1 KiB a read": gateway(stream, 1024),
        f"gateway, to samples, {one} bytes a read": gateway(stream, one),
        "gateway, two signals asked for, 64 KiB a read": gateway(
            stream, 65536, "MWV.wind_speed_relative", "DBT.depth_below_transducer"
        ),
        "pynmea2, to values": peer(stream, values=True),
        "pynmea2, checked": peer(stream, values=False),
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            times[name].append((time.process_time() - start) / count * 1e6)
    base = statistics.median(times["pynmea2, to values"])
    print(f"{count} sentences, medians of {options.rounds} rounds\n")
    print(f"{'':48}{'us a sentence':>14}{'times faster':>14}")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:48}{median:14.2f}{base / median:14.1f}")


if __name__ == "__main__":
    main()
