"""Frames as candump writes them, and the filters that it takes. No I/O.

A line of ``candump -L``::

    (1690000000.123456) can0 123#DEADBEEF          11-bit id
    (1690000000.123456) can0 1ABCDEF0#             29-bit id: eight digits
    (1690000000.123456) can0 123##1DEADBEEF        CAN FD: 1 bit rate switch, 2 error state
    (1690000000.123456) can0 123#R8                remote request for 8 bytes
    (1690000000.123456) can0 20000004#0001000000000000     error frame: its classes

Formats: lib.c and candump.c of linux-can/can-utils.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from firmware_sim import wire

_RULE = re.compile(r"([0-9A-Fa-f]{1,8})([:~])([0-9A-Fa-f]{1,8})")
_ERRORS = re.compile(r"#([0-9A-Fa-f]{1,8})")
_EXTENDED_DIGITS = 8


def line(
    wall_ns: int,
    channel: str,
    can_id: int,
    length: int,
    flags: int,
    data: bytes,
    *,
    decimals: int = 6,
) -> str:
    """Return a frame as a line without its end.

    Args:
        wall_ns: Its time since 1970, or whatever the log's time begins with.
        channel: The interface.
        can_id: With the flag bits of `wire`.
        length: Of its data.
        flags: `wire.FD` and the others.
        data: At least *length* bytes.
        decimals: Of the seconds; candump writes six.
    """
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    fraction = f"{rest:09d}"[:decimals]
    long = can_id & (wire.EXTENDED | wire.ERROR)
    digits = f"{can_id & 0x3FFFFFFF:08X}" if long else f"{can_id & 0x7FF:03X}"
    if can_id & wire.REMOTE:
        digits = f"{can_id & 0x1FFFFFFF:08X}" if long else digits
        payload = f"R{length}" if length else "R"
    elif flags & wire.FD:
        shown = flags & (wire.BIT_RATE_SWITCH | wire.ERROR_STATE)
        payload = f"#{shown:X}{data[:length].hex().upper()}"
    else:
        payload = data[:length].hex().upper()
    return f"({seconds:010d}.{fraction}) {channel} {digits}#{payload}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One filter: whether ``id & mask`` is, or is not, this.

    Attributes:
        can_id: The id, with `wire.EXTENDED` if it was written with eight digits.
        mask: Its bits that matter.
        inverted: Whether others pass instead.
    """

    can_id: int
    mask: int
    inverted: bool

    def passes(self, can_id: int) -> bool:
        """Whether a frame with this id (with the flag bits of `wire`) passes."""
        return ((can_id & self.mask) == (self.can_id & self.mask)) is not self.inverted


@dataclass(frozen=True, slots=True)
class Filters:
    """What is shown, as candump's filters say it.

    Attributes:
        rules: A frame that passes one of them is shown; all, if there are none.
        errors: The classes of error frames that are shown.
        joined: Whether a frame must pass all the rules.
    """

    rules: tuple[Rule, ...] = ()
    errors: int = 0
    joined: bool = False

    @classmethod
    def parse(cls, text: str) -> Filters:
        """Read filters between commas: ``ID:MASK``, ``ID~MASK``, ``#CLASSES``, ``j``.

        Raises:
            ValueError: One is none of these.
        """
        rules, errors, joined = [], 0, False
        for part in filter(None, text.split(",")):
            if rule := _RULE.fullmatch(part):
                can_id = int(rule[1], 16)
                if len(rule[1]) == _EXTENDED_DIGITS:
                    can_id |= wire.EXTENDED
                rules.append(Rule(can_id, int(rule[3], 16), rule[2] == "~"))
            elif classes := _ERRORS.fullmatch(part):
                errors |= int(classes[1], 16)
            elif part in ("j", "J"):
                joined = True
            else:
                raise ValueError(f"got filter {part!r}, expected ID:MASK, ID~MASK, #CLASSES or j")
        return cls(tuple(rules), errors, joined)

    def passes(self, can_id: int) -> bool:
        """Whether a frame with this id (with the flag bits of `wire`) is shown."""
        if can_id & wire.ERROR:
            return bool(can_id & 0x1FFFFFFF & self.errors)
        if not self.rules:
            return True
        passed = (rule.passes(can_id) for rule in self.rules)
        return all(passed) if self.joined else any(passed)


def lines(channel: str, records: bytes, *, decimals: int = 6) -> list[str]:
    """Return records of `wire` as lines, with their own stamps; see `line`."""
    return [
        line(t_ns, channel, can_id, length, flags, data, decimals=decimals)
        for t_ns, can_id, length, flags, _, data in wire.FRAME.iter_unpack(records)
    ]
