"""An alarm sink: puts the analyzers' events back into order and hands them to an output."""

from __future__ import annotations

import contextlib
import logging
import select
from collections.abc import Callable, Sequence

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.errors import RingClosed, RingTimeout
from gateway.record import Alarm, Alarms, unpack_alarms
from gateway.ring import Reader, Ring
from gateway.sinks.lines import LineOutput
from gateway.sinks.ordering import AlarmMerge
from gateway.workers.board import Row, RowState

IDLE_BEAT_NS = 500 * NS_PER_MS
SETTLE_NS = 1 * NS_PER_MS
"""How soon to look again whether the other analyzers have come past a held event."""


MOST_UNCOMMITTED = 1 << 10
"""Events that are kept in the ring while others are still waited for; a quarter of a lane."""

_THE_END = 2**63 - 1


class AlarmSink:
    """One sink's loop. Runs in a process of its own until the alarms ring ends.

    Args:
        name: The sink's, and its reader's.
        output: Where the events end.
        words: Puts one event into a line.
        merge: What puts them in order.
        alarms: Its reader of the alarms ring.
        samples: The samples ring, for how far the analyzers have come.
        analyzers: The names of the analyzers' readers of that ring.
        row: Where it says how it is.
        clock: For the heartbeat and the merge's patience.
    """

    def __init__(
        self,
        name: str,
        output: LineOutput,
        words: Callable[[Alarm], bytes],
        merge: AlarmMerge,
        alarms: Reader,
        samples: Ring,
        analyzers: Sequence[str],
        row: Row,
        clock: Clock,
    ) -> None:
        self._output = output
        self._words = words
        self._log = logging.getLogger(name)
        self._merge = merge
        self._alarms = alarms
        self._samples = samples
        self._analyzers = analyzers
        self._row = row
        self._clock = clock

    def run(self) -> None:
        """Write events until the end of the stream."""
        self._take_over()
        self._facts: dict[str, object] = {}
        self._row.state = RowState.RUNNING
        ended = False
        while not ended:
            # Who has yet to pass an event that is held is at work.
            self._wait(SETTLE_NS if len(self._merge) else IDLE_BEAT_NS)
            # Before the events are drained, see `AlarmMerge`.
            consumed = self._samples.consumed(self._analyzers)
            ended = self._drain()
            if ended:
                consumed = [_THE_END] * len(consumed)
            now_ns = self._clock.monotonic_ns()
            self._write(self._merge.pop(consumed, now_ns))
            self._commit()
            self._report(now_ns)
        self._output.close()
        self._report(self._clock.monotonic_ns())
        self._row.state = RowState.DONE

    def _take_over(self) -> None:
        """Go on where a process that was killed left off; for the first one that is nowhere.

        What that one had read and not committed comes again. Some of it may be written already:
        those lines are read back, and not written twice.
        """
        numbers, output, facts = self._row.numbers, self._output, self._row.read_facts()
        self._before = int(numbers["delivered"]), int(numbers["lost"])
        self._missed = facts.get("missed", 0)
        self._uncommitted = 0
        # What an analyzer that was killed says again comes twice, and leaves once.
        self._taken = self._left = 0
        self._repeated = facts.get("repeated", 0)
        self._written: set[bytes] = set()
        if not numbers["produced"]:
            numbers["produced"] = output.mark() + 1
        # Without the facts, which a kill can tear, from the beginning.
        mark, delivered = facts.get("committed", (int(numbers["produced"]) - 1, 0))
        lines = output.lines_since(mark)
        self._written.update(lines)
        self._before = max(self._before[0], delivered + len(lines)), self._before[1]
        self._at_commit = {"committed": (mark, delivered), "repeated": self._repeated}

    def _wait(self, timeout_ns: int) -> None:
        """Wait for the next event, or for the end of the stream."""
        with contextlib.suppress(RingClosed):  # as `_drain` finds, too
            if not self._alarms.arm():
                select.select([self._alarms], [], [], timeout_ns / NS_PER_S)

    def _drain(self) -> bool:
        """Take all events there are; return whether the stream ended."""
        while True:
            try:
                batch = self._alarms.read(timeout_ns=0)
            except RingTimeout:
                return False
            except RingClosed:
                return True
            if batch.lost:
                self._missed += batch.lost
                self._log.error("%d events were overtaken before they could be shown", batch.lost)
            self._merge.push(batch.records)
            self._taken += len(batch.records)
            self._uncommitted += len(batch.records)

    def _write(self, alarms: Alarms) -> None:
        before = self._output.error
        self._left += len(alarms)
        lines = [self._words(alarm) for alarm in unpack_alarms(alarms)]
        self._output.write([line for line in lines if line not in self._written])
        error = self._output.error
        if error and not before:
            self._log.error("%s; events wait in memory", error)
        elif before and not error:
            self._log.warning("written again")

    def _commit(self) -> None:
        """Give the events' slots back once they are written.

        Not before, or a kill would lose them; but an output that takes nothing, a full disk, must
        not stop the analyzers: its events then wait in this process's memory alone.
        """
        if self._uncommitted and (not len(self._merge) or self._uncommitted > MOST_UNCOMMITTED):
            self._alarms.commit()
            self._uncommitted = 0
            self._written.clear()
            self._note_commit()

    def _note_commit(self) -> None:
        """Note for a successor where the lines begin that may belong to events it gets again."""
        mark = self._output.mark()
        # What cannot be read back is counted in the row alone: facts that stay need no writing.
        delivered = self._before[0] + self._output.written if mark else 0
        repeated = self._repeated + self._taken - self._left - len(self._merge)
        self._at_commit = {"committed": (mark, delivered), "repeated": repeated}

    def _report(self, now_ns: int) -> None:
        output, numbers = self._output, self._row.numbers
        written, lost = self._before
        numbers["delivered"] = written + output.written
        numbers["lost"] = lost + output.lost
        numbers["received"] = numbers["delivered"] + numbers["lost"]
        waiting = output.pending + len(self._merge)
        facts = {"waiting": waiting, "missed": self._missed, "error": output.error}
        facts |= self._at_commit
        if facts != self._facts:
            self._row.write_facts(facts)
            self._facts = facts
        self._row.beat(now_ns)
