"""CAN interfaces as ``ip -json -details -statistics link`` describes them."""

from __future__ import annotations

import json

import msgspec

from gateway.config.model import Config
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import can_sources

COMMAND = ("ip", "-json", "-details", "-statistics", "link", "show")


class BitTiming(msgspec.Struct, frozen=True):
    """``bittiming`` and ``data_bittiming``; the rate in bits a second, 0 where none is set."""

    bitrate: int = 0


class Constants(msgspec.Struct, frozen=True):
    """``bittiming_const``; its name is the driver's."""

    name: str = ""


class ErrorCounter(msgspec.Struct, frozen=True):
    """``berr_counter``, the controller's error counters, 0 to 255 each."""

    tx: int = 0
    rx: int = 0


class Controller(msgspec.Struct, frozen=True):
    """``info_data`` of an interface with a controller."""

    state: str = ""
    ctrlmode: tuple[str, ...] = ()
    berr_counter: ErrorCounter = ErrorCounter()
    restart_ms: int = 0
    bittiming: BitTiming = BitTiming()
    data_bittiming: BitTiming = BitTiming()
    bittiming_const: Constants = Constants()
    clock: int = 0


class Events(msgspec.Struct, frozen=True):
    """``info_xstats``: how often it happened since the driver was loaded."""

    bus_off: int = 0
    error_passive: int = 0


class LinkInfo(msgspec.Struct, frozen=True):
    """``linkinfo``; kind is "can" where there is a controller, else "vcan", "slcan", ..."""

    info_kind: str = ""
    info_data: Controller = Controller()
    info_xstats: Events = Events()


class Received(msgspec.Struct, frozen=True):
    """``rx`` of ``stats64``, in frames."""

    packets: int = 0
    errors: int = 0
    dropped: int = 0
    over_errors: int = 0


class Statistics(msgspec.Struct, frozen=True):
    """``stats64``."""

    rx: Received = Received()


class CanLink(msgspec.Struct, frozen=True):
    """A CAN interface."""

    ifname: str
    flags: tuple[str, ...] = ()
    mtu: int = 16
    txqlen: int = 0
    altnames: tuple[str, ...] = ()
    parentdev: str = ""
    linkinfo: LinkInfo = LinkInfo()
    stats64: Statistics = Statistics()

    @property
    def is_up(self) -> bool:
        """Whether somebody has set it up."""
        return "UP" in self.flags

    @property
    def has_controller(self) -> bool:
        """Whether bit rate, states and restarts mean anything: not on a virtual bus."""
        return self.linkinfo.info_kind == "can"

    @property
    def controller(self) -> Controller:
        """Its controller; all zeros where it has none."""
        return self.linkinfo.info_data

    def is_called(self, name: str) -> bool:
        """Tell whether *name* is its name, or another one of its names."""
        return name == self.ifname or name in self.altnames


def can_links(machine: Machine) -> list[CanLink]:
    """Return the CAN interfaces of *machine*; none where there is no ``ip``."""
    try:
        links = json.loads(machine.run(*COMMAND) or "[]")
    except ValueError:
        return []
    return [_link(link) for link in links if link.get("link_type") == "can"]


def _link(link: dict[str, object]) -> CanLink:
    info = link.get("linkinfo")
    if isinstance(info, dict) and info.get("info_kind") != "can":
        # What other kinds say under these names is of other types.
        link = {**link, "linkinfo": {"info_kind": info.get("info_kind", "")}}
    return msgspec.convert(link, CanLink, strict=False)


def links_in_use(machine: Machine, config: Config | None) -> list[CanLink]:
    """Return the interfaces that *config* names and that are there; all, without one."""
    links = can_links(machine)
    if config is None:
        return links
    wanted = {source.channel for source in can_sources(config)}
    return [link for link in links if any(map(link.is_called, wanted))]


NO_LINK = "no CAN interface to look at"
