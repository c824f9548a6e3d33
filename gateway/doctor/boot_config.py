"""The Raspberry Pi's ``config.txt``: what of it holds on this board."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.doctor.machine import Machine

PATHS = ("/boot/firmware/config.txt", "/boot/config.txt")
"""Where it is, since Debian 12 and before."""

LONGEST_LINE = 98
"""The firmware ignores what a line has beyond so many characters."""

_BOARDS = {
    "pi0": r"Pi Zero",
    "pi0w": r"Pi Zero W",
    "pi02": r"Pi Zero 2",
    "pi1": r"Pi (Model|Compute Module Rev)",
    "pi2": r"Pi 2",
    "pi3": r"Pi (3|Compute Module 3)",
    "pi3+": r"Pi (3 Model . Plus|Compute Module 3 Plus)",
    "pi4": r"Pi (4|400|Compute Module 4)",
    "pi400": r"Pi 400",
    "cm4": r"Pi Compute Module 4",
    "pi5": r"Pi (5|500|Compute Module 5)",
    "pi500": r"Pi 500",
    "cm5": r"Pi Compute Module 5",
    "none": r"$^",
}
_ON = ("on", "yes", "true", "okay", "1", "")


@dataclass(slots=True)
class Overlay:
    """A ``dtoverlay=`` line, with the ``dtparam=`` lines that follow it.

    Attributes:
        name: Of the overlay.
        parameters: By name; "" for one without a value.
    """

    name: str
    parameters: dict[str, str]

    @property
    def is_can(self) -> bool:
        """Whether it is a CAN controller's."""
        return self.name.startswith(("mcp251", "seeed-can", "2xMCP251"))

    @property
    def has_mcp2515(self) -> bool:
        """Whether the controller is an MCP2515, which knows no CAN FD."""
        return self.name.startswith("mcp2515")

    @property
    def oscillator_hz(self) -> int | None:
        """The crystal's frequency as it is written, None where it is not, or is no number."""
        text = self.parameters.get("oscillator", "")
        return int(text) if text.isdecimal() else None

    @property
    def spi_device(self) -> str | None:
        """What the kernel calls the chip, such as "spi0.0"; None where it cannot be told."""
        for given in self.parameters:
            if match := re.fullmatch(r"spi(\d)-(\d)", given):
                return f"spi{match[1]}.{match[2]}"
        if self.name in ("mcp2515-can0", "mcp2515-can1"):
            return f"spi0.{self.name[-1]}"
        return None

    def __str__(self) -> str:
        parameters = (f"{key}={value}" if value else key for key, value in self.parameters.items())
        return f"dtoverlay={','.join([self.name, *parameters])}"


@dataclass(slots=True)
class BootConfig:
    """The file, reduced to the lines that hold on this board.

    Attributes:
        path: Where it is.
        spi: Whether it switches SPI on by itself.
        overlays: In its order.
        long_lines: The numbers of lines that the firmware does not read to their end.
    """

    path: str
    spi: bool = False
    overlays: list[Overlay] = field(default_factory=list)
    long_lines: list[int] = field(default_factory=list)

    @property
    def can_overlays(self) -> list[Overlay]:
        """Those of CAN controllers."""
        return [overlay for overlay in self.overlays if overlay.is_can]


def boot_config(machine: Machine) -> BootConfig | None:
    """Return the boot configuration of *machine*, None where it has none."""
    for path in PATHS:
        text = machine.read(path)
        if text is not None:
            return _parse(path, text, machine.model)
    return None


def _parse(path: str, text: str, model: str) -> BootConfig:
    config = BootConfig(path)
    holds = True
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if match := re.fullmatch(r"\[(.+)\]", line):
            # Of filters by other things (a pin, a serial number, a screen) the state is not known
            # here: their lines are taken to hold.
            board = _BOARDS.get(match[1].lower())
            holds = board is None or re.search(board, model) is not None
        elif holds and not line.startswith("#"):
            if len(line) > LONGEST_LINE:
                config.long_lines.append(number)
            key, _, value = line.partition("=")
            _take(config, key.strip(), value.strip())
    return config


def _take(config: BootConfig, key: str, value: str) -> None:
    if key in ("dtoverlay", "device_tree_overlay"):
        name, *parameters = value.split(",")
        if name:
            config.overlays.append(Overlay(name, _pairs(parameters)))
    elif key in ("dtparam", "device_tree_param"):
        pairs = _pairs(value.split(","))
        if "spi" in pairs:
            config.spi = pairs["spi"].lower() in _ON
        elif config.overlays:
            config.overlays[-1].parameters.update(pairs)


def _pairs(parameters: list[str]) -> dict[str, str]:
    pairs = (parameter.partition("=") for parameter in parameters if parameter.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}
