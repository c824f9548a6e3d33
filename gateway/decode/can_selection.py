"""Multiplexers, many frames at once: which nodes of its message's tree each frame carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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
        self._several = bool((self._count > 1).any())
        self._words = WordReader(fields)
        self._window = np.array([self._words.window(field) for field in fields], np.int64)
        self._end = np.array([field.end_byte for field in fields], np.uint8)
        up, down, mask = zip(*map(moves, fields), strict=True)
        self._up = np.array(up, np.int64)
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
        found_frames, found_nodes = [frame], [node]
        words = None
        while len(here := np.flatnonzero(self._count.take(node))):
            if words is None:
                words = self._words.read(frames)
            frame, switch = self._switches(frame.take(here), node.take(here))
            chosen, node = self._chosen(words, frames["len"], frame, switch)
            frame = frame.take(chosen)
            found_frames.append(frame)
            found_nodes.append(node)
        if words is None:
            return frame, node
        frame, node = np.concatenate(found_frames), np.concatenate(found_nodes)
        # What is sorted are a few ascending runs, and a stable sort only merges those.
        order = np.argsort(frame * len(self._count) + node, kind="stable")
        return frame.take(order), node.take(order)

    def _switches(self, frame: Ints, node: Ints) -> tuple[Ints, Ints]:
        """Return each frame with each switch of its node."""
        if not self._several:
            return frame, self._first.take(node)
        count = self._count.take(node)
        switch = (self._first.take(node) - count.cumsum() + count).repeat(count)
        switch += np.arange(len(switch))
        return frame.repeat(count), switch

    def _chosen(
        self, words: Ints, length: NDArray[np.uint8], frame: Ints, switch: Ints
    ) -> tuple[Ints, Ints]:
        """Return the positions of the switches that select something, and the nodes selected."""
        raw = words.take(frame * words.shape[1] + self._window.take(switch))
        raw <<= self._up.take(switch)
        raw >>= self._down.take(switch)
        raw &= self._mask.take(switch)
        place = self._raws.searchsorted(raw)
        switch_key = switch * len(self._raws)
        switch_key += place
        branch = self._keys.searchsorted(switch_key)
        found = self._raws.take(place, mode="clip") == raw
        found &= self._keys.take(branch, mode="clip") == switch_key
        found &= self._end.take(switch) <= length.take(frame)
        chosen = np.flatnonzero(found)
        return chosen, self._nodes.take(branch.take(chosen))
