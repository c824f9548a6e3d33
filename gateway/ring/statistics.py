"""What a ring has seen, as numbers that add up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderStatistics:
    """One reader's account of one lane; ``published == delivered + lost + waiting``.

    Attributes:
        delivered: Records it has taken and committed, those of other members of its group, which
            it passed over, included.
        lost: Records it was not given: it was lapped, or was gone for too long.
        waiting: Records that it can still take.
    """

    delivered: int
    lost: int
    waiting: int


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """One lane, at one moment.

    Attributes:
        published: Records put so far, by all the producers it had.
        capacity: Records it holds.
        closed: Whether the end of the stream was declared.
        readers: The accounts of the readers of this lane, by name.
    """

    published: int
    capacity: int
    closed: bool
    readers: dict[str, ReaderStatistics]


@dataclass(frozen=True, slots=True)
class RingStatistics:
    """A ring, lane by lane. Each lane adds up; two lanes are not of the same moment.

    Attributes:
        lanes: One for each producer.
    """

    lanes: tuple[LaneStatistics, ...]

    @property
    def published(self) -> int:
        """Records put so far, in all lanes."""
        return sum(lane.published for lane in self.lanes)

    def reader(self, name: str) -> ReaderStatistics:
        """Return the account of reader *name* over all its lanes."""
        accounts = [lane.readers[name] for lane in self.lanes if name in lane.readers]
        return ReaderStatistics(
            delivered=sum(account.delivered for account in accounts),
            lost=sum(account.lost for account in accounts),
            waiting=sum(account.waiting for account in accounts),
        )
