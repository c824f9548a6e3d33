"""candump's log format, as ``candump -l``, ``candump -L`` and python-can write it.

A line is one frame::

    (1690000000.123456) can0 123#DEADBEEF           classic, 11-bit id
    (1690000000.123456) can0 1ABCDEF0#              29-bit id: eight digits; no data
    (1690000000.123456) can0 123##3DEADBEEF         CAN FD, its flags after the second #
    (1690000000.123456) can0 123#R8                 remote request for 8 bytes
    (1690000000.123456) can0 20000004#0004000000000000   error frame: bit 29 of the id
    (1690000000.123456) can0 123#1122334455667788_9 R    raw DLC 9; received (T: sent)

Format: lib.c of linux-can/can-utils. A block of lines is parsed at once; the few lines that do
not look like the first three or the fifth are parsed one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_S
from gateway.counters import Counters
from gateway.record import FRAME, CanId, FrameFlag, Frames, Origin
from gateway.sources.can_message import frames_of
from gateway.sources.recordings import digits
from gateway.sources.recordings.base import Recording
from gateway.sources.recordings.text import TextFile

LINE = re.compile(
    rb"""\s*\((?P<seconds>\d{1,10})(?:\.(?P<fraction>\d{1,9})\d*)?\)
    \s+(?P<channel>[!-~]+)
    \s+(?P<id>[0-9A-Fa-f]{1,8})
    \#(?:
        (?P<remote>[Rr])(?P<wanted>[0-8])?
        | \#(?P<flags>[0-9A-Fa-f])(?P<fd>(?:[0-9A-Fa-f]{2}){0,64})
        | (?P<data>(?:[0-9A-Fa-f]{2}\.?){0,8})
    )
    (?:_[9A-Fa-f])?
    (?:\s+(?P<direction>[RrTt]))?\s*""",
    re.VERBOSE,
)

# Room before and after the text, so that no word that is looked at lies outside of it.
_MARGIN = b" " * 64
_LONGEST_NAME = 16
_LATEST_S = (1 << 63) // NS_PER_S - 1
# An IntFlag in an expression makes numpy widen the whole array.
_ERROR, _EXTENDED, _FD = np.uint32(CanId.ERROR), np.uint32(CanId.EXTENDED), np.uint8(FrameFlag.FD)
_NAME = re.compile(rb"[!-~]+")
_NIBBLES = np.full(256, 0xFF, np.uint8)
_NIBBLES[list(b"0123456789")] = range(10)
_NIBBLES[list(b"abcdef")] = _NIBBLES[list(b"ABCDEF")] = range(10, 16)
_CARRIAGE_RETURN, _LINE_FEED, _SPACE, _HASH, _OPEN, _CLOSE, _POINT = b"\r\n #()."


class CandumpLog(Recording):
    """A candump log."""

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
        """See `Recording`. Lines that are none, as a cut-off one, are lost as "malformed"."""
        self.damage = None
        for block in self._file.blocks(counters):
            frames = self._parse(block, counters)
            if len(frames):
                yield frames
        if self._file.damage:
            self.spoil(*self._file.damage, counters)

    def _parse(self, block: bytes, counters: Counters) -> Frames:
        """Return the frames of *block*, which ends with a line feed."""
        lines = _Lines(block)
        good = lines.parse(self.channel_number)
        frames = lines.frames
        if good.all():
            return frames
        for row in np.flatnonzero(~good):
            line = lines.text(row)
            if parse_line(line, frames[row : row + 1], self.channel_number):
                good[row] = True
            elif line.strip() and not line.lstrip().startswith(b"#"):
                counters.received += 1
                counters.lost["malformed"] += 1
        return frames[good]


class _Lines:
    """The lines of a block, parsed side by side. Positions are indices into the padded text."""

    def __init__(self, block: bytes) -> None:
        self._text = _MARGIN + block + _MARGIN
        self._chars = np.frombuffer(self._text, np.uint8)
        self._words = digits.words_of(self._text)
        ends = np.flatnonzero(self._chars == _LINE_FEED)
        self._starts = np.empty_like(ends)
        self._starts[0], self._starts[1:] = len(_MARGIN), ends[:-1] + 1
        self._ends = ends - (self._chars[ends - 1] == _CARRIAGE_RETURN)
        self.frames = np.zeros(len(ends), FRAME)
        self.frames["origin"] = Origin.RECORDED

    def text(self, row: np.intp) -> bytes:
        return self._text[self._starts[row] : self._ends[row]]

    def parse(self, channel_number: Callable[[str], int | None]) -> digits.Flags:
        """Fill the frames from the usual lines; tell which rows those are.

        The other rows' frames hold nonsense.
        """
        chars = self._chars
        close, mark = self._first(_CLOSE), self._first(_HASH)
        found: digits.Flags = (close >= 0) & (close < mark) & (chars[self._starts] == _OPEN)
        found &= chars[close + 1] == _SPACE
        # Rows without them go on with positions that do no harm.
        close[~found] = mark[~found] = len(_MARGIN)

        # Three digits first: with a name of four letters, a space stands nine before as well.
        short = chars[mark - 4] == _SPACE
        found &= short | (chars[mark - 9] == _SPACE)
        id_count = np.where(short, 3, 8)

        found &= self._times(close)
        found &= self._ids(mark, id_count)
        found &= self._data(mark)
        found &= self._channels(close + 2, mark - 1 - id_count, found, channel_number)
        return found

    def _first(self, char: int) -> digits.Positions:
        """Return where *char* first stands in each line, -1 where it does not."""
        places = np.flatnonzero(self._chars == char)
        # Most likely there is one in each line, and nothing to look up.
        if (
            len(places) == len(self._starts)
            and ((places >= self._starts) & (places < self._ends)).all()
        ):
            return places
        places = np.append(places, len(self._chars))
        places = places[np.searchsorted(places, self._starts)]
        return np.where(places < self._ends, places, -1)

    def _times(self, close: digits.Positions) -> digits.Flags:
        chars, words = self._chars, self._words
        micros = chars[close - 7] == _POINT
        point = close - np.where(micros, 7, 10)
        good: digits.Flags = chars[point] == _POINT
        fraction = digits.last_digits(words[close - 8], np.where(micros, 6, 8))
        good &= digits.are_decimal(fraction)
        fraction_ns = digits.decimal(fraction)
        fraction_ns[micros] *= 1000
        if not micros.all():
            tenths = chars[close - 9] - np.uint8(ord("0"))
            good &= micros | (tenths <= 9)
            fraction_ns += np.where(micros, 0, tenths * np.int64(100_000_000))

        count = point - self._starts - 1
        good &= (count >= 1) & (count <= 10)
        lower = digits.last_digits(words[point - 8], count.clip(0, 8))
        upper = digits.last_digits(words[point - 16], (count - 8).clip(0, 8))
        good &= digits.are_decimal(lower) & digits.are_decimal(upper)
        seconds = digits.decimal(upper) * 100_000_000 + digits.decimal(lower)
        good &= seconds <= _LATEST_S
        self.frames["t_ns"] = seconds * NS_PER_S + fraction_ns
        return good

    def _ids(self, mark: digits.Positions, count: digits.Positions) -> digits.Flags:
        word = digits.last_digits(self._words[mark - 8], count)
        value = digits.hexadecimal(word).byteswap()
        short = count == 3
        error = value & _ERROR != 0
        self.frames["can_id"] = np.where(short | error, value, value | _EXTENDED)
        good: digits.Flags = digits.are_hexadecimal(word) & (~short | (value <= 0x7FF))
        return good

    def _data(self, mark: digits.Positions) -> digits.Flags:
        chars, words, frames = self._chars, self._words, self.frames
        stop, flags = self._directions(mark)
        begin = mark + 1
        most: int | digits.Positions = 16
        flexible = np.flatnonzero(chars[begin] == _HASH)
        if len(flexible):
            begin[flexible] += 2
            most = np.where(chars[mark + 1] == _HASH, 128, 16)
            nibble = _NIBBLES[chars[mark[flexible] + 2]]
            stop[flexible[nibble > 0xF]] = -1
            flags[flexible] |= (nibble & 0x3) | _FD

        count = stop - begin
        good: digits.Flags = (count >= 0) & (count <= most) & (count & 1 == 0)
        count[~good] = 0
        frames["len"] = count >> 1
        frames["flags"] = flags
        fours = frames["data"].view("<u4")
        for k in range(2):
            word = digits.first_digits(words[begin + 8 * k], (count - 8 * k).clip(0, 8))
            good &= digits.are_hexadecimal(word)
            fours[:, k] = digits.hexadecimal(word)
        for k in range(2, 16):
            rows = np.flatnonzero(count > 8 * k)
            if not len(rows):
                break
            word = words[begin[rows] + 8 * k]
            word = digits.first_digits(word, (count[rows] - 8 * k).clip(0, 8))
            good[rows] &= digits.are_hexadecimal(word)
            fours[rows, k] = digits.hexadecimal(word)
        return good

    def _directions(self, mark: digits.Positions) -> tuple[digits.Positions, NDArray[np.uint8]]:
        """Return where each line's frame ends, before its direction, and the direction's flag."""
        chars, stop = self._chars, self._ends.copy()
        flags = np.zeros(len(mark), np.uint8)
        rows = np.flatnonzero((chars[stop - 2] == _SPACE) & (stop - 2 > mark))
        if len(rows):
            letter = chars[stop[rows] - 1]
            stop[rows[(letter == ord("R")) | (letter == ord("T"))]] -= 2
            flags[rows[letter == ord("T")]] = FrameFlag.TRANSMITTED
        return stop, flags

    def _channels(
        self,
        begin: digits.Positions,
        end: digits.Positions,
        good: digits.Flags,
        channel_number: Callable[[str], int | None],
    ) -> digits.Flags:
        """Number the channels of the *good* rows; tell for which rows that was possible."""
        count = end - begin
        known = np.zeros(len(begin), bool)
        left = good & (count > 0) & (count <= _LONGEST_NAME)
        lower = digits.first(self._words[begin], count.clip(0, 8))
        upper = digits.first(self._words[begin + 8], (count - 8).clip(0, 8))
        while left.any():
            row = left.argmax()  # the first that is left names a channel; all like it go with it
            same = left & (lower == lower[row]) & (upper == upper[row]) & (count == count[row])
            left &= ~same
            name = self._text[begin[row] : end[row]]
            number = channel_number(name.decode()) if _NAME.fullmatch(name) else None
            if number is not None:
                self.frames["channel"][same] = number
                known |= same
        return known


def parse_line(line: bytes, frame: Frames, channel_number: Callable[[str], int | None]) -> bool:
    """Write one *line* of any shape into the array of one *frame*; tell whether it was one."""
    match = LINE.fullmatch(line)
    if match is None or int(match["seconds"]) > _LATEST_S:
        return False
    can_id = int(match["id"], 16)
    if len(match["id"]) > 3:
        can_id |= 0 if can_id & CanId.ERROR else CanId.EXTENDED
    elif can_id > 0x7FF:
        return False
    channel = channel_number(match["channel"].decode())
    if channel is None:
        return False
    flags = FrameFlag.TRANSMITTED if match["direction"] in (b"T", b"t") else 0
    data = b""
    if match["remote"]:
        can_id |= CanId.REMOTE
        length = int(match["wanted"] or 0)
    else:
        if match["flags"]:
            flags |= FrameFlag.FD | (int(match["flags"], 16) & 0x3)
        data = bytes.fromhex((match["fd"] or match["data"] or b"").replace(b".", b"").decode())
        length = len(data)
    fraction_ns = int((match["fraction"] or b"0").ljust(9, b"0"))
    t_ns = int(match["seconds"]) * NS_PER_S + fraction_ns
    row = (t_ns, can_id, length, flags, channel, Origin.RECORDED, data)
    frame[:] = frames_of([row])
    return True
