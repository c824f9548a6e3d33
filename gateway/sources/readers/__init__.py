"""Readers of CAN buses, fastest tier first."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.sources.readers.base import FrameReader
from gateway.sources.readers.python_can import PythonCanReader
from gateway.sources.readers.socketcan import SocketCanReader
from gateway.sources.readers.virtual_bus import VirtualBusReader

ReaderMaker = Callable[[CanConfig, Clock, Counters], FrameReader]

READERS: dict[str, ReaderMaker] = {
    "firmware_sim": VirtualBusReader,
    "socketcan": SocketCanReader,
}
"""The interfaces that are read straight into arrays; all others go through python-can."""


def choose_reader(config: CanConfig, clock: Clock, counters: Counters) -> FrameReader:
    """Return the fastest reader there is for the interface of *config*. Opens nothing."""
    return READERS.get(config.interface, PythonCanReader)(config, clock, counters)


__all__ = ["READERS", "FrameReader", "ReaderMaker", "choose_reader"]
