"""Starts the processes of the table, watches them, restarts them, and stops them in order."""

from __future__ import annotations

import gc
import logging
import os
import random
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.errors import LockHeld
from gateway.ring import Event
from gateway.supervisor.child import EXIT_INPUT, Child, ChildState, describe_exit
from gateway.supervisor.desk import Desk
from gateway.supervisor.stop_signals import stop_signals
from gateway.supervisor.table import ProcessSpec, Stage
from gateway.workers.board import Board, RowState

WATCH_INTERVAL_NS = 500 * NS_PER_MS
"""How often heartbeats are looked at; a death is told by the kernel at once."""

START_TIMEOUT_NS = 5 * NS_PER_S
"""How long the others wait for one that does not get ready."""

STOOD_STILL_NS = 2 * NS_PER_S
"""A turn of the loop that comes so late: this process stood still, and all others with it, halted
by Ctrl-Z or frozen with their container. None of them could beat meanwhile."""

UNKILLABLE_NS = 300 * NS_PER_MS
"""A process that is killed ends within milliseconds, but for one that a driver holds in the kernel:
that one is left behind. The kernel ends it when the driver returns."""

_STARTING_POLL_NS = 2 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        killed: Names of the processes that did not stop in time and had to be killed.
        failed: Names of the processes that were given up.
    """

    killed: tuple[str, ...]
    failed: tuple[str, ...]


class Supervisor:
    """Runs a process table once.

    Args:
        table: What to run.
        board: Where the processes say how they are, a row for each name.
        start: Set when all are ready.
        stop: Set when the producers are to end; the other stages end with their input.
        clock: For everything timed.
        let_go: Called when a process has ended for good, to close its lanes and free its places;
            called again later if it raises `LockHeld`.
        in_child: Called first in every new process.

    Attributes:
        children: The rows of the table as they run.
        desk: Where the gateway can be asked; None where it cannot.
        on_turn: Called in every turn of the loop, at least twice a second.
    """

    def __init__(
        self,
        table: Sequence[ProcessSpec],
        board: Board,
        *,
        start: Event,
        stop: Event,
        clock: Clock,
        let_go: Callable[[ProcessSpec], None],
        in_child: Callable[[], None],
    ) -> None:
        self.children = [Child(spec) for spec in table]
        self._board = board
        self._start = start
        self._stop = stop
        self._clock = clock
        self.on_turn: Callable[[], None] = lambda: None
        self._free_places = let_go
        self._to_let_go: list[ProcessSpec] = []
        self._in_child = in_child
        self.desk: Desk | None = None
        self._log = logging.getLogger("supervisor")
        self._stage = Stage.PRODUCER
        self._stage_began_ns = 0
        self._turned_ns = self._resumed_ns = 0
        self._hurry = False
        self._selector = selectors.DefaultSelector()

    def run(self, seconds: float | None = None) -> Outcome:
        """Run until every process has ended: by itself, or because it was told to.

        Args:
            seconds: Ask for the stop after so many seconds; None does not.
        """
        now_ns = self._clock.monotonic_ns()
        end_ns = None if seconds is None else now_ns + round(seconds * NS_PER_S)
        self._stage_began_ns = self._turned_ns = now_ns
        gc.collect()
        gc.freeze()  # the children then share these objects' pages instead of copying them
        with self._selector, stop_signals() as asked:
            self._selector.register(asked, selectors.EVENT_READ, self._on_signal)
            if self.desk is not None:
                self.desk.register(self._selector)
            try:
                for child in sorted(self.children, key=lambda each: -each.spec.stage):
                    self._spawn(child)
                while not all(child.ended for child in self.children):
                    self._turn(end_ns)
            finally:
                self._kill_all()
                if self.desk is not None:
                    self.desk.forget()
        gc.unfreeze()
        return Outcome(killed=self._names(ChildState.KILLED), failed=self._names(ChildState.FAILED))

    def request_stop(self) -> None:
        """Ask the producers to end; all else follows from that, within a bound."""
        if not self._hurry:
            self._hurry = True
            self._stage_began_ns = self._clock.monotonic_ns()
            self._stop.set()
            self._start.set()

    # One turn of the loop.

    def _turn(self, end_ns: int | None) -> None:
        for key, _ in self._selector.select(self._patience_ns(end_ns) / NS_PER_S):
            key.data(key.fileobj)
        self.on_turn()
        leaving, self._to_let_go = self._to_let_go, []
        for spec in leaving:
            self._let_go(spec)
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._turned_ns > STOOD_STILL_NS:
            self._resumed_ns = now_ns
        self._turned_ns = now_ns
        if self.desk is not None:
            self.desk.turn(now_ns)
        if end_ns is not None and now_ns >= end_ns:
            self.request_stop()
        if not self._start.is_set() and self._all_ready(now_ns):
            self._start.set()
        for child in self.children:
            if child.state is ChildState.RESTARTING and now_ns >= child.restart_at_ns:
                child.restarts += 1
                self._spawn(child)
            elif child.state is ChildState.RUNNING:
                self._watch(child, now_ns)
        self._advance_stage(now_ns)

    def _patience_ns(self, end_ns: int | None) -> int:
        if not self._start.is_set():
            return _STARTING_POLL_NS
        now_ns = self._clock.monotonic_ns()
        wait_ns = WATCH_INTERVAL_NS
        if end_ns is not None and not self._hurry:
            wait_ns = min(wait_ns, end_ns - now_ns)
        for child in self.children:
            if child.state is ChildState.RESTARTING:
                wait_ns = min(wait_ns, child.restart_at_ns - now_ns)
            if self._hurry and child.spec.stage is self._stage and not child.ended:
                wait_ns = min(wait_ns, self._stage_began_ns + _overdue_ns(child) - now_ns)
        return max(wait_ns, 0)

    def _all_ready(self, now_ns: int) -> bool:
        if now_ns - self._stage_began_ns > START_TIMEOUT_NS:
            return True
        return all(
            child.ended or self._board[child.spec.name].state is not RowState.STARTING
            for child in self.children
        )

    def _let_go(self, spec: ProcessSpec) -> None:
        try:
            self._free_places(spec)
        except LockHeld:
            self._to_let_go.append(spec)

    # What can happen to a child.

    def _spawn(self, child: Child) -> None:
        try:
            child.start(self._clock.monotonic_ns(), self._become_child)
        except OSError as error:
            # No memory, or too many processes: that is not its fault, and may pass.
            how = f"could not be started ({error.strerror})"
            self._start_again(child, how, child.spec.restart.max_delay_s)
            return
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda _: self._on_end(child))

    def _become_child(self) -> None:
        self._selector.close()
        for child in self.children:
            if child.pidfd >= 0:
                os.close(child.pidfd)
        if self.desk is not None:
            self.desk.forget()
        self._in_child()

    def _on_end(self, child: Child) -> None:
        if child.pidfd < 0:
            return  # reaped already, in the same turn
        self._selector.unregister(child.pidfd)
        code = child.reap()
        if code == 0:
            child.state = ChildState.DONE
        elif child.state is ChildState.KILLED:
            self._let_go(child.spec)
        elif code == EXIT_INPUT:
            self._give_up(child, "its input is wrong")
        else:
            self._crashed(child, "its heartbeat stopped" if child.hung else describe_exit(code))

    def _crashed(self, child: Child, how: str) -> None:
        policy = child.spec.restart
        ran_s = (self._clock.monotonic_ns() - child.started_ns) / NS_PER_S
        child.crashes = policy.crashes_in_a_row(child.crashes, ran_s)
        if policy.gives_up(child.crashes):
            self._give_up(child, f"{child.crashes} crashes in a row, last: {how}")
        elif self._hurry and child.spec.stage is Stage.PRODUCER:
            self._log.error("%s ended while stopping (%s)", child.spec.name, how)
            child.state = ChildState.FAILED
            self._let_go(child.spec)
        else:
            delay_s = policy.delay_s(child.crashes, random.random)
            self._start_again(child, f"ended ({how})", delay_s)

    def _start_again(self, child: Child, why: str, delay_s: float) -> None:
        child.state = ChildState.RESTARTING
        child.restart_at_ns = self._clock.monotonic_ns() + round(delay_s * NS_PER_S)
        self._log.error("%s %s; starting it again in %.2f s", child.spec.name, why, delay_s)

    def _give_up(self, child: Child, why: str) -> None:
        child.state = ChildState.FAILED
        self._log.critical(
            "%s is given up (%s)%s",
            child.spec.name,
            why,
            "; the gateway ends, because it cannot do without" if child.spec.essential else "",
        )
        self._let_go(child.spec)
        if child.spec.essential:
            self.request_stop()

    def _watch(self, child: Child, now_ns: int) -> None:
        heartbeat_ns = int(self._board[child.spec.name].numbers["heartbeat_ns"])
        beat_ns = max(heartbeat_ns, child.started_ns, self._resumed_ns)
        if now_ns - beat_ns > child.spec.heartbeat_timeout_s * NS_PER_S and not child.hung:
            child.hung = True
            self._log.error(
                "%s hangs: no heartbeat for %.1f s", child.spec.name, (now_ns - beat_ns) / NS_PER_S
            )
            child.kill()

    def _advance_stage(self, now_ns: int) -> None:
        """Go on to the next stage when this one has ended; kill who holds it up."""
        here = [child for child in self.children if child.spec.stage is self._stage]
        if all(child.ended for child in here):
            if self._stage is not Stage.SINK:
                self._stage = Stage(self._stage + 1)
                self._stage_began_ns = now_ns
            return
        if not self._hurry:
            return  # a recording's end: what is in the rings may take as long as it takes
        late_ns = now_ns - self._stage_began_ns
        for child in here:
            if child.ended or late_ns < _overdue_ns(child):
                continue
            if child.state is ChildState.KILLED:
                self._abandon(child)
            else:
                self._log.error("%s did not stop in time and is killed", child.spec.name)
                running = child.state is ChildState.RUNNING
                child.state = ChildState.KILLED
                if running:
                    child.kill()
                else:
                    self._let_go(child.spec)

    def _abandon(self, child: Child) -> None:
        self._log.critical("%s cannot be killed; it is left behind", child.spec.name)
        with suppress(KeyError, ValueError):
            self._selector.unregister(child.pidfd)
        child.abandon()
        self._let_go(child.spec)

    # Signals.

    def _on_signal(self, wakeup: socket.socket) -> None:
        for number in wakeup.recv(64):
            if not self._hurry:
                self.request_stop()
            elif number != signal.SIGHUP:  # which comes twice, from the terminal and its shell
                self._log.warning("asked to stop a second time: killing what still runs")
                self._kill_all()
                return

    def _kill_all(self) -> None:
        for child in self.children:
            child.kill()
        give_up_ns = self._clock.monotonic_ns() + UNKILLABLE_NS
        for child in self.children:
            if not child.ended:
                child.state = ChildState.KILLED
            if child.pidfd < 0:
                continue
            left_ms = max(0, give_up_ns - self._clock.monotonic_ns()) // NS_PER_MS
            with suppress(KeyError, ValueError):
                self._selector.unregister(child.pidfd)
            if child.wait(left_ms):
                child.reap()
            else:
                self._abandon(child)

    def _names(self, state: ChildState) -> tuple[str, ...]:
        return tuple(child.spec.name for child in self.children if child.state is state)


def _overdue_ns(child: Child) -> int:
    """Return how long after its stage's beginning something is to be done about *child*."""
    stop_ns = round(child.spec.stop_timeout_s * NS_PER_S)
    return stop_ns + UNKILLABLE_NS if child.state is ChildState.KILLED else stop_ns
