"""Ways to put frames on a bus."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gateway.config.model import CanConfig
from gateway.transmit.writers.base import FrameWriter
from gateway.transmit.writers.python_can import PythonCanWriter
from gateway.transmit.writers.socketcan import SocketCanWriter
from gateway.transmit.writers.virtual_bus import VirtualBusWriter

WRITERS: dict[str, Callable[[CanConfig, Collection[int]], FrameWriter]] = {
    "firmware_sim": VirtualBusWriter,
    "socketcan": SocketCanWriter,
}
"""The interfaces that confirm what they sent; all others go through python-can."""


def choose_writer(config: CanConfig, can_ids: Collection[int]) -> FrameWriter:
    """Return the writer for the interface of *config*. Opens nothing.

    Args:
        config: The bus.
        can_ids: All ids that it will have to send.
    """
    return WRITERS.get(config.interface, PythonCanWriter)(config, can_ids)


__all__ = ["WRITERS", "FrameWriter", "choose_writer"]
