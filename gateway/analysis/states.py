"""The life of an alarm, as one complete table.

                 HIGH                    on_delay over
    NORMAL ---------------> PENDING ---------------------> ACTIVE   (raised)
      ^                        |                           |    ^
      |  BAND or LOW           |                       LOW |    | HIGH or BAND
      +------------------------+                           v    |
      +------------------------------------------------- CLEARING   (cleared)
                           off_delay over

A rule is in one of four states, and each sample that it judges lies in one of three zones. The
table says what follows; the two delays are the only thing besides it. Time arrives with the
samples: nothing here reads a clock.
"""

from __future__ import annotations

from enum import IntEnum

from gateway.record import AlarmKind


class RuleState(IntEnum):
    """Where a rule stands. `ACTIVE` and `CLEARING` are the two in which its alarm is on."""

    NORMAL = 0
    PENDING = 1
    """The condition holds, but not yet for ``on_delay``."""
    ACTIVE = 2
    CLEARING = 3
    """The value is back beyond the deadband, but not yet for ``off_delay``."""


class Zone(IntEnum):
    """Where a sample lies, seen from a rule's limits."""

    LOW = 0
    """Back beyond the limit by the deadband or more."""
    BAND = 1
    """Neither: within the deadband."""
    HIGH = 2
    """The condition holds. For a rule ``below`` a limit that is a small value."""


_S, _Z = RuleState, Zone

NEXT: dict[tuple[int, int], RuleState] = {
    (_S.NORMAL, _Z.HIGH): _S.PENDING,
    (_S.NORMAL, _Z.BAND): _S.NORMAL,
    (_S.NORMAL, _Z.LOW): _S.NORMAL,
    (_S.PENDING, _Z.HIGH): _S.PENDING,
    (_S.PENDING, _Z.BAND): _S.NORMAL,
    (_S.PENDING, _Z.LOW): _S.NORMAL,
    (_S.ACTIVE, _Z.HIGH): _S.ACTIVE,
    (_S.ACTIVE, _Z.BAND): _S.ACTIVE,
    (_S.ACTIVE, _Z.LOW): _S.CLEARING,
    (_S.CLEARING, _Z.HIGH): _S.ACTIVE,
    (_S.CLEARING, _Z.BAND): _S.ACTIVE,
    (_S.CLEARING, _Z.LOW): _S.CLEARING,
}
"""What state a sample in a zone leads to."""

LEAVES: dict[RuleState, bytes] = {
    state: bytes(zone < len(Zone) and NEXT[state, zone] is not state for zone in range(256))
    for state in RuleState
}
"""For each state a table for `bytes.translate`: zones become 1 where they lead out of it."""

WAITING = frozenset({RuleState.PENDING, RuleState.CLEARING})
"""The states that a delay ends, so the only ones in which time itself can change something."""


def advance(
    state: RuleState, since_ns: int, zone: int, t_ns: int, on_delay_ns: int, off_delay_ns: int
) -> tuple[RuleState, int, AlarmKind | None]:
    """Take one step of the table.

    Args:
        state: Where the rule stands.
        since_ns: When it came there.
        zone: The `Zone` of the sample.
        t_ns: The sample's own time.
        on_delay_ns: How long the condition must have held, 0 for at once.
        off_delay_ns: How long the value must have been back, 0 for at once.

    Returns:
        The state that follows, since when, and what is to be reported, if anything.
    """
    following = NEXT[state, zone]
    # Where the time line steps back (a glitch of the recording), a running delay starts again at
    # the new time; measured from a start that lies in the future it might never end.
    since_ns = min(since_ns, t_ns) if following is state else t_ns
    if following is RuleState.PENDING and t_ns - since_ns >= on_delay_ns:
        return RuleState.ACTIVE, t_ns, AlarmKind.RAISED
    if following is RuleState.CLEARING and t_ns - since_ns >= off_delay_ns:
        return RuleState.NORMAL, t_ns, AlarmKind.CLEARED
    return following, since_ns, None
