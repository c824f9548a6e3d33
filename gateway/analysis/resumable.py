"""An engine whose process may be killed at any moment without an event being lost or invented."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.engine import Engine
from gateway.analysis.rules import Rule
from gateway.analysis.state import RULE_STATE, RuleStates
from gateway.record import ALARM, Alarms, Samples


class ResumableEngine:
    """An `Engine` that can be taken up by another process where the last commit left it.

    The worker's loop is: `feed`, emit the events, `commit`, then give up its place in the ring.
    A process that is killed before `commit` leaves the state from before the batch, and the one
    after it feeds the batch again and emits the same events again, which `AlarmMerge` drops. One
    killed after `commit` leaves a batch that was judged; it is passed over by its positions.

    The memory holds two copies and the number of the one that counts, so that a kill while one is
    written leaves the other whole:

        offset  size           field
        0       8              commits so far; the copy that counts is that number modulo 2
        8       copy           copy 0
        8+copy  copy           copy 1

        a copy: 8 bytes for each lane, the position below which its samples are judged; then
        `RULE_STATE` for each rule

    Args:
        rules: The rules to evaluate.
        lanes: How many lanes the samples come in.
        memory: `size` writable bytes, aligned to 8, that outlive the process; all zero to begin
            with. They belong to one process at a time: the one that takes them up waits for the
            end of the one before, and that wait is all the memory barrier that is needed.
    """

    def __init__(self, rules: Sequence[Rule], lanes: int, memory: NDArray[np.uint8]) -> None:
        whole = memory[: self.size(len(rules), lanes)]
        self._commits: NDArray[np.int64] = whole[:8].view(np.int64)
        copies = whole[8:].reshape(2, -1)
        self._copies = [each.data for each in copies]
        # Laid out as a copy is, so that committing it is one memcpy.
        now = copies[self._commits[0] % 2].copy()
        self._now = now.data
        self._position: NDArray[np.uint64] = now[: 8 * lanes].view(np.uint64)
        self._engine = Engine(rules, now[8 * lanes :].view(RULE_STATE))

    @staticmethod
    def size(rules: int, lanes: int) -> int:
        """Return how many bytes of memory it takes."""
        return 8 + 2 * (8 * lanes + RULE_STATE.itemsize * rules)

    @staticmethod
    def committed(rules: int, lanes: int, memory: NDArray[np.uint8]) -> RuleStates:
        """Return a copy of where the rules stood at the last commit; for any process.

        Args:
            rules: How many there are.
            lanes: As for the class.
            memory: As for the class; another process may be at work in it.
        """
        whole = memory[: ResumableEngine.size(rules, lanes)]
        commits: NDArray[np.int64] = whole[:8].view(np.int64)
        while True:
            before = int(commits[0])
            copy: NDArray[np.uint8] = whole[8:].reshape(2, -1)[before % 2].copy()
            # The copy that counts is written to only after the other one has come to count.
            if commits[0] == before:
                return copy[8 * lanes :].view(RULE_STATE)

    @property
    def state(self) -> RuleStates:
        """Where the rules stand after the last `feed`."""
        return self._engine.state

    def feed(self, samples: Samples, lane: int, positions: int | NDArray[np.integer]) -> Alarms:
        """Advance by a batch; see `Engine.feed`. Samples judged before are passed over."""
        if not len(samples):
            return np.empty(0, ALARM)
        at = np.asarray(positions, np.uint64)
        if not at.ndim:
            at = np.arange(len(samples), dtype=np.uint64) + at
        done = 0 if at[0] >= self._position[lane] else int(at.searchsorted(self._position[lane]))
        alarms = self._engine.feed(samples[done:], lane, at[done:])
        self._position[lane] = max(self._position[lane], at[-1] + np.uint64(1))
        return alarms

    def commit(self) -> None:
        """Let a process that takes up the memory go on from here."""
        following = (int(self._commits[0]) + 1) % 2
        self._copies[following][:] = self._now
        # One aligned store, after the copy is whole: before it the old copy counts, after it the
        # new. A kill cannot undo or reorder what the process had already executed.
        self._commits[0] += 1
