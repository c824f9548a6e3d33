"""What a rule remembers between samples: one row a rule, in an array that may be shared memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.record import AlarmKind

RULE_STATE = np.dtype(
    [
        ("since_ns", np.int64),
        ("last_ns", np.int64),
        ("last_value", np.float64),
        ("state", np.uint8),
        ("seen", np.uint8),
        ("reserved", np.uint8, (6,)),
    ]
)
"""All that changes in a rule, 32 bytes; all zero is how it starts.

``state`` is a `RuleState` and ``since_ns`` the sample's time at which it was entered. ``seen``
says whether the two fields that follow hold anything: ``last_ns`` and ``last_value`` are the
signal's last valid sample. A rule on a rate measures the next rise from it; a rule on silence
measures the silence from it, and until there was a valid sample ``last_ns`` is when the source
was first heard of and ``last_value`` is NaN. A rule ``outside`` notes in ``last_value`` what last
raised or cleared it; the other rules on the value alone leave the two as they are.
"""

RuleStates = NDArray[np.void]
"""A one-dimensional array of `RULE_STATE`."""


class Event(NamedTuple):
    """What a rule has to report.

    Attributes:
        row: The sample of the batch that caused it.
        slot: The rule, by its number in the engine.
        kind: Raised or cleared.
        t_ns: When, on the source's time line.
        value: The signal's value then, NaN if it never had one.
        rate: Its rise per second, NaN but for a rule on the rate.
    """

    row: int
    slot: int
    kind: AlarmKind
    t_ns: int
    value: float
    rate: float
