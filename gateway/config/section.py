"""What every table of the configuration is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gateway.config.show import as_toml
from gateway.config.values import FieldError


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. Unknown keys are errors."""


def refuse_twins(key: str, part: str, values: Iterable[object]) -> None:
    """Refuse the second of two equal *values*, which are the *part* of each item of *key*.

    Raises:
        FieldError: Two are equal.
    """
    seen = set()
    for value in values:
        if value in seen:
            raise FieldError(key, f"two with {part} = {as_toml(value)}", "no two alike")
        seen.add(value)


def refuse_own_keys(options: Mapping[str, object], keys: Iterable[str]) -> None:
    """Refuse *options*, meant for a driver, that the table has as *keys* of its own.

    Raises:
        FieldError: One of them is among the keys.
    """
    for key in keys:
        if key in options:
            expected = f"{key} to be a key of the source itself"
            raise FieldError(f"options.{key}", as_toml(options[key]), expected)
