"""What a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.config.model import Config
from gateway.doctor.machine import Machine


class Verdict(StrEnum):
    """What a check thinks of what it has found."""

    OK = "ok"
    FINDING = "finding"
    DOES_NOT_APPLY = "does not apply"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        verdict: What is to be thought of it.
        found: What was found, in one line.
        why: Why that matters; "" where nothing needs to be mended.
        mend: The line to type, or to write into a file, that mends it; "" likewise.
    """

    verdict: Verdict
    found: str
    why: str = ""
    mend: str = ""


Check = Callable[[Machine, Config | None], Iterator[Finding]]
"""Examines one matter of a machine for a configuration; for none, whatever is there."""


def ok(found: str) -> Finding:
    """Return that all is well with what was *found*."""
    return Finding(Verdict.OK, found)


def wrong(found: str, why: str, mend: str) -> Finding:
    """Return that what was *found* needs to be mended."""
    return Finding(Verdict.FINDING, found, why, mend)


def does_not_apply(found: str) -> Finding:
    """Return that there is nothing here to examine, or no way to."""
    return Finding(Verdict.DOES_NOT_APPLY, found)
