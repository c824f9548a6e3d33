"""Multiplexers, many frames at once: which nodes of its message's tree each frame carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.decode.can_tree import Node
from gateway.decode.can_words import Ints, WordReader, moves
from gateway.record import Frames


class Selection:
    """Follows the switches of a batch of frames.

    Args:
        nodes: All nodes, each message's in the order in which its tree is walked.
        position: Where each stands in *nodes*.
    """

    def __init__(self, nodes: Sequence[Node], position: Mapping[Node, int]) -> None:
        switches = [switch for node in nodes for switch in node.switches]
        fields = [switch.field for switch in switches]
        self._count = np.array([len(node.switches) for node in nodes], np.int64)
        self._first = np.cumsum(self._count) - self._count
        self._words = WordReader(fields)
        self._window = np.array([self._words.window(field) for field in fields], np.int64)
        self._end = np.array([field.end_byte for field in fields], np.int64)
        up, down, mask = zip(*map(moves, fields), strict=True)
        self._up = np.array(up, np.uint64)
        self._down = np.array(down, np.int64)
        self._mask = np.array(mask, np.int64)
        # Looked up in two steps, so that the numbers stay small: the raw value among all that
        # occur, then (switch, place of the raw value) among all branches.
        self._raws = np.array(sorted({raw for s in switches for raw in s.branches}), np.int64)
        branches = sorted(
            (index * len(self._raws) + int(self._raws.searchsorted(raw)), position[node])
            for index, switch in enumerate(switches)
            for raw, node in switch.branches.items()
        )
        self._keys, self._nodes = np.array(branches, np.int64).T

    def follow(self, frames: Frames, frame: Ints, node: Ints) -> tuple[Ints, Ints]:
        """Return all pairs of frame and node, those given among them, in the order of samples."""
        all_frames, all_nodes = [frame], [node]
        while True:
            frame, node = self._selected(frames, frame, node)
            if not len(frame):
                break
            all_frames.append(frame)
            all_nodes.append(node)
        frame, node = np.concatenate(all_frames), np.concatenate(all_nodes)
        order = np.argsort(frame * len(self._count) + node)
        return frame[order], node[order]

    def _selected(self, frames: Frames, frame: Ints, node: Ints) -> tuple[Ints, Ints]:
        """Return, for each switch in the nodes, the frame and the node that it selects."""
        count = self._count.take(node)
        total = int(count.sum())
        if not total:
            return frame[:0], node[:0]
        frame = frame.repeat(count)
        switch = (self._first.take(node) - count.cumsum() + count).repeat(count)
        switch += np.arange(total)
        there = self._end.take(switch) <= frames["len"].take(frame)
        frame, switch = frame[there], switch[there]

        raw = self._words.read(frames, frame, self._window.take(switch))
        raw = (raw << self._up.take(switch)).view(np.int64)
        raw >>= self._down.take(switch)
        raw &= self._mask.take(switch)
        place = self._raws.searchsorted(raw).clip(max=len(self._raws) - 1)
        key = switch * len(self._raws) + place
        branch = self._keys.searchsorted(key).clip(max=len(self._keys) - 1)
        found = (self._raws[place] == raw) & (self._keys[branch] == key)
        return frame[found], self._nodes[branch[found]]
