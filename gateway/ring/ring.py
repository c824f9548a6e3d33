"""A ring of records between processes: producers put, readers take, and any of them may die."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.ring.event import Event
from gateway.ring.lane import Lane
from gateway.ring.layout import MAX_READERS, RingLayout
from gateway.ring.lock import RobustLock
from gateway.ring.memory import SharedMemory
from gateway.ring.reader import Reader
from gateway.ring.spec import ReaderSpec
from gateway.ring.statistics import RingStatistics
from gateway.ring.tenancy import Place
from gateway.ring.writer import Writer


class Ring:
    """Fixed-size records from several producers to several readers. Made by `Ring.create`.

    Each producer has a lane of its own, in which the order of its records is kept; each reader
    has a position of its own in every lane. Pass the ring to the processes that use it, by fork or
    as an argument of a multiprocessing process; there, each makes its own `writer` or `reader`.

    Attributes:
        dtype: What a record is.
        capacity: Records that each lane holds.
        readers: The readers it was made for.
    """

    def __init__(
        self,
        dtype: np.dtype[np.void],
        layout: RingLayout,
        readers: Sequence[ReaderSpec],
        memory: SharedMemory,
        bells: Sequence[Event],
        rooms: Sequence[Event],
        *,
        create: bool = False,
    ) -> None:
        self.dtype = dtype
        self.capacity = layout.capacity
        self.readers = tuple(readers)
        self._layout = layout
        self._memory = memory
        self._bells = bells
        self._rooms = rooms
        self._number = {spec.name: number for number, spec in enumerate(readers)}
        self._places = [
            Place(RobustLock(memory, at.lock, create=create), memory.words, at)
            for at in map(layout.place, range(len(readers)))
        ]
        names = [spec.name for spec in readers]
        self._lanes = [
            Lane(memory, layout, index, names, bells, room, create=create)
            for index, room in enumerate(rooms)
        ]

    @classmethod
    def create(
        cls,
        dtype: np.dtype[np.void],
        capacity: int,
        lanes: int,
        readers: Sequence[ReaderSpec],
    ) -> Self:
        """Make a ring.

        Args:
            dtype: What a record is; without Python objects in it.
            capacity: Records that each lane holds at least; rounded up to a power of two.
            lanes: Number of producers, at least 1.
            readers: All readers there will be. Producers wait for the lossless ones from the
                start, whether they have come or not.
        """
        names = [spec.name for spec in readers]
        if capacity < 1 or lanes < 1:
            raise ValueError(f"got {capacity=} and {lanes=}, expected at least 1")
        if len(names) > MAX_READERS or len(set(names)) < len(names):
            raise ValueError(
                f"got the readers {names}, expected {MAX_READERS} names at most, all different"
            )
        if dtype.hasobject:
            raise ValueError(f"got {dtype}, expected a type without Python objects")
        layout = RingLayout(1 << (capacity - 1).bit_length(), dtype.itemsize, lanes, len(readers))
        memory = SharedMemory(layout.header_size, layout.size)
        bells = [Event() for _ in readers]
        rooms = [Event() for _ in range(lanes)]
        return cls(dtype, layout, readers, memory, bells, rooms, create=True)

    def writer(self, lane: int, stirs: Callable[[NDArray[np.void]], int] | None = None) -> Writer:
        """Become the producer of *lane*, 0, 1, 2, ...; it goes on at the lane's position.

        Args:
            lane: Its number.
            stirs: Says which readers must not doze on when these records come: bit r for reader
                number r. None: all of them. Called under a lock, so it should be quick.

        Raises:
            RingError: It has one that is alive.
        """
        return Writer(
            self._memory, self.dtype, self._lanes[lane], self.readers, self._places, stirs
        )

    def reader(self, name: str) -> Reader:
        """Become the reader *name*, at the position at which its predecessor committed.

        Where that one's place was freed, what was published in the meantime counts as lost.

        Raises:
            RingError: There is one that is alive.
        """
        number = self._number[name]
        return Reader(
            self._memory,
            self.dtype,
            self._lanes,
            number,
            self.readers[number],
            self._places[number],
            self._bells[number],
        )

    def close_lane(self, lane: int) -> None:
        """Declare the end of stream of *lane* for a producer that died and is not replaced."""
        with self._lanes[lane].guard:
            self._lanes[lane].close()

    def evict(self, name: str) -> None:
        """Free the place of reader *name*, dead or alive: producers do not wait for it any more.

        If it is alive, it is told so by `RingEvicted`.
        """
        number = self._number[name]
        for lane in self._lanes:
            if self.readers[number].reads(lane.index):
                with lane.guard:
                    lane.free_account(number)

    def statistics(self) -> RingStatistics:
        """Return what every lane and reader has seen so far."""
        return RingStatistics(
            tuple(
                lane.statistics(
                    [r for r, spec in enumerate(self.readers) if spec.reads(lane.index)]
                )
                for lane in self._lanes
            )
        )

    def consumed(self, names: Collection[str]) -> list[int]:
        """Return for each lane up to which position all readers *names* have committed.

        A reader that does not read a lane, or whose place is free, keeps nothing back.
        """
        numbers = [self._number[name] for name in names]
        return [
            lane.consumed([r for r in numbers if self.readers[r].reads(lane.index)])
            for lane in self._lanes
        ]

    def close(self) -> None:
        """Let go of the memory and the descriptors; the ring cannot be used any more.

        This process's writers and readers should have been closed before.
        """
        self._lanes.clear()
        self._places.clear()
        self._memory.close()
        for event in (*self._bells, *self._rooms):
            event.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.dtype, self._layout, self.readers, self._memory, self._bells, self._rooms)
        return Ring, parts
