"""What ``--bench=`` says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.bench.errors import BenchError

_INTERFACES = re.compile(r"[A-Za-z0-9_.-]{1,15}(,[A-Za-z0-9_.-]{1,15})*")
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """A bench.

    Attributes:
        name: As people call it.
        file: The bench file that is given in its place; None for the default one.
        interfaces: The kernel's interfaces to which the simulated buses are bridged; none for a
            bench that is all simulated, or that *file* describes.
    """

    name: str
    file: Path | None = None
    interfaces: tuple[str, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether other programs could use it at the same time: all but a simulation."""
        return self.file is not None or bool(self.interfaces)

    def for_worker(self, number: int) -> Choice:
        """Return what worker *number* of pytest-xdist is to use: interfaces of its own.

        Of worker 1 these are vcan1 for vcan0, or vcan3 for vcan2.

        Raises:
            BenchError: It cannot be had twice.
        """
        if not number or not self.is_shared:
            return self
        if self.file is not None:
            raise BenchError(f"--bench={self.name}: there is one such bench; leave out -n")
        interfaces = []
        for interface in self.interfaces:
            match = _NUMBERED.fullmatch(interface)
            if match is None:
                raise BenchError(f"--bench={self.name}: {interface} has no number to count from")
            interfaces.append(f"{match[1]}{int(match[2]) + number * len(self.interfaces)}")
        return Choice(",".join(interfaces), None, tuple(interfaces))


def parse_choice(text: str, folder: Path) -> Choice:
    """Return what *text* stands for: "sim", CAN interfaces, or a bench file.

    Args:
        text: As it was given.
        folder: What a file is relative to.

    Raises:
        BenchError: It is none of these.
    """
    if text == "sim":
        return Choice("sim")
    if text.endswith(".toml"):
        return Choice(text, folder / text)
    if _INTERFACES.fullmatch(text):
        return Choice(text, None, tuple(text.split(",")))
    expected = "sim, a CAN interface such as vcan0, or a bench file such as bench.toml"
    raise BenchError(f"--bench: got {text!r}, expected {expected}")
