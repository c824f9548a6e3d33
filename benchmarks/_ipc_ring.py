"""The gateway's ring, in the ways in which it can be read."""

from __future__ import annotations

import numpy as np
from _ipc_channel import CAPACITY, RECORD, Channel, Receive, Send

from gateway.ring import Partition, ReaderSpec, Ring


class GatewayRing(Channel):
    """A lane per producer; each reader takes the lanes of its own, all there is at a time."""

    name = "ring (this project)"

    def specs(self) -> list[ReaderSpec]:
        """Return the readers of the ring."""
        return [
            ReaderSpec(name=str(c), lanes=range(c, self.producers, self.consumers))
            for c in range(self.consumers)
        ]

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        ring = Ring.create(RECORD, CAPACITY, producers, self.specs())
        self.ring = self.stack.enter_context(ring)

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        put, records = self.ring.writer(producer).put, self.records
        return lambda: put(records)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get = self.ring.reader(str(consumer)).get
        return lambda: len(get().records)


class TwoPhaseRing(GatewayRing):
    """The same, as a process reads that must not lose what it has taken when it is killed."""

    name = "ring, peek and commit"

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        reader = self.ring.reader(str(consumer))

        def receive() -> int:
            count = len(reader.peek().records)
            reader.commit()
            return count

        return receive


class StrictRing(GatewayRing):
    """The same, but a reader takes only as much at a time as was put at a time."""

    name = "ring, one batch a get"

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get, size = self.ring.reader(str(consumer)).get, self.size
        return lambda: len(get(size).records)


class PartitionedRing(GatewayRing):
    """Every reader sees all lanes and keeps its share of the records, by a field of them."""

    name = "ring, partition by field"

    def specs(self) -> list[ReaderSpec]:
        owner = (np.arange(256) % self.consumers).astype(np.uint8)
        return [
            ReaderSpec(name=str(c), partition=Partition("key", owner, c))
            for c in range(self.consumers)
        ]

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:  # noqa: ARG003
        """Leave out what has no parts."""
        return "" if consumers > 1 and size > 1 else "one reader, or one record, has no parts"
