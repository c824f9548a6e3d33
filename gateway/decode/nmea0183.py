"""NMEA 0183: the sentences that marine instruments and GPS receivers send, as samples.

    $IIMWV,338,R,13.41,N,A*2C
     ^^~~~                 ^^ checksum: XOR of all bytes between "$" and "*", hexadecimal
     |  sentence type, the message's name
     talker id, passed over

What becomes of a sentence is one of: decoded, of unknown type (counted by type), or lost with
one of the reasons "checksum", "no_checksum", "malformed", "too_long", "incomplete".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.counters import Counters
from gateway.decode.nmea0183_readers import Reader
from gateway.decode.nmea0183_sentences import LONGEST, SENTENCES, Quantity
from gateway.decode.slot import SampleWriter, Slot
from gateway.decode.splitter import Splitter, count_unknown
from gateway.record import Origin, Samples
from gateway.signals import Signal, SignalTable

_HEX = {
    f"{high}{low}".encode(): int(high + low, 16)
    for high in "0123456789ABCDEFabcdef"
    for low in "0123456789ABCDEFabcdef"
}
_1024_BITS = (1 << 1024) - 1
_PADDING = [b""] * LONGEST
_ADDRESS = re.compile(rb"[A-Z0-9]{3,16}")
_PIECE = re.compile(rb"[$!]?[^$!]+|[$!]")
_TAG_BLOCK = re.compile(rb"^\\[^\\]*\\")


@dataclass(slots=True)
class _Address:
    """What is known of one talker's sentences of one type.

    Attributes:
        steps: What to read of them: slot, reader, void (see `Quantity`).
        summed: Whether one with a right checksum was seen. From then on one without is torn.
    """

    steps: list[tuple[Slot, Reader, int, bytes]]
    summed: bool = False


class Nmea0183Decoder:
    r"""The `StreamDecoder` of NMEA 0183. Signals are called ``source.TYPE.quantity``.

    A sentence ends with a carriage return or a line feed. One without a checksum is accepted as
    long as its talker has not sent that type with one: instruments from before 1992 send none,
    but a sentence that usually has one has lost its end, and perhaps digits with it. A value that
    the sentence's own status declares void is delivered as `Quality.INVALID`. NMEA 4.10's TAG
    blocks (``\...\`` before the sentence) are passed over.

    Args:
        source: The source's name.
        source_index: Its position in the configuration.
        table: Where the signals are registered.
    """

    unit = "sentences"

    def __init__(self, source: str, source_index: int, table: SignalTable) -> None:
        self._source_index = source_index
        self._known: dict[str, tuple[tuple[Slot, Quantity], ...]] = {}
        signals: list[Signal] = []
        for message, quantities in SENTENCES.items():
            added = [
                table.add(source, message, each.name, each.unit, each.minimum, each.maximum)
                for each in quantities
            ]
            self._known[message] = tuple(zip(map(Slot.of, added), quantities, strict=True))
            signals += added
        self.signals = tuple(signals)
        self._addresses: dict[bytes, _Address] = {}
        self._splitter = Splitter(b"\n")
        self._wanted: frozenset[int] = frozenset(signal.index for signal in signals)

    def select(self, wanted: Collection[int]) -> None:
        """See `StreamDecoder`."""
        self._wanted = frozenset(wanted)
        for address, found in self._addresses.items():
            found.steps = self._steps(address)

    def feed(self, data: bytes, t_ns: int, origin: Origin, counters: Counters) -> Samples:
        """See `StreamDecoder`."""
        out = SampleWriter(self._source_index, t_ns, origin)
        for line in self._splitter.feed(data.replace(b"\r", b"\n"), counters):
            body, _, checksum = line.rpartition(b"*")
            if line[0] in b"$!" and _HEX.get(checksum) == xor(body) ^ line[0]:
                self._decode(body, True, out, counters)
            else:
                self._untangle(line, out, counters)
        return out.samples()

    def reset(self, midway: bool = False) -> int:  # noqa: ARG002 - "$" tells where one begins
        """See `StreamDecoder`."""
        return self._splitter.reset()

    def _decode(self, body: bytes, summed: bool, out: SampleWriter, counters: Counters) -> None:
        """Take one sentence, from its "$" to before its "*"."""
        fields = body.split(b",")
        address = self._addresses.get(fields[0]) or self._admit(fields[0])
        if address is None:
            if _ADDRESS.fullmatch(fields[0], 1):
                count_unknown(_type_of(fields[0]), counters)
                counters.delivered += 1
            else:
                counters.lost["malformed"] += 1
            return
        if summed:
            address.summed = True
        elif address.summed:
            counters.lost["no_checksum"] += 1
            return
        if not address.steps:
            counters.delivered += 1
            return
        fields += _PADDING  # an older version of the standard has fewer fields: no value
        mark = out.mark()
        try:
            for slot, read, status, void in address.steps:
                value = read(fields)
                if value is None:
                    continue
                if status and (told := fields[status]):
                    # GNS has a letter for each satellite system: void when all are void.
                    out.add(slot, value, bool(told.strip(void)))
                else:
                    out.add(slot, value)
        except ValueError:
            out.take_back(mark)
            counters.lost["malformed"] += 1
        else:
            counters.delivered += 1

    def _untangle(self, line: bytes, out: SampleWriter, counters: Counters) -> None:
        """Take a line that is not simply a sentence with a right checksum.

        "$" and "!" only ever begin a sentence, so bytes were lost before one that stands within
        the line, and what precedes it is the head of another sentence.
        """
        line = _TAG_BLOCK.sub(b"", line.strip(b" \t\0"))
        pieces = _PIECE.findall(line) or [b""]
        counters.received += len(pieces) - 1
        for number, piece in enumerate(pieces, start=1):
            body, star, checksum = piece.rpartition(b"*")
            if piece[:1] not in (b"$", b"!"):
                counters.lost["malformed"] += 1
            elif star and _HEX.get(checksum.rstrip()) == xor(body) ^ piece[0]:
                self._decode(body, True, out, counters)
            elif star:
                counters.lost["checksum"] += 1
            elif number == len(pieces):
                self._decode(piece, False, out, counters)
            else:
                counters.lost["malformed"] += 1

    def _admit(self, address: bytes) -> _Address | None:
        """Return a new address's entry, None when its type is unknown."""
        if not _ADDRESS.fullmatch(address, 1) or _type_of(address) not in self._known:
            return None
        found = self._addresses[address] = _Address(self._steps(address))
        return found

    def _steps(self, address: bytes) -> list[tuple[Slot, Reader, int, bytes]]:
        return [
            (slot, quantity.read, *quantity.void)
            for slot, quantity in self._known[_type_of(address)]
            if slot.signal in self._wanted
        ]


def _type_of(address: bytes) -> str:
    """Return the sentence type in *address*; a proprietary one ("$P...") is its own type."""
    text = address[1:].decode("ascii")
    return text if text.startswith("P") or len(text) != 5 else text[2:]


def xor(data: bytes) -> int:
    """Return the exclusive or of all bytes of *data*."""
    folded = int.from_bytes(data, "little")
    # A number is folded in half several times faster than a loop visits its bytes; no sentence
    # that keeps to the standard needs the first fold twice.
    while folded > _1024_BITS:
        folded = (folded >> 1024) ^ (folded & _1024_BITS)
    folded ^= folded >> 512
    folded ^= folded >> 256
    folded ^= folded >> 128
    folded ^= folded >> 64
    folded ^= folded >> 32
    folded ^= folded >> 16
    folded ^= folded >> 8
    return folded & 0xFF
