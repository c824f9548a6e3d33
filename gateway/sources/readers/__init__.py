"""Readers of CAN buses, fastest tier first."""

from __future__ import annotations

from collections.abc import Callable

import can

from gateway.clock import Clock
from gateway.config.model import CanConfig, FieldError
from gateway.config.show import as_toml, one_of
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


def check_interface(name: str) -> None:
    """Make sure that python-can has an interface of this name, its own or a plug-in's.

    Raises:
        FieldError: It has none.
    """
    if name not in can.VALID_INTERFACES:
        names = one_of(map(as_toml, sorted(can.VALID_INTERFACES)))
        raise FieldError("interface", as_toml(name), f"an interface of python-can: {names}")


def choose_reader(config: CanConfig, clock: Clock, counters: Counters) -> FrameReader:
    """Return the fastest reader there is for the interface of *config*. Opens nothing.

    Raises:
        FieldError: There is no such interface, or its reader has no such option.
    """
    check_interface(config.interface)
    return READERS.get(config.interface, PythonCanReader)(config, clock, counters)


__all__ = ["READERS", "FrameReader", "ReaderMaker", "check_interface", "choose_reader"]
