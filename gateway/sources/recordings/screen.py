"""What candump shows on a screen, kept in a file.

A line is one frame, and the columns have changed over the years; all of these are read::

     (1690000000.123456)  can0  123   [8]  11 22 33 44 55 66 77 88
      can0  RX - -  180   [8]  00 00 00 00 00 00 2A 00   '......*.'
      can0  18EEFF01   [0]  remote request
      can0  123  [12]  11 22 33 44 55 66 77 88 99 AA BB CC
    <0x18eeff01> [8] 05 a0 be 1c 00 a0 a0 c0

A length of two digits marks a CAN FD frame. ``interface = can0, ...`` names the channel of the
lines that do not (the oldest format); comments (``#``) and candump's explanations of error
frames (lines that begin with a tab) are passed over.

Format: sprint_long_canframe in lib.c of linux-can/can-utils, and candump of can-utils before 2009.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.counters import Counters
from gateway.record import CanId, FrameFlag, Frames, Origin
from gateway.sources.can_message import Row, frames_of
from gateway.sources.recordings.base import Recording
from gateway.sources.recordings.text import TextFile

LINE = re.compile(
    rb"""\s*(?:\((?P<seconds>\d{1,9}|[0-8]\d{9})\.(?P<fraction>\d{1,9})\)\s+)?
    (?:
        (?P<channel>[!-;=-~][!-~]*)\s+
        (?:(?P<direction>[RT])X\s+(?P<brs>[B-])\s+(?P<esi>[E-])\s+)?
        (?P<id>[0-9A-Fa-f]{8}|[0-9A-Fa-f]{3})
        | <0x(?P<old_id>[0-9A-Fa-f]{8}|[0-9A-Fa-f]{3})>
    )
    \s+\[(?P<length>\d{1,2})\]
    (?:\s+(?P<remote>remote\ request)|(?P<data>(?:\s+[0-9A-Fa-f]{2}){0,64}))
    (?:\s+ERRORFRAME)?(?:\s+'.*)?\s*""",
    re.VERBOSE,
)
_HEADER = re.compile(rb"interface = (?P<channel>[!-~]+?),.*")

INTERVAL_NS = NS_PER_MS
"""In a file without time stamps, the time from frame to frame on the time line that it is given,
which begins at 0. Lines that cannot be read keep their place on it."""


class CandumpScreen(Recording):
    """A copy of candump's screen."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = TextFile(path)

    @staticmethod
    def recognises(line: bytes) -> bool:
        """Tell whether *line* is one of this format."""
        return LINE.fullmatch(line) is not None

    def progress(self) -> float:
        """See `Recording`."""
        return self._file.progress()

    def frames(self, counters: Counters) -> Generator[Frames, None, None]:
        """See `Recording`. Lines that are none, as a cut-off one, are lost as "malformed".

        Whether the file has time stamps is told by its first frame; a line that differs is lost.
        """
        self.damage = None
        self._channel = b"can0"
        self._stamped: bool | None = None
        self._next_ns = 0
        for block in self._file.blocks(counters):
            rows = []
            for line in block.splitlines():
                if row := self._parse(line):
                    rows.append(row)
                elif not self._is_remark(line):
                    counters.received += 1
                    counters.lost["malformed"] += 1
                    self._next_ns += INTERVAL_NS
            if rows:
                yield frames_of(rows)
        if self._file.damage:
            self.spoil(*self._file.damage, counters)

    def _is_remark(self, line: bytes) -> bool:
        if header := _HEADER.fullmatch(line):
            self._channel = header["channel"]
            return True
        return not line.strip() or line.startswith((b"#", b"\t"))

    def _parse(self, line: bytes) -> Row | None:
        """Return the frame of *line*, or None if it is no frame."""
        match = LINE.fullmatch(line)
        if match is None:
            return None
        length, data = int(match["length"]), bytes.fromhex((match["data"] or b"").decode())
        flexible = len(match["length"]) == 2
        if length > (64 if flexible else 8) or (not match["remote"] and length != len(data)):
            return None

        stamped = match["seconds"] is not None
        if self._stamped is None:
            self._stamped = stamped
        if stamped != self._stamped:
            return None
        channel = self.channel_number((match["channel"] or self._channel).decode())
        if channel is None:
            return None

        digits = match["id"] or match["old_id"]
        can_id = int(digits, 16)
        if len(digits) == 8:
            can_id |= 0 if can_id & CanId.ERROR else CanId.EXTENDED
        elif can_id > 0x7FF:
            return None
        if match["remote"]:
            can_id |= CanId.REMOTE
        flags = FrameFlag.FD if flexible else 0
        flags |= FrameFlag.BIT_RATE_SWITCH if match["brs"] == b"B" else 0
        flags |= FrameFlag.ERROR_STATE if match["esi"] == b"E" else 0
        flags |= FrameFlag.TRANSMITTED if match["direction"] == b"T" else 0
        t_ns = self._next_ns
        if stamped:
            fraction = match["fraction"].ljust(9, b"0")
            t_ns = int(match["seconds"]) * NS_PER_S + int(fraction)
        self._next_ns += INTERVAL_NS
        return t_ns, can_id, length, flags, channel, Origin.RECORDED, data
