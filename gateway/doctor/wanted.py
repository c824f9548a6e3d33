"""What a configuration wants of the machine."""

from __future__ import annotations

from gateway.config.model import CanConfig, Config, SerialConfig
from gateway.config.polled import ModbusConfig, ObdConfig

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
    """Return the serial devices, those of serial CAN adapters among them, each once."""
    ports = []
    for each in () if config is None else config.source:
        if isinstance(each, SerialConfig | ModbusConfig):
            ports.append(each.port)
        elif isinstance(each, CanConfig | ObdConfig) and each.channel.startswith("/dev/"):
            ports.append(each.channel.partition("@")[0])  # slcan: /dev/ttyACM0@115200
    return list(dict.fromkeys(ports))


NO_PORT = "no serial port is configured"
