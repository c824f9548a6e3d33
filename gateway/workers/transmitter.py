"""A transmitter: sends what is armed on one bus, when a rule or a person asks for it."""

from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
from collections import Counter
from typing import Any

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.config.model import FieldError
from gateway.errors import LinkError, RingClosed, RingTimeout
from gateway.ring import Reader
from gateway.transmit.arming import ArmedBus
from gateway.transmit.queue import Command, Outcome, TransmitQueue
from gateway.transmit.reactions import Reactions
from gateway.transmit.writers import FrameWriter
from gateway.workers.board import Row, RowState

IDLE_BEAT_NS = 500 * NS_PER_MS
FULL_RETRY_NS = 2 * NS_PER_MS
"""How soon to try again while the interface's queue is full: about the time of a dozen frames."""

FIRST_RETRY_NS = NS_PER_S // 5
LONGEST_RETRY_NS = NS_PER_S // 2
STALL_NS = 5 * NS_PER_S
"""A frame that the bus has not confirmed for so long is taken for lost with its link."""

PACKET_SIZE = 1 << 18
"""Bytes that a request, or its answer, has at most: JSON makes up to six of one in the question."""


class Transmitter:
    """One bus's loop. Runs in a process of its own until the alarms ring ends.

    A command is carried out at most once: one that a transmitter was killed over is not repeated.

    Args:
        bus: What may be sent.
        writer: The way out; constructed, not open.
        reactions: What rules send.
        alarms: Its reader of the alarms ring.
        requests: Where requests come in, and their outcomes go out, a JSON object a packet.
        row: Where it says how it is; a predecessor's numbers in it are continued.
        clock: For everything timed.
    """

    def __init__(
        self,
        bus: ArmedBus,
        writer: FrameWriter,
        reactions: Reactions,
        alarms: Reader,
        requests: socket.socket,
        row: Row,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._writer = writer
        self._reactions = reactions
        self._alarms = alarms
        self._requests = requests
        self._row = row
        self._clock = clock
        self._queue = TransmitQueue([each.config for each in bus.armed.values()])
        self._log = logging.getLogger(f"{bus.source.name}.tx")
        self._ready = select.poll()
        self._ready.register(requests, select.POLLIN)
        self._ready.register(alarms.fileno(), select.POLLIN)
        self._is_open = self._is_full = False
        self._down = ""
        self._outages = 0
        self._retry_ns, self._retry_at_ns = FIRST_RETRY_NS, 0
        self._failing: set[str] = set()
        self._facts: dict[str, Any] = {}

    def run(self) -> None:
        """Send until no alarm can come any more, then refuse what still waits."""
        self._continue_predecessor()
        self._row.state = RowState.RUNNING
        while True:
            self._keep_link()
            ended = self._take_alarms()
            self._take_requests()
            self._send()
            if ended:
                break
            self._conclude()
            self._wait()
        self._queue.refuse_waiting("the gateway is stopping")
        self._conclude()
        self._writer.close()
        self._row.state = RowState.DONE

    # What is asked for.

    def _take_alarms(self) -> bool:
        """Take what rules ask for, a batch; return whether no alarm will come any more."""
        try:
            batch = self._alarms.peek(timeout_ns=0)
        except RingTimeout:
            return False
        except RingClosed:
            return True
        for alarm, actions in self._reactions.to(batch.records):
            for action in actions:
                expiry_ns = self._bus.armed[action.transmit].config.expiry
                deadline_ns = int(alarm["emitted_ns"]) + expiry_ns
                self._ask(Command(action.transmit, action.cause, deadline_ns, action.frame))
            # Counted before it is marked as dealt with: a kill between the two repeats it.
            self._count()
        self._alarms.commit()
        return False

    def _take_requests(self) -> None:
        """Take what people ask for, through the supervisor."""
        while True:
            try:
                request = json.loads(self._requests.recv(PACKET_SIZE))
            except BlockingIOError:
                return
            name = request["transmit"]
            armed = self._bus.armed[name]
            deadline_ns = request["asked_ns"] + armed.config.expiry
            ticket = request["ticket"]
            try:
                frame = armed.frame(request["values"])
            except FieldError as error:
                command = Command(name, "a request", deadline_ns, None, ticket)
                self._queue.refuse(command, str(error))
            else:
                self._ask(Command(name, "a request", deadline_ns, frame, ticket))
            self._count()

    def _ask(self, command: Command) -> None:
        self._queue.ask(command, self._clock.monotonic_ns())

    # The way out.

    def _keep_link(self) -> None:
        """Open the link where it is not, if it is time to try; see what came from it."""
        now_ns = self._clock.monotonic_ns()
        if self._is_open:
            self._look_at_link(now_ns)
        elif now_ns >= self._retry_at_ns:
            try:
                self._writer.open()
            except LinkError as error:
                self._lose_link(str(error))
                return
            if self._down:
                self._log.warning("link restored")
            self._down, self._retry_ns, self._is_open = "", FIRST_RETRY_NS, True
            self._row.state = RowState.RUNNING
            descriptor = self._writer.fileno()
            if descriptor is not None:
                self._ready.register(descriptor, select.POLLIN)

    def _look_at_link(self, now_ns: int) -> None:
        try:
            if self._writer.poll():
                self._queue.confirmed()
        except LinkError as error:
            self._lose_link(str(error))
            return
        if self._queue.in_flight_ns(now_ns) > STALL_NS:
            self._lose_link(f"the bus has taken nothing for {STALL_NS / NS_PER_S:g} s")

    def _send(self) -> None:
        """Hand over what can be handed over; drop what has waited for too long."""
        self._is_full = False
        while self._is_open:
            now_ns = self._clock.monotonic_ns()
            command = self._queue.next(now_ns)
            if command is None or command.frame is None:
                break
            try:
                if not self._writer.write(command.frame):
                    self._is_full = True
                    break
            except LinkError as error:
                self._lose_link(str(error))
                break
            self._queue.handed_over(now_ns)
            if not self._writer.confirms:
                self._queue.confirmed()
            self._count()
        why = self._down or "the bus did not take it in time"
        self._queue.expire(self._clock.monotonic_ns(), why)

    def _lose_link(self, why: str) -> None:
        descriptor = self._writer.fileno()
        if self._is_open and descriptor is not None:
            self._ready.unregister(descriptor)
        self._writer.close()
        self._is_open = False
        self._queue.link_lost()
        if not self._down:
            self._outages += 1
            self._log.warning("link lost: %s", why)
        self._down = why
        self._row.state = RowState.WAITING
        self._retry_at_ns = self._clock.monotonic_ns() + self._retry_ns
        self._retry_ns = min(2 * self._retry_ns, LONGEST_RETRY_NS)

    def _wait(self) -> None:
        """Wait until there may be something to do."""
        try:
            timeout_ns = 0 if self._alarms.arm() else self._patience_ns()
        except RingClosed:
            return
        self._ready.poll(-(-timeout_ns // NS_PER_MS))

    def _patience_ns(self) -> int:
        if self._is_full:
            return FULL_RETRY_NS
        now_ns = self._clock.monotonic_ns()
        until = [now_ns + IDLE_BEAT_NS]
        if not self._is_open:
            until.append(self._retry_at_ns)
        if (deadline_ns := self._queue.next_deadline_ns()) is not None:
            until.append(deadline_ns)
        return max(min(until) - now_ns, 0)

    # What became of it.

    def _conclude(self) -> None:
        """Answer those who asked, and say how things are."""
        for command, outcome, reason in self._queue.take_settled():
            if command.ticket is not None:
                answer = {"ticket": command.ticket, "outcome": outcome, "reason": reason}
                # Should nobody take the answers, whoever asked is told that none came.
                with contextlib.suppress(OSError):
                    self._requests.send(json.dumps(answer).encode())
            if outcome is Outcome.SENT:
                self._log.debug("sent %s (%s)", command.transmit, command.cause)
                self._failing.discard(command.transmit)
            elif command.ticket is None and command.transmit not in self._failing:
                # The first of a row; the ledger counts the others.
                self._failing.add(command.transmit)
                text = "%s for %s was not sent but %s: %s"
                self._log.error(text, command.transmit, command.cause, outcome, reason)
        self._count()
        facts = {
            "lost": dict(self._before + self._own_losses()),
            "late": self._late_before + self._queue.late,
            "outages": self._outages,
        }
        if facts != self._facts:
            self._row.write_facts(facts)
            self._facts = facts
        self._row.beat(self._clock.monotonic_ns())

    def _count(self) -> None:
        queue, numbers = self._queue, self._row.numbers
        numbers["received"] = self._requested_before + queue.requested
        numbers["delivered"] = self._sent_before + queue.sent
        numbers["lost"] = self._before.total() + self._own_losses().total()

    def _own_losses(self) -> Counter[str]:
        return Counter(expired=self._queue.expired, refused=self._queue.refused)

    def _continue_predecessor(self) -> None:
        """Count on from where a process that was killed left off; what it held is lost."""
        numbers, facts = self._row.numbers, self._row.read_facts()
        self._requested_before = int(numbers["received"])
        self._sent_before = int(numbers["delivered"])
        self._before = Counter({key: int(n) for key, n in facts.get("lost", {}).items()})
        if unreported := int(numbers["lost"]) - self._before.total():
            self._before["before restart"] += unreported
        if held := self._requested_before - self._sent_before - self._before.total():
            self._before["process ended"] += held
        self._late_before = facts.get("late", 0)
        self._outages = facts.get("outages", 0)
