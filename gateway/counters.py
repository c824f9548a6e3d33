"""What came in at one source, counted so that it adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """What came in at one source, in its own units: frames, sentences, lines.

    ``received == delivered + sum(lost.values())`` whenever no `read` or `feed` is under way.

    Attributes:
        received: All that arrived, lost ones included.
        delivered: Those that were handled as the configuration asks. Ones that nobody asked for
            and ones with an unknown id are handled by passing over them; the latter are also
            counted in *unknown*.
        lost: Those that were not, by reason: "checksum", "malformed", "too_long", "kernel", ...
        unknown: Those with an id that no database knows, by id (a CAN id, a sentence type).
        error_frames: CAN error frames, which are also delivered.
        late_ns: For a replay in real time: how late its latest record was, at worst, in
            nanoseconds.
    """

    received: int = 0
    delivered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    unknown: Counter[int | str] = field(default_factory=Counter)
    error_frames: int = 0
    late_ns: int = 0
