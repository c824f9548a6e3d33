"""How a number that came becomes a signal."""

from __future__ import annotations

from typing import Literal

from gateway.config.section import Section
from gateway.config.show import as_toml
from gateway.config.values import FieldError, Finite, Name

Number = Literal["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
"""How binary numbers are stored."""


class Reading(Section, frozen=True, kw_only=True):
    """What every field, column and register has.

    Attributes:
        name: The signal's name.
        unit: Its unit, for people.
        scale: Multiplies what came; not 0.
        offset: Added after the scale.
        minimum: Values below it are flagged as out of range.
        maximum: Values above it, likewise; not less than the minimum.
    """

    name: Name
    unit: str = ""
    scale: Finite = 1.0
    offset: Finite = 0.0
    minimum: Finite | None = None
    maximum: Finite | None = None

    def __post_init__(self) -> None:
        if self.scale == 0:
            raise FieldError("scale", as_toml(self.scale), "a finite number other than 0")
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            expected = f"at least the minimum, {as_toml(self.minimum)}"
            raise FieldError("maximum", as_toml(self.maximum), expected)
