"""Signal values into a frame, checked against the database before anything else happens."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from cantools.database.errors import Error as CantoolsError

from gateway.config.show import as_toml, one_of
from gateway.config.values import FieldError
from gateway.record import FRAME, CanId, FrameFlag, Frames

Values = Mapping[str, int | float | str]
"""Signals by name: a number in the signal's unit, or one of its words."""

CLASSIC_BYTES = 8
FD_BYTES = (*range(9), 12, 16, 20, 24, 32, 48, 64)
"""The lengths that a CAN FD frame can have (ISO 11898-1)."""

_GREATEST_FLOAT = {16: 65504.0, 32: float(np.finfo(np.float32).max), 64: math.inf}
_WORDS_SHOWN = 6


class Encoder:
    """Makes frames of one message.

    Args:
        message: As cantools has it.
        fd: Whether its bus carries CAN FD frames.

    Attributes:
        can_id: 11 or 29 bits, the latter with `CanId.EXTENDED` set.
        is_fd: Whether its frames are CAN FD frames.

    Raises:
        FieldError: No frame of that bus can carry it, or not all of its signals.
    """

    def __init__(self, message: Any, fd: bool) -> None:  # noqa: ANN401 - cantools' own class
        name, length = as_toml(message.name), message.length
        self.is_fd = message.is_fd or length > CLASSIC_BYTES
        if message.is_container:
            raise FieldError("message", f"{name}, a container of messages", "a plain message")
        if self.is_fd and not fd:
            got = f"{name}, of {length} bytes for CAN FD"
            raise FieldError("message", got, "a message of classic CAN, or fd = true at the source")
        if length not in FD_BYTES:
            raise FieldError("message", f"{name}, of {length} bytes", "one that fits a frame")
        try:
            message.refresh(strict=True)
        except CantoolsError as error:  # it would encode them all the same, into other bits
            text = str(error).rstrip(".")
            got = f"{name} ({text[:1].lower()}{text[1:]})"
            expected = "one whose signals have bits of their own in it"
            raise FieldError("message", got, expected) from None
        self.can_id = message.frame_id | (CanId.EXTENDED if message.is_extended_frame else 0)
        self._message = message
        self._signals = {signal.name: signal for signal in message.signals}
        self._flags = FrameFlag.FD * self.is_fd
        if self.is_fd and _rate_switch(message):
            self._flags |= FrameFlag.BIT_RATE_SWITCH

    def check(self, values: Values) -> None:
        """Check the names of *values*, and each value by itself.

        Raises:
            FieldError: A signal is unknown, or its value is of the wrong kind or out of range.
        """
        for name, value in values.items():
            if name not in self._signals:
                raise FieldError(name, as_toml(value), _known(name, self._signals))
            _check_value(self._signals[name], value)

    def encode(self, values: Values, defaults: Values) -> Frames:
        """Return one frame with *values*, and with *defaults* for signals that they leave out.

        Numbers are rounded to the nearest that the frame can carry. Of a multiplexed message
        only the signals that its switch selects are sent.

        Raises:
            FieldError: As for `check`; or a signal has no value, or is not selected.
        """
        self.check(values)
        merged = {**defaults, **values}
        missing = [
            signal.name
            for signal in self._message.signals
            if signal.multiplexer_ids is None and signal.name not in merged
        ]
        if missing:
            raise FieldError(", ".join(missing), "nothing", "a value")
        try:
            selected = self._message.gather_signals(merged)
            data = self._message.encode(selected, strict=False)
        except (CantoolsError, ArithmeticError, LookupError) as error:
            raise FieldError("", " ".join(str(error).split()), "values that fit together") from None
        for name in values:
            if name not in selected:
                got = as_toml(values[name])
                raise FieldError(name, got, "no value: the multiplexer selects other signals")
        frame = np.zeros(1, FRAME)
        frame["can_id"], frame["len"], frame["flags"] = self.can_id, len(data), self._flags
        frame["data"][0, : len(data)] = np.frombuffer(data, np.uint8)
        return frame


def _check_value(signal: Any, value: float | str) -> None:  # noqa: ANN401 - cantools' own class
    if isinstance(value, str):
        words = [str(word) for word in (signal.choices or {}).values()]
        if value not in words:
            shown = [as_toml(word) for word in words[:_WORDS_SHOWN]]
            raise FieldError(signal.name, as_toml(value), one_of(["a number", *shown]))
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError(signal.name, as_toml(value), "a finite number")
    low, high = signal.minimum, signal.maximum
    # [0|0] is how a DBC says "no range"; a range upside down says nothing either.
    if low is not None and high is not None and (low > high or low == high == 0):
        low = high = None
    if (low is not None and value < low) or (high is not None and value > high):
        raise FieldError(signal.name, as_toml(value), _span(low, high, signal.unit))
    try:
        raw = signal.conversion.numeric_scaled_to_raw(value)
    except ArithmeticError:  # an integer of hundreds of digits
        raw = math.inf
    if signal.conversion.is_float:
        fits = abs(raw) <= _GREATEST_FLOAT.get(signal.length, math.inf)
    elif signal.is_signed:
        fits = -1 << (signal.length - 1) <= raw < 1 << (signal.length - 1)
    else:
        fits = 0 <= raw < 1 << signal.length
    if not fits:
        raise FieldError(signal.name, as_toml(value), f"what {signal.length} bits can hold")


def _span(low: float | None, high: float | None, unit: str | None) -> str:
    if low is None or high is None:
        text = f"at most {high:.10g}" if low is None else f"at least {low:.10g}"
    else:
        text = f"{low:.10g} to {high:.10g}"
    return f"{text} {unit or ''}".rstrip()


def _known(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    return f"a signal of the message{f'; close: {one_of(close)}' if close else ''}"


def _rate_switch(message: Any) -> bool:  # noqa: ANN401 - cantools' own class
    """Whether the data is sent at the higher rate: Vector's attribute CANFD_BRS, whose default."""
    attributes = getattr(message.dbc, "attributes", None) or {}
    given = attributes.get("CANFD_BRS")
    return given is None or str(given.value) not in {"0", "False"}
