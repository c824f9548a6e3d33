"""What the tables of a scenario file have in common."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from msgspec import Meta

# Not $: it also matches before a line feed at the end.
NAME = r"^[A-Za-z0-9_-]{1,32}\Z"
NAME_IN_WORDS = "1 to 32 letters, digits, '_' or '-'"

DURATION = r"^[0-9]{1,9}([.][0-9]{1,9})?(us|ms|s|min|h)\Z"
DURATION_IN_WORDS = "a time such as '10s', '250ms' or '1.5min'"

FINITE_IN_WORDS = "a finite number"

IN_WORDS = {NAME: NAME_IN_WORDS, DURATION: DURATION_IN_WORDS}
"""What a text must be to match a pattern."""

Name = Annotated[str, Meta(pattern=NAME)]
LARGEST = sys.float_info.max
# Not NaN either, which is not in any range.
Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[int, Meta(gt=0)]
Seed = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Duration = Annotated[str, Meta(pattern=DURATION)]

_UNITS_NS = {"us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}


def duration_ns(text: str) -> int:
    """Return a `Duration` in nanoseconds."""
    number = text.rstrip("usminh")
    return round(float(number) * _UNITS_NS[text[len(number) :]])


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. Unknown keys are errors."""


class DeviceSection(Section, frozen=True, kw_only=True):
    """What every ``[[device]]`` has; each type adds its own keys and its tag.

    Attributes:
        name: Its name: in the ledger, in requests, in faults.
        initial: ``[device.initial]``: values that its inputs are held at from the start.
    """

    name: Name
    initial: dict[str, Finite] = {}

    @property
    def type(self) -> str:
        """Its type, as the file has it."""
        return str(self.__struct_config__.tag)

    def check(self) -> None:
        """Look for what the keys' types do not say.

        Raises:
            RequestError: Something is wrong; its ``where`` is the key.
        """


class OnBus(DeviceSection, frozen=True, kw_only=True):
    """A device on a CAN bus. A type that makes one device has ``make(seed) -> Device`` besides.

    Attributes:
        bus: The bus.
    """

    bus: str


class OnPort(DeviceSection, frozen=True, kw_only=True):
    """A device on a serial port, likewise.

    Attributes:
        port: The name of its serial port, a link in the folder of ports.
    """

    port: Name
