"""CAN frames to samples: what a frame means is looked up by its id, then its bits are read."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum

import numpy as np

from gateway.counters import Counters
from gateway.decode.can_functions import DecodeFrame, write_function
from gateway.decode.can_selection import Selection
from gateway.decode.can_tables import ORIGIN_BITS, Tables
from gateway.decode.can_tree import Node, build_tree
from gateway.decode.can_words import Ints, Words
from gateway.decode.database import FrameDatabase, format_id
from gateway.record import FRAME, SAMPLE, CanId, Frames, Samples
from gateway.signals import Signal

FLAT_FROM = 16
"""Frames in a batch from which the vectorised pass is faster than a function call a frame."""

MOST_LEARNED = 1 << 16
"""Ids seen that are remembered; a bus has fewer, a fuzzer or a broken node may send any."""

MOST_UNKNOWN = 4096
"""Unknown ids counted one by one; those that come later are counted together, as "other"."""

_HEADER = struct.Struct("=qIBBBB")
_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]

# The second word of a FRAME has all that tells messages apart, and the origin at the same byte as
# the last word of a SAMPLE has it.
_FRAME_WORDS = np.dtype(
    {
        "names": ["head"],
        "formats": [np.uint64],
        "offsets": [FRAME.fields["can_id"][1]],  # type: ignore[index]
        "itemsize": FRAME.itemsize,
    }
)
_KEY = np.zeros(1, FRAME)
_KEY["can_id"], _KEY["channel"] = 0xFFFF_FFFF, 0xFF
_KEY_BITS = _KEY.view(_FRAME_WORDS)["head"][0]


class _Label(IntEnum):
    """What an id is for its channel."""

    KNOWN = 0
    """In the database, or a remote frame."""
    UNKNOWN = 1
    ERROR = 2


class FrameDecoder:
    """Turns CAN frames of any mixture of ids and channels into samples.

    A sample has its frame's time and origin, and the value that cantools computes, with scaling
    and without choices, rounded to a double. Where several signals of a message share bits, or
    lie beyond the declared length, cantools refuses; here each is what its bits say.

    A frame shorter than its message gives the signals that lie wholly inside. A multiplexer at a
    value that selects nothing gives the other signals of its message.

    Args:
        databases: By ``FRAME["channel"]``; None for a channel without one.
        signals: The signals as registered, likewise by channel.
        source: The ``source`` of all samples.

    Nothing is decoded before `select`.
    """

    def __init__(
        self,
        databases: Sequence[FrameDatabase | None],
        signals: Sequence[Sequence[Signal]],
        source: int,
    ) -> None:
        self._databases = tuple(databases)
        self._numbers = [
            {(signal.message, signal.name): signal.index for signal in channel}
            for channel in signals
        ]
        self._source = source
        self.select(())

    def select(self, wanted: Collection[int]) -> None:
        """Decode only the signals with these indices from now on; others are passed over."""
        chosen = frozenset(wanted)
        self._trees: dict[tuple[int, int], Node] = {}
        for channel, database in enumerate(self._databases):
            numbers = self._numbers[channel]
            for message in database.messages if database else ():
                named = {field.name: numbers[message.name, field.name] for field in message.fields}
                mine = {name: number for name, number in named.items() if number in chosen}
                if mine:
                    self._trees[channel, message.can_id] = build_tree(message.fields, mine)
        empty = Node()
        nodes = [empty, *(node for tree in self._trees.values() for node in _walk(tree))]
        self._position = {node: position for position, node in enumerate(nodes)}
        self._empty = empty
        self._tables = Tables(nodes, self._source)
        switched = any(node.switches for node in nodes)
        self._selection = Selection(nodes, self._position) if switched else None
        self._forget()

    def decode(self, frames: Frames, counters: Counters) -> Samples:
        """Return the wanted samples of *frames*, in their order.

        Within a frame they are in the order of cantools: by start bit; then, likewise, what the
        first multiplexer selects, and so on.

        Args:
            frames: A batch, as it came in.
            counters: Counts every frame as received and delivered. Data frames with an id that
                the channel's database does not know are counted in ``unknown`` as candump writes
                the id ("7DF", "18EEFF01"), from the `MOST_UNKNOWN`-th different id on as "other".
                Error frames are counted as such. Remote frames carry nothing.
        """
        counters.received += len(frames)
        counters.delivered += len(frames)
        if len(frames) < FLAT_FROM:
            return self._one_by_one(frames, counters)
        return self._all_at_once(frames, counters)

    # A handful of frames

    def _one_by_one(self, frames: Frames, counters: Counters) -> Samples:
        buffer = frames.tobytes()
        parts = []
        for start in range(0, len(buffer), FRAME.itemsize):
            t_ns, can_id, length, _, channel, origin = _HEADER.unpack_from(buffer, start)
            route = self._routes.get((channel, can_id, origin))
            label, need, function = route or self._route(channel, can_id, origin)
            if label is not _Label.KNOWN:
                self._count(counters, label, can_id, 1)
                continue
            if length < need:
                function = self._short_function(channel, can_id, origin)
            parts.append(function(t_ns, buffer, start + _DATA, length))
        return np.frombuffer(bytearray().join(parts), SAMPLE)

    def _route(self, channel: int, can_id: int, origin: int) -> tuple[_Label, int, DecodeFrame]:
        """Return what is done with such frames: label, bytes needed, function; and remember it."""
        if len(self._routes) >= MOST_LEARNED:
            self._routes.clear()
        label, node = self._look_up(channel, can_id)
        function = write_function(node, self._source, origin, whole=True)
        route = self._routes[channel, can_id, origin] = label, node.need, function
        return route

    def _short_function(self, channel: int, can_id: int, origin: int) -> DecodeFrame:
        _, node = self._look_up(channel, can_id)
        key = node, origin
        if key not in self._short:
            self._short[key] = write_function(node, self._source, origin, whole=False)
        return self._short[key]

    # Many frames

    def _all_at_once(self, frames: Frames, counters: Counters) -> Samples:
        head = frames.view(_FRAME_WORDS)["head"]
        keys = head & _KEY_BITS
        place = self._keys.searchsorted(keys)
        new = self._keys.take(place) != keys
        if new.any():
            self._learn(frames[new], keys[new])
            place = self._keys.searchsorted(keys)
        if self._strange:
            self._count_strange(place, counters)
        node = self._nodes.take(place)
        frame = np.flatnonzero(node)  # node 0 is the one of which nothing is wanted
        node = node.take(frame)
        if self._selection:
            frame, node = self._selection.follow(frames, frame, node)
        return self._tables.decode(frames, frame, node, head & ORIGIN_BITS)

    def _learn(self, frames: Frames, keys: Words) -> None:
        """Take up the ids of *frames*, seen for the first time, into the sorted arrays."""
        keys, first = np.unique(keys, return_index=True)
        if len(self._keys) + len(keys) > MOST_LEARNED:
            self._forget()
        can_ids = frames["can_id"][first]
        channels = frames["channel"][first]
        found = [
            self._look_up(channel, can_id)
            for channel, can_id in zip(channels.tolist(), can_ids.tolist(), strict=True)
        ]
        at = self._keys.searchsorted(keys)
        self._keys = np.insert(self._keys, at, keys)
        self._can_ids = np.insert(self._can_ids, at, can_ids)
        self._nodes = np.insert(self._nodes, at, [self._position[node] for _, node in found])
        labels = np.array([label for label, _ in found], np.uint8)
        self._labels = np.insert(self._labels, at, labels)
        self._strange = bool(self._labels.any())

    def _count_strange(self, place: Ints, counters: Counters) -> None:
        """Count the frames that are in no database, by the places of their ids."""
        place = place[self._labels.take(place) != _Label.KNOWN]
        places, counts = np.unique(place, return_counts=True)
        for at, count in zip(places.tolist(), counts.tolist(), strict=True):
            self._count(counters, _Label(self._labels[at]), int(self._can_ids[at]), count)

    # Both

    def _forget(self) -> None:
        """Begin anew to learn which ids there are."""
        self._routes: dict[tuple[int, int, int], tuple[_Label, int, DecodeFrame]] = {}
        self._short: dict[tuple[Node, int], DecodeFrame] = {}
        # A last key that no frame has: so the place of any key is one of the array.
        self._keys = np.array([np.iinfo(np.uint64).max], np.uint64)
        self._can_ids = np.zeros(1, np.uint32)
        self._nodes = np.zeros(1, np.int64)
        self._labels = np.zeros(1, np.uint8)
        self._strange = False

    def _look_up(self, channel: int, can_id: int) -> tuple[_Label, Node]:
        if can_id & CanId.ERROR:
            return _Label.ERROR, self._empty
        database = self._databases[channel] if channel < len(self._databases) else None
        message = database.find(can_id & ~CanId.REMOTE) if database else None
        if can_id & CanId.REMOTE:
            return _Label.KNOWN, self._empty
        if message is None:
            return _Label.UNKNOWN, self._empty
        return _Label.KNOWN, self._trees.get((channel, message.can_id), self._empty)

    def _count(self, counters: Counters, label: _Label, can_id: int, count: int) -> None:
        if label is _Label.ERROR:
            counters.error_frames += count
            return
        name = format_id(can_id)
        if name not in counters.unknown and len(counters.unknown) >= MOST_UNKNOWN:
            name = "other"
        counters.unknown[name] += count


def _walk(node: Node) -> Iterator[Node]:
    """Yield each node of a tree once, in the order of a frame's samples."""
    seen = {}

    def walk(node: Node) -> None:
        if node not in seen:
            seen[node] = None
            for switch in node.switches:
                for branch in switch.branches.values():
                    walk(branch)

    walk(node)
    yield from seen
