"""The ``[[device]]`` tables of a scenario, by type."""

from __future__ import annotations

import datetime
from typing import Annotated

from msgspec import Meta

from firmware_sim import wire
from firmware_sim.devices.gps import START
from firmware_sim.devices.load import Load
from firmware_sim.errors import RequestError
from firmware_sim.section import OnBus, OnPort, Positive


class F1CarSection(OnBus, frozen=True, kw_only=True, tag="f1-car", tag_field="type"):
    """``[[device]]`` with ``type = "f1-car"``: the Formula 1 car's ECUs. A GPS names it."""


class GpsSection(OnPort, frozen=True, kw_only=True, tag="gps", tag_field="type"):
    """``[[device]]`` with ``type = "gps"``: an NMEA 0183 receiver in a car.

    Attributes:
        car: The device that carries it.
        start: The time at the simulation's start, 1980 to 2079; UTC unless it says otherwise.
    """

    car: str
    start: datetime.datetime = START

    def check(self) -> None:
        """See `DeviceSection`."""
        # A receiver's two digits of the year mean these.
        if not 1980 <= self.start.year <= 2079:
            raise RequestError("start", self.start, "a date and time from 1980 to 2079")


class SlcanSection(OnPort, frozen=True, kw_only=True, tag="slcan", tag_field="type"):
    """``[[device]]`` with ``type = "slcan"``: a serial-line CAN adapter.

    Attributes:
        bus: The bus that it is on.
    """

    bus: str


class LoadSection(OnBus, frozen=True, kw_only=True, tag="load", tag_field="type"):
    """``[[device]]`` with ``type = "load"``: numbered frames at a steady rate.

    Attributes:
        rate: Frames a second.
        first_id: The lowest id; above 0x7FF they are extended ones.
        ids: How many ids.
        length: Bytes in a frame; more than 8 are CAN FD.
        count: How many frames in all; None never ends.
        period_ms: Milliseconds from batch to batch.
    """

    rate: Annotated[int, Meta(gt=0, le=1_000_000)]
    first_id: Annotated[int, Meta(ge=0, le=0x1FFFFFFF)] = 0x100
    ids: Annotated[int, Meta(gt=0, le=2048)] = 1
    length: Annotated[int, Meta(ge=0, le=64)] = 8
    count: Positive | None = None
    period_ms: Annotated[int, Meta(gt=0, le=1000)] = 5

    def make(self, seed: str) -> Load:
        """Return the device.

        Raises:
            ValueError: There are no such frames.
        """
        return Load(
            self.name,
            rate=self.rate,
            seed=seed,
            first_id=self.first_id,
            ids=self.ids,
            length=self.length,
            count=self.count,
            period_ns=self.period_ms * 1_000_000,
        )

    def check(self) -> None:
        """See `DeviceSection`."""
        if self.length not in wire.FD_LENGTHS:
            lengths = ", ".join(map(str, wire.FD_LENGTHS))
            raise RequestError("length", self.length, f"one of {lengths}")
        last = self.first_id + self.ids - 1
        if self.first_id <= 0x7FF < last or last > 0x1FFFFFFF:
            limit = 0x7FF if self.first_id <= 0x7FF else 0x1FFFFFFF
            room = limit - self.first_id + 1
            raise RequestError("ids", self.ids, f"at most {room}, so that all ids are of one kind")
