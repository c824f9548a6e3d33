"""The entry points: wherever bytes come in that nobody has checked.

Each takes input as it would come in and says whether it was taken (`True`) or refused by an error
of one line (`False`); whatever else it raises is a fault. What it delivers is checked: counts add
up, samples are of known signals, and only an invalid one is no number.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from abc import ABC, abstractmethod
from binascii import crc32
from pathlib import Path

import can
import numpy as np
from good import (
    CANDUMP,
    CONFIG,
    DBC,
    FIELDS,
    FRAMES,
    NMEA,
    OLD_SCREEN,
    REPLAY,
    SCREEN,
    packet,
    sentence,
)

from firmware_sim.errors import ScenarioError
from gateway.config.load import load_config
from gateway.config.model import SerialConfig
from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.decode.stream import make_stream_decoder
from gateway.errors import InputError
from gateway.record import FRAME, Frames, Origin, Quality, Samples
from gateway.signals import SignalTable
from gateway.sources.recordings import open_recording, open_sentences
from gateway.workers.plan import make_plan

RECORDINGS = Path(os.environ.get("BAD_INPUT_RECORDINGS", "/nonexistent"))
"""A folder of real recordings, parts of which are good input, too."""


def frames_in(data: bytes) -> Frames:
    """Return *data* as frames, whatever it is: within what a kernel lets through."""
    raw = data[: len(data) // FRAME.itemsize * FRAME.itemsize] or data.ljust(FRAME.itemsize, b"\0")
    frames = np.frombuffer(raw[: len(raw) // FRAME.itemsize * FRAME.itemsize], FRAME).copy()
    frames["len"] %= 65
    frames["origin"] %= len(Origin)
    frames["data"][np.arange(64) >= frames["len"][:, None]] = 0
    return frames


def check(counters: Counters, samples: Samples, signals: int) -> None:
    """Check that counts add up and samples are what samples can be."""
    assert counters.received == counters.delivered + counters.lost.total(), counters
    if len(samples):
        invalid = samples["quality"] == Quality.INVALID
        assert (samples["signal"] < signals).all(), "a sample of no signal"
        assert (samples["quality"] <= Quality.INVALID).all(), "a quality that is none"
        assert not (np.isnan(samples["value"]) & ~invalid).any(), "not a number, but not invalid"


class Entry(ABC):
    """An entry point.

    Attributes:
        name: For people.
        share: Its share of the inputs that all get together; fewer where each takes longer.
        good: Input that it takes.
    """

    name: str
    share: int
    good: list[bytes]

    @abstractmethod
    def __call__(self, data: bytes) -> bool:
        """Give it *data*; tell whether it was taken."""

    def still_works(self) -> None:
        """Check that good input is taken as if nothing had been."""
        assert all(self(good) for good in self.good), f"{self.name}: good input is refused"


class CanFrames(Entry):
    """Frames off a bus, into the decoder: one at a time and by the thousand."""

    name, share = "CAN frames", 250_000

    def __init__(self, folder: Path) -> None:
        (folder / "frames.dbc").write_bytes(DBC)
        files = [folder / "frames.dbc"]
        if (real := RECORDINGS / "boat" / "nmea2000.dbc").exists():
            files.append(real)
        databases = [FrameDatabase.load([file]) for file in files]
        table = SignalTable()
        signals = [base.register(table, f"can{n}") for n, base in enumerate(databases)]
        self._decoder = FrameDecoder([*databases, None], [*signals, ()], 0)
        self._decoder.select(range(len(table)))
        self._signals = len(table)
        self._counters = Counters()
        ids = [message.can_id for base in databases for message in base.messages][:200]
        self.good = []
        for channel in range(len(files)):
            frames = np.zeros(len(ids), FRAME)
            frames["can_id"], frames["len"], frames["channel"] = ids, 8, channel
            frames["data"][:, :8] = np.arange(8) * 31
            self.good += [frame.tobytes() for frame in frames]
        self.good.append(b"".join(self.good[:40]))

    def __call__(self, data: bytes) -> bool:
        frames = frames_in(data)
        check(self._counters, self._decoder.decode(frames, self._counters), self._signals)
        if crc32(data) % 500 == 0:  # a batch as it comes when much has piled up
            many = np.resize(frames, 1_000)
            check(self._counters, self._decoder.decode(many, self._counters), self._signals)
        return True

    def still_works(self) -> None:
        frame = np.zeros(1, FRAME)
        frame["can_id"], frame["len"], frame["data"][0, 0] = 0x100, 8, 150
        samples = self._decoder.decode(frame, self._counters)
        assert samples["value"][0] == 110.0


class Stream(Entry):
    """What comes in on a serial line, in pieces, one after the other."""

    def __init__(self, protocol: str, good: list[bytes], **keys: object) -> None:
        config = SerialConfig(name="port", port="/dev/null", protocol=protocol, **keys)  # type: ignore[arg-type]
        table = SignalTable()
        self._decoder = make_stream_decoder(config, table, 0)
        self._decoder.select(range(len(table)))
        self._signals = len(table)
        self._counters = Counters()
        self.good = good

    def __call__(self, data: bytes) -> bool:
        samples = self._decoder.feed(data, 7, Origin.USER, self._counters)
        check(self._counters, samples, self._signals)
        assert len(self._counters.unknown) <= 257, "unknown names without end"
        return True

    def still_works(self) -> None:
        self._counters.received += self._decoder.reset()
        self._counters.lost["incomplete"] += (
            self._counters.received - self._counters.delivered - self._counters.lost.total()
        )
        before = self._counters.delivered
        for good in self.good[:3]:
            self(good)
        assert self._counters.delivered == before + 3, f"{self.name}: good input is lost"


class Sentences(Stream):
    """NMEA 0183."""

    name, share = "NMEA 0183", 150_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        super().__init__("nmea0183", [sentence(body) for body in NMEA])
        if (real := RECORDINGS / "boat" / "sailing.nmea").exists():
            self.good += real.read_bytes()[:20_000].splitlines(keepends=True)
        self.good.append(b"".join(self.good[:20]))


class Pairs(Stream):
    """Lines of name=value."""

    name, share = "name=value lines", 60_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        good = [
            b"temperature=21.5, humidity=40\n",
            b"p = 1013.2; temperature=-3e1\r\n",
            b"x=1 p=2\n",
        ]
        super().__init__("lines", [*good, b"".join(good) * 5], fields=FIELDS)


class Columns(Stream):
    """Lines of columns."""

    name, share = "CSV lines", 60_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        good = [b"21.5,40,1013.2\n", b"-1e3,,7\r\n", b" 1 , 2 , 3 \n"]
        super().__init__("csv", [*good, b"".join(good) * 5], fields=FIELDS)


class Packets(Stream):
    """Binary packets."""

    name, share = "framed binary", 100_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        good = [
            packet(1, struct.pack("<BhIqfd", 1, -2, 3, -4, 5.5, math.pi)),
            packet(2, struct.pack(">Q", 1 << 63)),
            packet(1, struct.pack("<BhIqfd", 255, 32767, 0, 0, math.nan, math.inf)),
        ]
        super().__init__("framed", [*good, b"".join(good) * 5], frames=FRAMES)


class File(Entry):
    """Something that is read from a file."""

    suffix = ""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"input{self.suffix}"

    def __call__(self, data: bytes) -> bool:
        self._path.write_bytes(self.packed(data))
        try:
            self.read(self._path)
        except (InputError, ScenarioError) as error:
            text = str(error)
            assert text.startswith(str(self._path.parent)), f"which file? {text!r}"
            assert "\n" not in text, f"more than a line: {text!r}"
            return False
        return True

    def packed(self, data: bytes) -> bytes:
        """Return *data* as it stands in the file."""
        return data

    @abstractmethod
    def read(self, path: Path) -> None:
        """Read the file as the gateway does."""


class Recording(File):
    """A recording of CAN frames."""

    def read(self, path: Path) -> None:
        recording = open_recording(path)
        counters = Counters()
        for frames in recording.frames(counters):
            assert len(frames)
            assert (frames["len"] <= 64).all()
            assert (frames["channel"] < len(recording.channels)).all()
        assert counters.received == counters.delivered + counters.lost.total()
        assert 0.0 <= recording.progress() <= 1.0


class CandumpFile(Recording):
    """candump's log."""

    name, share, suffix = "candump logs", 60_000, ".log"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.good = [CANDUMP, *CANDUMP.splitlines(keepends=True)]
        if (real := RECORDINGS / "rav4" / "drive-20s.candump.log").exists():
            self.good.append(real.read_bytes()[:2000])


