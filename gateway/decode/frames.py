"""CAN frames to samples: what a frame means is looked up by its id, then its bits are read."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import numpy as np

from gateway.counters import Counters
from gateway.decode.can_batches import Batches
from gateway.decode.can_fast_packet import FastPackets, is_fast_packet
from gateway.decode.can_functions import DecodeFrame, nothing, write_function
from gateway.decode.can_ids import MOST_LEARNED
from gateway.decode.can_tree import Node, build_tree
from gateway.decode.database import FrameDatabase, Message, format_id
from gateway.record import FRAME, SAMPLE, CanId, Frames, Samples
from gateway.signals import Signal

MOST_UNKNOWN = 4096
"""Unknown ids counted one by one; those that come later are counted together, as "other"."""

_unpack_header = struct.Struct("=qIBBBB").unpack_from
_DATA = int(FRAME.fields["data"][1])  # type: ignore[index]
_CLASSIC = 8
_BEYOND = bytes(8)
"""What a `DecodeFrame` may read beyond a payload's end."""

_ALWAYS_UNUSUAL = 256
"""More bytes than any frame has."""

_NOTHING = Node()

_Route = tuple[int, DecodeFrame | None]
"""Bytes that a frame must have, and its function; None for frames that are in no database."""


class FrameDecoder:
    """Turns CAN frames of any mixture of ids and channels into samples.

    A sample has its frame's time and origin, and the value that cantools computes, with scaling
    and without choices, rounded to a double. Where several signals of a message share bits, or
    lie beyond the declared length, cantools refuses; here each is what its bits say.

    A frame shorter than its message gives the signals that lie wholly inside. A multiplexer at a
    value that selects nothing gives the other signals of its message. An NMEA 2000 message of
    more than eight bytes is put together from its frames; its samples are the last frame's.

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
        self._signals = tuple(map(tuple, signals))
        self._source = source
        self.select(())

    def __reduce__(self) -> tuple[object, ...]:
        # The functions written so far cannot be pickled, and can be written again.
        arguments = self._databases, self._signals, self._source
        return _rebuild, (arguments, self._wanted)

    def select(self, wanted: Collection[int]) -> None:
        """Decode only the signals with these indices from now on; others are passed over."""
        self._wanted = frozenset(wanted)
        self._trees: dict[tuple[int, int], Node] = {}
        self._fast: set[tuple[int, int]] = set()
        for channel, database in enumerate(self._databases):
            for message in database.messages if database else ():
                tree = build_tree(message.fields, self._indices(channel, message))
                if tree:
                    known_as = channel, message.can_id
                    self._trees[known_as] = tree
                    if message.by_group and is_fast_packet(message.can_id, message.length):
                        self._fast.add(known_as)
        nodes = [
            node
            for known_as, tree in self._trees.items()
            if known_as not in self._fast
            for node in _walk(tree)
        ]
        self._flat_from = _flat_from(nodes)
        self._packets = FastPackets()
        self._batches = Batches(self._carried, nodes, self._source)
        self._routes: dict[tuple[int, int, int], _Route] = {}
        self._functions: dict[tuple[Node, int, bool], DecodeFrame] = {}

    def _indices(self, channel: int, message: Message) -> dict[str, int]:
        """Return the numbers of *message*'s wanted signals by their names."""
        numbers = self._numbers[channel]
        named = ((field.name, numbers[message.name, field.name]) for field in message.fields)
        return {name: number for name, number in named if number in self._wanted}

    def decode(self, frames: Frames, counters: Counters) -> Samples:
        """Return the wanted samples of *frames*, in their order.

        Within a frame they are in the order of cantools: by start bit; then, likewise, what the
        first multiplexer selects, and so on.

        Args:
            frames: A batch, as it came in.
            counters: Counts every frame as received and delivered. Data frames with an id that
                the channel's database does not know are counted in ``unknown`` as candump writes
                the id ("7DF", "18EEFF01"), from the `MOST_UNKNOWN`-th different id on as "other".
                Error frames are counted as such. Remote frames carry nothing. Frames of a fast
                packet of which others are missing are lost, as "fast_packet".
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
            need, function = self._routes.get(key) or self._route(key)
            if function is None:
                self._count(counters, can_id, 1)
            elif length >= need:
                parts.append(function(t_ns, buffer, start + _DATA, length))
            else:
                payload = buffer[start + _DATA : start + _DATA + length]
                parts.append(self._unusual(key, t_ns, payload, counters))
        return np.frombuffer(bytearray().join(parts), SAMPLE)

    def _route(self, key: tuple[int, int, int]) -> _Route:
        """Return what is done with such frames, and remember it."""
        if len(self._routes) >= MOST_LEARNED:
            self._routes.clear()
        channel, can_id, origin = key
        known_as, tree = self._look_up(channel, can_id)
        if tree is None:
            route: _Route = 0, None
        elif known_as in self._fast:
            route = _ALWAYS_UNUSUAL, nothing
        else:
            route = tree.need, self._function(tree, origin, whole=True)
        self._routes[key] = route
        return route

    def _function(self, tree: Node, origin: int, *, whole: bool) -> DecodeFrame:
        key = tree, origin, whole
        if key not in self._functions:
            self._functions[key] = write_function(tree, self._source, origin, whole=whole)
        return self._functions[key]

    def _unusual(
        self, key: tuple[int, int, int], t_ns: int, payload: bytes, counters: Counters
    ) -> bytes:
        """Return the samples of a frame that is short, or that completes a fast packet."""
        channel, can_id, origin = key
        known_as, tree = self._look_up(channel, can_id)
        assert tree is not None  # noqa: S101
        if known_as in self._fast and len(payload) <= _CLASSIC:
            packet = self._packets.add((channel, can_id), payload, counters)
            if packet is None:
                return b""
            payload = packet
        function = self._function(tree, origin, whole=len(payload) >= tree.need)
        return function(t_ns, payload.ljust(tree.need, b"\0") + _BEYOND, 0, len(payload))

    # Many frames

    def _all_at_once(self, frames: Frames, counters: Counters) -> Samples:
        samples = self._batches.decode(frames)
        return samples if self._batches.plain else self._complete(frames, samples, counters)

    def _complete(self, frames: Frames, samples: Samples, counters: Counters) -> Samples:
        """Count what is in no database, and insert the samples of frames to be decoded apart."""
        batches = self._batches
        for can_id, count in batches.unknown():
            self._count(counters, can_id, count)
        apart = batches.apart()
        if not len(apart):
            return samples
        ends = batches.ends()
        parts = []
        begin = 0
        for at in apart.tolist():
            frame = frames[at]
            key = int(frame["channel"]), int(frame["can_id"]), int(frame["origin"])
            payload = frame["data"][: frame["len"]].tobytes()
            if more := self._unusual(key, int(frame["t_ns"]), payload, counters):
                parts += [samples[begin : ends[at]], np.frombuffer(more, SAMPLE)]
                begin = ends[at]
        return np.concatenate([*parts, samples[begin:]])

    def _carried(self, channel: int, can_id: int) -> Node | Literal["unknown", "apart"]:
        known_as, tree = self._look_up(channel, can_id)
        return "unknown" if tree is None else "apart" if known_as in self._fast else tree

    # Both

    def _look_up(self, channel: int, can_id: int) -> tuple[tuple[int, int], Node | None]:
        """Return what frames with this id carry, None if they are in no database; and the message.

        The message is that of the database, by channel and id.
        """
        if can_id & CanId.ERROR:
            return (channel, can_id), None
        if can_id & CanId.REMOTE:
            return (channel, can_id), _NOTHING
        database = self._databases[channel] if channel < len(self._databases) else None
        message = database.find(can_id) if database else None
        if message is None:
            return (channel, can_id), None
        known_as = channel, message.can_id
        return known_as, self._trees.get(known_as, _NOTHING)

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


def _rebuild(
    arguments: tuple[Sequence[FrameDatabase | None], Sequence[Sequence[Signal]], int],
    wanted: Collection[int],
) -> FrameDecoder:
    decoder = FrameDecoder(*arguments)
    decoder.select(wanted)
    return decoder


def _flat_from(nodes: Sequence[Node]) -> int:
    """Return how many frames a batch must have so that the vectorised pass is the faster way.

    It costs about as much as 400 fields do in a function, however few frames there are; and a
    call of a function as much as five fields. That is in a process that was just woken, as one
    that reads a bus is: the pass goes through more code, which the caches do not hold then. In a
    loop that does nothing else it costs a fifth.
    """
    fields = sum(len(node.fields) for node in nodes) / max(1, len(nodes))
    return int(400 / (5 + fields)) + 1


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
