"""Diagnostic trouble codes: what an ECU watches, what it remembers of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_SYSTEMS = "PCBU"  # power train, chassis, body, network


def code_bytes(code: str) -> bytes:
    """Return *code*, "P0217", as the two bytes that it is on the wire (SAE J2012).

    Raises:
        ValueError: It is none.
    """
    if len(code) != 5 or code[0] not in _SYSTEMS or code[1] not in "0123":
        raise ValueError(f"got trouble code {code!r}, expected one like 'P0217'")
    return (_SYSTEMS.index(code[0]) << 14 | int(code[1:], 16)).to_bytes(2, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A plausible range of one input; to be outside for long enough is a fault.

    Attributes:
        code: The trouble code of the fault.
        signal: The input.
        below: The fault is a value below this, in the signal's unit.
        above: The fault is a value at or above this, in the signal's unit.
        hold_ms: For how many milliseconds without a break.
        limp: Whether the ECU then goes on in its limp-home mode.
    """

    code: str
    signal: str
    below: float = -math.inf
    above: float = math.inf
    hold_ms: int = 100
    limp: bool = True


@dataclass(slots=True)
class TroubleCodes:
    """The trouble codes of one ECU.

    A code is *pending* from the first sign of its fault until the ECU starts again; it is
    *stored* once the fault has held for the monitor's time, and stays stored, over resets too,
    until it is cleared.

    Args:
        monitors: What is watched.

    Attributes:
        stored: In the order of their coming.
        freeze_frame: The inputs' values when the first of `stored` came.
        limp_home: Whether a fault that asks for it was confirmed since the last `restart` or
            `recover`.
    """

    monitors: tuple[Monitor, ...]
    stored: list[str] = field(default_factory=list)
    freeze_frame: dict[str, float] = field(default_factory=dict)
    limp_home: bool = False
    _pending: list[str] = field(default_factory=list)
    _since_ns: dict[Monitor, int] = field(default_factory=dict)

    @property
    def pending(self) -> tuple[str, ...]:
        """Codes whose faults were seen since the ECU started, in the order of their coming."""
        return tuple(self._pending)

    def watch(self, values: Mapping[str, float], now_ns: int) -> None:
        """Judge *values*, by input, as they are at *now_ns*."""
        for monitor in self.monitors:
            value = values.get(monitor.signal)
            if value is None or monitor.below <= value < monitor.above:
                if self._since_ns:
                    self._since_ns.pop(monitor, None)
                continue
            since_ns = self._since_ns.setdefault(monitor, now_ns)
            if monitor.code not in self._pending:
                self._pending.append(monitor.code)
            if now_ns - since_ns >= monitor.hold_ms * 1_000_000:
                self._confirm(monitor, values)

    def failing(self) -> bool:
        """Return whether a fault that asks for limp-home shows now."""
        return any(monitor.limp for monitor in self._since_ns)

    def recover(self) -> bool:
        """Leave limp-home, unless its cause still shows; return whether it was left."""
        if self.failing():
            return False
        self.limp_home = False
        return True

    def restart(self) -> None:
        """Begin a new driving cycle, which forgets what was not stored."""
        self.limp_home = False
        self._pending.clear()
        self._since_ns.clear()

    def clear(self) -> None:
        """Forget all codes. What still fails comes again."""
        self.stored.clear()
        self.freeze_frame.clear()
        self._pending.clear()
        self._since_ns.clear()

    def _confirm(self, monitor: Monitor, values: Mapping[str, float]) -> None:
        if monitor.limp:
            self.limp_home = True
        if monitor.code not in self.stored:
            if not self.stored:
                self.freeze_frame = dict(values)
            self.stored.append(monitor.code)