class PackedCandump(CandumpFile):
    """candump's log, packed; damaged before it was, or after."""

    name, share, suffix = "candump logs, gzipped", 20_000, ".log.gz"

    def packed(self, data: bytes) -> bytes:
        whole = gzip.compress(data, 1, mtime=0)
        return whole if len(data) % 2 else whole[:20] + data[-30:] + whole[20:]

    def still_works(self) -> None:
        self._path.write_bytes(gzip.compress(CANDUMP))
        self.read(self._path)


class ScreenFile(Recording):
    """A copy of candump's screen."""

    name, share, suffix = "candump's screen", 40_000, ".txt"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.good = [SCREEN, OLD_SCREEN]
        if (real := RECORDINGS / "boat" / "nmea2000.candump.txt").exists():
            self.good.append(b"\n".join(real.read_bytes()[:2000].splitlines()[:-1]) + b"\n")


class SentenceFile(File):
    """A text of NMEA sentences."""

    name, share, suffix = "NMEA recordings", 50_000, ".nmea"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        plain = b"".join(map(sentence, NMEA))
        stamped = b"".join(
            b"\\s:gps,c:169000000%d*5A\\%s" % (n, sentence(NMEA[n])) for n in range(4)
        )
        self.good = [plain, stamped, b"1690000000.250 " + sentence(NMEA[0])]

    def read(self, path: Path) -> None:
        counters = Counters()
        for times, lines in open_sentences(path, 10.0).sentences(counters):
            assert len(times) == len(lines) > 0


