"""A source that has to ask: requests at their times, each of them answered or counted as lost."""

from __future__ import annotations

import heapq
import os
import select
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.counters import Counters
from gateway.decode.slot import NO_SAMPLES, SampleWriter, Slot
from gateway.errors import LinkClosedError
from gateway.record import Origin, Samples
from gateway.signals import Signal
from gateway.sources.link import LinkState


class Unanswered(Exception):  # noqa: N818 - what became of a request, not a mistake
    """A request was lost; the text is the reason that it is counted by."""


class Value(NamedTuple):
    """One number of an answer, and where it goes."""

    slot: Slot
    raw: float


class Question(Protocol):
    """One request, sent again and again.

    Attributes:
        every_ns: How often.
        signals: The signals that its answer has.
    """

    every_ns: int
    signals: Collection[int]

    def ask(self) -> Sequence[Value]:
        """Send it, and return what the answer holds.

        Raises:
            Unanswered: No answer came in time, or none that can be used.
            LinkLostError: The link is gone.
        """
        ...


class Inquirer(Protocol):
    """A link to whom is asked. Used by one thread at a time.

    Attributes:
        questions: All that may be asked.
    """

    questions: Sequence[Question]

    def open(self) -> None:
        """Open the link.

        Raises:
            LinkError: The device is absent, busy, or refuses the settings.
        """
        ...

    def close(self) -> None:
        """Close the link; allowed when it is not open."""
        ...


class _Outcome(NamedTuple):
    """What became of one request: *values*, or the reason why there are none."""

    t_ns: int
    values: Sequence[Value]
    loss: str = ""


class PolledSource:
    """The `Source` of devices that speak only when they are asked.

    A thread of its own asks and waits for answers, since the libraries that do it block; `read`
    takes what it has brought. Each question has its moments on an absolute grid of ``every``, so
    it does not drift; moments that have passed while others were asked are passed over, because
    a device that is late does not get faster by more requests. Answers are stamped when they have
    come. What nobody asks for is not asked of the device.

    It counts requests: those answered as delivered, the others as lost by reason.

    Args:
        config: The source's section.
        signals: Its signals, as registered.
        index: Its position in the configuration.
        inquirer: Who asks; the section's own.
        clock: What stamps the samples.
    """

    unit = "requests"
    live = True

    def __init__(
        self,
        config: ModbusConfig | ObdConfig,
        signals: tuple[Signal, ...],
        index: int,
        inquirer: Inquirer,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = config.name
        self.signals = signals
        self.counters = Counters()
        self._config = config
        self._index = index
        self._inquirer = inquirer
        self._clock = clock
        self._wanted: frozenset[int] = frozenset(signal.index for signal in signals)
        self._outcomes: deque[_Outcome | BaseException] = deque()
        self._came = -1  # an eventfd: something is in the deque
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard_ns = 0
        self._asks = False

    def select(self, wanted: Collection[int]) -> None:
        """See `Source`."""
        self._wanted = frozenset(wanted)

    def __enter__(self) -> Self:
        """See `Source`."""
        if self._thread is not None:
            raise ValueError(f"{self.name}: got a second entry, expected one at a time")
        self._inquirer.open()
        self._came = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._heard_ns = self._clock.monotonic_ns()
        self._closing.clear()
        asked = [each for each in self._inquirer.questions if self._wanted & set(each.signals)]
        self._asks = bool(asked)
        self._thread = threading.Thread(target=self._work, args=[asked], name=f"{self.name} asks")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the link when the request that is under way has ended.

        Answers that nobody has read by then count as lost, "closed".
        """
        if self._thread is None:
            return
        self._closing.set()
        self._thread.join()
        self._thread = None
        self._inquirer.close()
        for outcome in self._outcomes:
            if isinstance(outcome, _Outcome):
                self._count("closed" if not outcome.loss else outcome.loss)
        self._outcomes.clear()
        os.close(self._came)
        self._came = -1

    def fileno(self) -> int | None:
        """See `Source`."""
        return None if self._thread is None else self._came

    def read(self, timeout_ns: int) -> Samples | None:
        """See `Source`."""
        if self._thread is None:
            raise LinkClosedError(f"{self.name}: read outside its with block")
        ready = select.poll()
        ready.register(self._came, select.POLLIN)
        if not ready.poll(-(-timeout_ns // NS_PER_MS)):
            return NO_SAMPLES
        os.eventfd_read(self._came)
        parts: list[Samples] = []
        while self._outcomes:
            outcome = self._outcomes[0]
            if isinstance(outcome, BaseException):
                if parts:  # these first; the link will still be gone at the next read
                    os.eventfd_write(self._came, 1)
                    break
                raise outcome
            self._outcomes.popleft()
            self._count(outcome.loss)
            if not outcome.loss:
                self._heard_ns = outcome.t_ns
            parts.append(self._samples(outcome))
        return np.concatenate(parts) if parts else NO_SAMPLES

    def link_states(self) -> Mapping[LinkState, str]:
        """See `Source`."""
        limit_ns = self._config.mute_after
        if self._asks and limit_ns and self._clock.monotonic_ns() - self._heard_ns >= limit_ns:
            return {LinkState.MUTE: f"nobody has answered for {limit_ns / NS_PER_S:g} s or longer"}
        return {}

    def _count(self, loss: str) -> None:
        self.counters.received += 1
        if loss:
            self.counters.lost[loss] += 1
        else:
            self.counters.delivered += 1

    def _samples(self, outcome: _Outcome) -> Samples:
        writer = SampleWriter(self._index, outcome.t_ns, Origin.USER)
        for slot, raw in outcome.values:
            if slot.signal in self._wanted:
                writer.add(slot, raw)
        return writer.samples()

    def _work(self, questions: Sequence[Question]) -> None:
        """Ask *questions* until told to close. Runs in the thread; `read` raises what it raises."""
        now_ns = self._clock.monotonic_ns
        began_ns = now_ns()
        due = [(began_ns, number) for number in range(len(questions))]
        try:
            while due and not self._closing.wait(max(0, due[0][0] - now_ns()) / NS_PER_S):
                due_ns, number = due[0]
                question = questions[number]
                try:
                    values, loss = question.ask(), ""
                except Unanswered as reason:
                    values, loss = (), str(reason)
                t_ns = now_ns()
                self._tell(_Outcome(t_ns, values, loss))
                passed = max(0, t_ns - due_ns) // question.every_ns
                heapq.heapreplace(due, (due_ns + (passed + 1) * question.every_ns, number))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever reads
            self._tell(error)

    def _tell(self, outcome: _Outcome | BaseException) -> None:
        self._outcomes.append(outcome)
        os.eventfd_write(self._came, 1)
