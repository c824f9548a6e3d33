"""CAN frames to samples: what a frame means is looked up by its id, then its bits are read."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence

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


MOST_LEARNED = 1 << 16
"""Ids seen that are remembered; a bus has fewer, a fuzzer or a broken node may send any."""

MOST_UNKNOWN = 4096
"""Unknown ids counted one by one; those that come later are counted together, as "other"."""

_unpack_header = struct.Struct("=qIBBBB").unpack_from
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

_NOTHING, _STRANGE = 0, 1
"""Nodes without fields: of frames that nobody wants; of frames that are in no database."""

_Route = tuple[int, DecodeFrame | None]
"""Bytes that a frame must have, and its function; None for frames that are in no database."""


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
        self._empty = Node()
        wanted_nodes = [node for tree in self._trees.values() for node in _walk(tree)]
        nodes = [self._empty, Node(), *wanted_nodes]
        self._position: dict[Node | None, int] = {node: at for at, node in enumerate(nodes)}
        self._position[None] = _STRANGE
        self._tables = Tables(nodes, self._source)
        switched = any(node.switches for node in nodes)
        self._selection = Selection(nodes, self._position) if switched else None
        self._flat_from = _flat_from(wanted_nodes, switched)
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
        many = len(frames)
        counters.received += many
        counters.delivered += many
        if many >= self._flat_from:
            return self._all_at_once(frames, counters)
        return self._one_by_one(frames, counters)

    # A handful of frames

    def _one_by_one(self, frames: Frames, counters: Counters) -> Samples:
        buffer = frames.tobytes()
        parts = []
        for start in range(0, len(buffer), FRAME.itemsize):
            t_ns, can_id, length, _, channel, origin = _unpack_header(buffer, start)
            key = channel, can_id, origin
            need, function = self._routes.get(key) or self._route(*key)
            if function is None:
                self._count(counters, can_id, 1)
            elif length >= need:
                parts.append(function(t_ns, buffer, start + _DATA, length))
            else:
                parts.append(self._short_function(*key)(t_ns, buffer, start + _DATA, length))
        return np.frombuffer(bytearray().join(parts), SAMPLE)

    def _route(self, channel: int, can_id: int, origin: int) -> _Route:
        """Return what is done with such frames, and remember it."""
        if len(self._routes) >= MOST_LEARNED:
            self._routes.clear()
        node = self._look_up(channel, can_id)
        route: _Route = 0, None
        if node is not None:
            function = write_function(node, self._source, origin, whole=True)
            route = node.need, function
        self._routes[channel, can_id, origin] = route
        return route

    def _short_function(self, channel: int, can_id: int, origin: int) -> DecodeFrame:
        node = self._look_up(channel, can_id) or self._empty
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
        if np.count_nonzero(new):
            self._learn(frames[new], keys[new])
            place = self._keys.searchsorted(keys)
        node = self._nodes.take(place)
        if self._strange:
            self._count_strange(place, node, counters)
        frame = np.arange(len(frames))
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
        nodes = [
            self._position[self._look_up(channel, can_id)]
            for channel, can_id in zip(channels.tolist(), can_ids.tolist(), strict=True)
        ]
        at = self._keys.searchsorted(keys)
        self._keys = np.insert(self._keys, at, keys)
        self._can_ids = np.insert(self._can_ids, at, can_ids)
        self._nodes = np.insert(self._nodes, at, nodes)
        self._strange = _STRANGE in self._nodes

    def _count_strange(self, place: Ints, node: Ints, counters: Counters) -> None:
        """Count the frames that are in no database, by the places of their ids."""
        counts = np.bincount(place[node == _STRANGE])
        for at in np.flatnonzero(counts).tolist():
            self._count(counters, int(self._can_ids[at]), int(counts[at]))

    # Both

    def _forget(self) -> None:
        """Begin anew to learn which ids there are."""
        self._routes: dict[tuple[int, int, int], _Route] = {}
        self._short: dict[tuple[Node, int], DecodeFrame] = {}
        # A last key that no frame has: so the place of any key is one of the array.
        self._keys = np.array([np.iinfo(np.uint64).max], np.uint64)
        self._can_ids = np.zeros(1, np.uint32)
        self._nodes = np.array([_NOTHING])
        self._strange = False

    def _look_up(self, channel: int, can_id: int) -> Node | None:
        """Return what is wanted of frames with this id; None if they are not in the database."""
        if can_id & CanId.ERROR:
            return None
        if can_id & CanId.REMOTE:
            return self._empty
        database = self._databases[channel] if channel < len(self._databases) else None
        message = database.find(can_id) if database else None
        if message is None:
            return None
        return self._trees.get((channel, message.can_id), self._empty)

    @staticmethod
    def _count(counters: Counters, can_id: int, count: int) -> None:
        """Count frames that are not in the database."""
        if can_id & CanId.ERROR:
            counters.error_frames += count
            return
        name = format_id(can_id)
        if name not in counters.unknown and len(counters.unknown) >= MOST_UNKNOWN:
            name = "other"
        counters.unknown[name] += count


def _flat_from(nodes: Sequence[Node], switched: bool) -> int:
    """Return how many frames a batch must have so that the vectorised pass is the faster way.

    It costs about as much as 180 fields do in a function, or 280 with multiplexers, however few
    frames there are; and a call of a function as much as five fields.
    """
    fields = sum(len(node.fields) for node in nodes) / max(1, len(nodes))
    return int((280 if switched else 180) / (5 + fields)) + 1


def _walk(node: Node) -> Iterator[Node]:
    """Yield each node of a tree once, in the order of a frame's samples."""
    seen: dict[Node, None] = {}

    def walk(node: Node) -> None:
        if node not in seen:
            seen[node] = None
            for switch in node.switches:
                for branch in switch.branches.values():
                    walk(branch)

    walk(node)
    yield from seen
