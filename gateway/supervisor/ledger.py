"""The loss ledger: what every stage received, handed on, and lost. It adds up, or it says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stage of the ledger.

    Attributes:
        stage: Where: a source, or "from > to" for a way through a ring.
        unit: What is counted: frames, sentences, samples, alarms.
        received: What this stage has taken in.
        delivered: What of it was handled as the configuration asks.
        lost: The rest.
        waiting: What lies before the stage and is not yet taken in; 0 once all has ended.
        reasons: Why it was lost, by count.
        notes: What else is worth knowing, by count: unknown ids, error frames.
    """

    stage: str
    unit: str
    received: int
    delivered: int
    lost: int
    waiting: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether ``received == delivered + lost``."""
        return self.received == self.delivered + self.lost


def format_ledger(entries: Iterable[Entry]) -> str:
    """Return the ledger as text, a line a stage, and whether it adds up."""
    entries = list(entries)
    width = max([len("stage"), *(len(entry.stage) for entry in entries)])
    head = f"{'stage':<{width}}  {'received':>12} {'delivered':>12} {'lost':>8} {'waiting':>8}"
    lines = [head, "-" * len(head)]
    for entry in entries:
        numbers = f"{entry.received:>12,} {entry.delivered:>12,} {entry.lost:>8,}"
        remarks = [f"{n:,} {reason}" for reason, n in entry.reasons.items() if n]
        remarks += [f"{name} {n:,}" for name, n in entry.notes.items() if n]
        line = f"{entry.stage:<{width}}  {numbers} {entry.waiting:>8,} {entry.unit}"
        lines.append(f"{line}  ({', '.join(remarks)})" if remarks else line)
    wrong = [entry.stage for entry in entries if not entry.adds_up]
    if wrong:
        lines.append(f"does NOT add up: {', '.join(wrong)}")
    else:
        lines.append("every stage adds up: received = delivered + lost")
    return "\n".join(lines)
