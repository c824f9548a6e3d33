"""The vocabulary: a struct for each kind of fault, as ``[[fault]]`` and requests have it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, field

from firmware_sim.errors import RequestError
from firmware_sim.section import LARGEST, Duration, Finite, Section, Seed

Share = Annotated[float, Meta(gt=0, le=1)]
Rate = Annotated[float, Meta(gt=0, le=1e6)]


class FaultSection(Section, frozen=True, kw_only=True, tag_field="kind"):
    """What every fault has.

    Attributes:
        on: What it is on: ``DEVICE``, ``DEVICE.INPUT``, ``DEVICE.PART``, ``BUS`` or ``BUS.NODE``.
        at: When it begins, since the simulation's start; else at once.
        when: The event on which it begins, each time it becomes true; see `timeline.Condition`.
        for_: ``for``: how long it lasts; else until it is cleared.
        seed: Of what is random; else the scenario's.
    """

    on: str
    at: Duration | None = None
    when: str | None = None
    for_: Duration | None = field(default=None, name="for")
    seed: Seed | None = None

    @property
    def kind(self) -> str:
        """Its kind, as the file has it."""
        return str(self.__struct_config__.tag)

    def check(self) -> None:
        """Look for what the keys' types do not say.

        Raises:
            RequestError: Something is wrong; its ``where`` is the key.
        """
        if self.at is not None and self.when is not None:
            raise RequestError("when", repr(self.when), "either at or when")


class Off(FaultSection, frozen=True, kw_only=True, tag="off"):
    """Without supply: silent and deaf; afterwards it boots, if it is one that does."""


class Stuck(FaultSection, frozen=True, kw_only=True, tag="stuck"):
    """An input keeps its value; a device says again and again what it said before."""


class Wrong(FaultSection, frozen=True, kw_only=True, tag="wrong"):
    """An input has *value*, or what it has times *factor* plus *offset*."""

    value: Finite | None = None
    factor: Finite = 1.0
    offset: Finite = 0.0
    rate: Share = 1.0


class Noise(FaultSection, frozen=True, kw_only=True, tag="noise"):
    """A share *rate* of an input's values is off by a normal deviation, in its unit."""

    deviation: Annotated[float, Meta(gt=0, le=LARGEST)]
    rate: Share = 1.0


class Slow(FaultSection, frozen=True, kw_only=True, tag="slow"):
    """An input lags with the time constant *delay*; of each message one in *factor* is sent."""

    delay: Duration = "1s"
    factor: Annotated[int, Meta(ge=2, le=10_000)] = 4


class Delayed(FaultSection, frozen=True, kw_only=True, tag="delayed"):
    """All comes *delay* later."""

    delay: Duration = "500ms"


class Intermittent(FaultSection, frozen=True, kw_only=True, tag="intermittent"):
    """A loose contact: in each *period* there is nothing for a share *rate* of it, once, anywhere.

    An input is at *value* then.
    """

    rate: Share = 0.5
    period: Duration = "1s"
    value: Finite = 0.0


class Drop(FaultSection, frozen=True, kw_only=True, tag="drop"):
    """A share *rate* of the frames or sentences is lost."""

    rate: Share = 1.0


class Duplicate(FaultSection, frozen=True, kw_only=True, tag="duplicate"):
    """A share *rate* of the frames or sentences is sent twice."""

    rate: Share = 1.0


class Reorder(FaultSection, frozen=True, kw_only=True, tag="reorder"):
    """A share *rate* of the frames or sentences comes after the one that follows it."""

    rate: Share = 1.0


class Corrupt(FaultSection, frozen=True, kw_only=True, tag="corrupt"):
    """A share *rate* of the frames or sentences is wrong.

    *field* says where: ``bits`` flips *bits* of them, in the data byte *byte* or anywhere; ``crc``
    and ``counter`` change the checksum and the counter, which for CAN frames are in the data byte
    *byte*; ``wire`` destroys a frame on the wire, so that it is sent again.
    """

    field: Literal["bits", "crc", "counter", "wire"] = "bits"
    bits: Annotated[int, Meta(ge=1, le=64)] = 1
    byte: Annotated[int, Meta(ge=0, le=4095)] | None = None
    rate: Share = 1.0


class Truncate(FaultSection, frozen=True, kw_only=True, tag="truncate"):
    """A share *rate* of the frames or sentences ends after *length* bytes, or anywhere."""

    length: Annotated[int, Meta(ge=0, le=4095)] | None = None
    rate: Share = 1.0


class Babble(FaultSection, frozen=True, kw_only=True, tag="babble"):
    """A device cannot stop: *per_second* frames of the id *id*, or bytes 0x55, besides its own."""

    per_second: Rate = 1000.0
    id: Annotated[int, Meta(ge=0, le=0x1FFFFFFF)] = 0


class ShortLine(FaultSection, frozen=True, kw_only=True, tag="short_line"):
    """The line is shorted: nothing gets through."""


class BusOff(FaultSection, frozen=True, kw_only=True, tag="bus_off"):
    """The CAN controller is bus-off; afterwards it recovers as the standard says."""


class ErrorPassive(FaultSection, frozen=True, kw_only=True, tag="error_passive"):
    """The CAN controllers are error-passive."""


class NoAck(FaultSection, frozen=True, kw_only=True, tag="no_ack"):
    """Frames are not acknowledged."""


class Unplug(FaultSection, frozen=True, kw_only=True, tag="unplug"):
    """The connector is pulled; the device goes on without it. A serial port vanishes."""


class WrongBaud(FaultSection, frozen=True, kw_only=True, tag="wrong_baud"):
    """The device sends at *factor* times the speed agreed upon, and listens so."""

    factor: Annotated[float, Meta(ge=0.05, le=20)] = 0.5


class Garbage(FaultSection, frozen=True, kw_only=True, tag="garbage"):
    """Random frames, or bytes, *per_second* of them, besides the device's own."""

    per_second: Rate = 200.0


class Reset(FaultSection, frozen=True, kw_only=True, tag="reset"):
    """The device is reset, and held so for as long as the fault lasts if it has ``for``."""


AnyFault = (
    Off | Stuck | Wrong | Noise | Slow | Delayed | Intermittent | Drop | Duplicate | Reorder
    | Corrupt | Truncate | Babble | ShortLine | BusOff | ErrorPassive | NoAck | Unplug | WrongBaud
    | Garbage | Reset
)  # fmt: skip

KINDS: dict[str, type[FaultSection]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyFault)
}
"""The structs by their kinds, in the vocabulary's order."""


def fault_keys(table: dict[str, object]) -> tuple[str, ...]:
    """Return the keys that a fault of the kind that *table* has may have."""
    return ("kind", *KINDS[str(table["kind"])].__struct_encode_fields__)
