"""What a bench raises on purpose.

GatewayError
+-- BenchError      the test, or the bench file, asks for what there is not
AssertionError
+-- NoAnswer        the device under test did not do what it was asked for
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gateway.config.show import as_toml, one_of
from gateway.errors import GatewayError

_MOST_LISTED = 10


class BenchError(GatewayError):
    """A test asks for what this bench does not know, or the bench itself does not work."""


class NoAnswer(AssertionError):  # noqa: N818 - a finding about the device, not an error here
    """The device did not answer in time."""


def unknown(key: str, name: str, expected: str, known: Iterable[str]) -> BenchError:
    """Return the error for a name that this bench does not know.

    Args:
        key: What takes the name.
        name: As it was given.
        expected: What would be right, in words.
        known: The names that there are: those like it are shown, or all if they are few.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3)
    hint = ""
    if close:
        hint = f"; close: {one_of(close)}"
    elif not names:
        hint = ", and there is none"
    elif len(names) <= _MOST_LISTED:
        hint = f": {one_of(names)}"
    return BenchError(f"{key}: got {as_toml(name)}, expected {expected}{hint}")
