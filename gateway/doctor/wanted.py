"""What a configuration wants of the machine."""

from __future__ import annotations

from gateway.config.consistency import serial_port
from gateway.config.model import CanConfig, Config
from gateway.config.polled import ObdConfig

BusConfig = CanConfig | ObdConfig
"""A source on a CAN bus."""


def can_sources(config: Config | None) -> list[BusConfig]:
    """Return the sources that read a CAN interface of the kernel."""
    sources = () if config is None else config.source
    return [
        each
        for each in sources
        if isinstance(each, CanConfig | ObdConfig) and each.interface == "socketcan"
    ]


def asks_for_fd(source: BusConfig | None) -> bool:
    """Return whether *source* wants CAN FD frames."""
    return isinstance(source, CanConfig) and source.fd


def serial_ports(config: Config | None) -> list[str]:
    """Return the serial devices, those of serial CAN adapters among them."""
    used = () if config is None else map(serial_port, config.source)
    return [port for _, port in filter(None, used)]


NO_PORT = "no serial port is configured"