class LibraryFile(Recording):
    """A recording that python-can reads."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        path = folder / f"good{self.suffix}"
        with can.Logger(str(path)) as writer:
            for n in range(12):
                writer(
                    can.Message(
                        timestamp=1_690_000_000.25 + n / 100,
                        arbitration_id=0x100 + n,
                        data=bytes(range(n % 9)),
                        is_extended_id=n % 3 == 0,
                        is_remote_frame=n == 7,
                        channel=0,
                    )
                )
        self.good = [path.read_bytes()]


class AscFile(LibraryFile):
    """Vector's text format."""

    name, share, suffix = ".asc files", 20_000, ".asc"


class BlfFile(LibraryFile):
    """Vector's binary format."""

    name, share, suffix = ".blf files", 20_000, ".blf"


class TrcFile(LibraryFile):
    """PEAK's text format."""

    name, share, suffix = ".trc files", 20_000, ".trc"


class CsvFile(LibraryFile):
    """python-can's own text format."""

    name, share, suffix = ".csv files", 20_000, ".csv"


class DbFile(LibraryFile):
    """python-can's SQLite format."""

    name, share, suffix = ".db files", 10_000, ".db"


class DbcFile(File):
    """A signal database, and frames decoded by it."""

    name, share, suffix = "DBC files", 30_000, ".dbc"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.good = [DBC, b"\n".join(DBC.splitlines()[:4]) + b"\n"]
        rng = np.random.default_rng(0)
        self._data = rng.integers(0, 256, (40, 64), np.uint8)

    def read(self, path: Path) -> None:
        database = FrameDatabase.load([path])
        table = SignalTable()
        decoder = FrameDecoder([database], [database.register(table, "can0")], 0)
        decoder.select(range(len(table)))
        ids = [message.can_id for message in database.messages][:20] or [0]
        frames = np.zeros(40, FRAME)
        frames["can_id"], frames["len"], frames["data"] = np.resize(ids, 40), 8, self._data
        frames["data"][:, 8:] = 0
        counters = Counters()
        for batch in (frames[:1], frames, np.resize(frames, 1_000)):
            check(counters, decoder.decode(batch, counters), len(table))


class ConfigFile(File):
    """A configuration, with everything that `gateway check` looks up."""

    name, share, suffix = "configurations", 40_000, ".toml"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "car.dbc").write_bytes(b"\n".join(DBC.splitlines()[:6]) + b"\n")
        (folder / "car.log").write_bytes(CANDUMP)
        self.good = [CONFIG, REPLAY]

    def read(self, path: Path) -> None:
        make_plan(load_config(path))


ENTRIES: tuple[type[Entry], ...] = (
    CanFrames,
    Sentences,
    Pairs,
    Columns,
    Packets,
    CandumpFile,
    PackedCandump,
    ScreenFile,
    SentenceFile,
    AscFile,
    BlfFile,
    TrcFile,
    CsvFile,
    DbFile,
    DbcFile,
    ConfigFile,
)
