"""Tells a serial line at the wrong speed from one that is merely disturbed."""

from __future__ import annotations

WINDOW_BYTES = 256
"""How much is judged together: a few sentences."""

NO_TEXT = 0.2
"""The share of bytes that no text has from which on a line of text is noise. Bits that are read
at half or twice their speed, or further off, give 0.2 to 1.0 of them."""

FEW_ERRORS = 0.05
"""Or of bytes with a framing or parity error, where the driver counts those."""

SENSE = 0.1
"""At a wrong speed not more units than this share pass, and usually none."""

_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"


class NoiseWatch:
    """Judges what comes over a serial line, a window at a time.

    A window is noise if hardly any unit in it makes sense *and* it looks like noise: for text by
    bytes that no text has, else by its units. Sensible text of another protocol, or with wrong
    checksums, is not noise.

    Args:
        baudrate: The speed that the line is read at.
        text: Whether text is expected.
        unit: What the units are called, in the plural.

    Attributes:
        finding: What is the matter, in a line; "" while all is well.
    """

    def __init__(self, baudrate: int, text: bool, unit: str) -> None:
        self._baudrate = baudrate
        self._text = text
        self._unit = unit
        self.reset()

    def reset(self) -> None:
        """Forget all, as when the port is opened."""
        self.finding = ""
        self._begin()

    def _begin(self) -> None:
        self._bytes = self._odd = self._errors = self._units = self._sensible = 0

    def take(self, data: bytes, units: int, sensible: int, errors: int) -> None:
        """Judge what was read.

        Args:
            data: The bytes.
            units: How many units they completed.
            sensible: How many of those were delivered.
            errors: How many of the bytes had framing or parity errors.
        """
        self._bytes += len(data)
        if self._text:
            self._odd += len(data.translate(None, _TEXT))
        self._errors += errors
        self._units += units
        self._sensible += sensible
        # Of a binary frame that has not ended nothing can be said.
        if self._bytes >= WINDOW_BYTES and (self._text or self._units or self._errors):
            self._judge()
            self._begin()

    def _judge(self) -> None:
        if self._sensible <= SENSE * self._units and (
            not self._text
            or self._odd >= NO_TEXT * self._bytes
            or self._errors >= FEW_ERRORS * self._bytes
        ):
            said = [f"{self._sensible:,} of {self._units:,} {self._unit} make sense"]
            if self._text:
                said.insert(0, f"{self._odd:,} of {self._bytes:,} bytes are no text")
            if self._errors:
                said.append(f"{self._errors:,} bytes had framing errors")
            self.finding = f"{self._baudrate} baud may be wrong: {', '.join(said)}"
        elif self._sensible >= self._units / 2 > 0:
            self.finding = ""
