"""The fixture ``bench``: what a test can do with a bench."""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, NoReturn, Self

import pytest

from gateway.bench.alarms import Alarms
from gateway.bench.bench_file import IsoTpConfig
from gateway.bench.errors import BenchError, NoAnswer, unknown
from gateway.bench.health import Health
from gateway.bench.looking import Looker
from gateway.bench.outcome import Latency, Outcome, Rate
from gateway.bench.request import ask
from gateway.bench.rig import Rig, Touched
from gateway.bench.timeline import Timeline
from gateway.clock import parse_duration
from gateway.config.model import FieldError
from gateway.config.values import SignalValue


class Fault:
    """A fault that is injected. In a ``with`` block it is cleared at its end.

    Attributes:
        kind: As in the simulator's scenarios.
        on: What it is on.
        effects: How often it took effect; known when it has been cleared.
    """

    def __init__(self, bench: Bench, number: int, kind: str, on: str) -> None:
        self.kind = kind
        self.on = on
        self.effects: int | None = None
        self._bench = bench
        self.number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.effects is None:
            self._bench.clear(self)


class Bench:
    """A bench, for one test.

    All durations are text such as "500ms", and are measured on the frames' own times, not on when
    this process got round to reading them. From when on they count: `gateway.bench.timeline`.

    Args:
        rig: The bench that runs.

    Attributes:
        alarms: What the gateway's rules say.
        name: Which bench it is: "sim", "vcan0", "bench.toml".
        outcomes: All that was found out so far.
    """

    def __init__(self, rig: Rig) -> None:
        self.name = rig.choice.name
        self.outcomes: list[Outcome] = []
        self.rig = rig
        self.touched = Touched()
        rig.observer.begin()
        self.timeline = Timeline(rig.clock.monotonic_ns())
        self.health = Health(rig)
        self.alarms = Alarms(rig, self.timeline, self._note)
        self._looker = Looker(rig)

    def __repr__(self) -> str:
        return f"<bench {self.name}>"

    # What is done to the device

    def set(self, name: str, value: float) -> None:
        """Set what the bench file calls *name*, until it is released or the test ends."""
        __tracebackhide__ = True
        self._need_named("set", name, self.rig.stimuli)
        stimulus = self.rig.stimulus(name)
        self.touched.stimuli[name] = None
        if stimulus.device:
            self.touched.devices[stimulus.device] = None
        self.timeline.stimulus(stimulus.apply(float(value)), f"set {name} = {value:g}")

    def release(self, name: str) -> None:
        """Let *name* be as if nobody had set it."""
        __tracebackhide__ = True
        self._need_named("set", name, self.rig.stimuli)
        self.timeline.stimulus(self.rig.stimulus(name).release(), f"release {name}")

    def send(self, message: str, *, source: str | None = None, **signals: SignalValue) -> None:
        """Send one frame of *message* of the databases.

        Args:
            message: Its name.
            source: On whose bus, where several know it.
            signals: Values or words. Signals left out have the database's start value.
        """
        __tracebackhide__ = True
        self.need("send")
        self.touched.all = True
        sent_ns = self.rig.sender.send(message, signals, source)
        self.timeline.stimulus(sent_ns, f"send {message}")

    def request(
        self, data: bytes, *, to: str | tuple[int, int], within: str = "", source: str = ""
    ) -> bytes:
        """Send *data* by ISO-TP; return the answer.

        Args:
            data: 1 to 4,095 bytes.
            to: A name of ``[isotp]``, or the ids of request and answer.
            within: How long the answer may take; "" for the ``timeout`` of ``[isotp]``, or 1 s.
            source: On whose bus; by default that of ``[isotp]``, or the first.

        Raises:
            NoAnswer: None came.
        """
        __tracebackhide__ = True
        name = to if isinstance(to, str) else ""
        self._need_named("request", name, self.rig.file.isotp)
        address = self._address(to)
        self.touched.all = True
        within_ns = parse_duration(within) if within else int(address.timeout)
        started_ns = self.rig.clock.monotonic_ns()
        try:
            answer, sent_ns = ask(self.rig, address, data, within_ns, source)
        except NoAnswer as error:
            until_ns = started_ns + within_ns
            self._note(Outcome(False, f"request {data[:8].hex(' ')}", str(error), (),
                               started_ns, until_ns))  # fmt: skip
            raise
        self.timeline.stimulus(sent_ns, f"request {data[:8].hex(' ')}")
        return answer

    def inject(self, kind: str, on: str, **parameters: Any) -> Fault:  # noqa: ANN401 - by kind
        """Inject a fault, until it is cleared or the test ends.

        Args:
            kind: Such as "drop"; docs/faults.md has them all.
            on: A device, DEVICE.INPUT or bus of the scenario; or a name of ``[set]``.
            parameters: Of the fault, as in a scenario; ``for_`` for the key ``for``.
        """
        __tracebackhide__ = True
        self.need(f"inject.{kind}")
        section = self.rig.file.set.get(on)
        on = section.input if section is not None and section.input is not None else on
        fault = {key.rstrip("_"): value for key, value in parameters.items()}
        self.touched.faults = self.touched.all = True
        now_ns = self.rig.clock.monotonic_ns()
        answer = self._simulator("inject", fault={"kind": kind, "on": on, **fault})
        self.timeline.stimulus(answer.get("monotonic_ns", now_ns), f"inject {kind} on {on}")
        return Fault(self, answer["id"], kind, on)

    def clear(self, fault: Fault | None = None) -> int:
        """Clear *fault*, or all; return how often it took effect."""
        __tracebackhide__ = True
        self.need("inject")
        now_ns = self.rig.clock.monotonic_ns()
        answer = self._simulator("clear", **({} if fault is None else {"id": fault.number}))
        effects = int(answer["effects"])
        if fault is not None:
            fault.effects = effects
        what = "all faults" if fault is None else f"{fault.kind} on {fault.on}"
        self.timeline.stimulus(answer.get("monotonic_ns", now_ns), f"clear {what}")
        return effects

    def reset(self, device: str) -> None:
        """Reset a device, simulated or of ``[reset]``, as its supply or its watchdog does."""
        __tracebackhide__ = True
        self.need("reset")
        self.touched.devices[device] = None
        reset_ns = self.rig.reset(device)
        self.timeline.stimulus(reset_ns, f"reset {device}")

    def mark(self, what: str = "mark") -> None:
        """Say that something was done to the device just now, which the bench did not do."""
        self.timeline.stimulus(self.rig.clock.monotonic_ns(), what)

    # What is seen of it

    def value(self, signal: str, within: str = "1s") -> float:
        """Return the latest value of *signal*; wait for one if none has come in this test.

        Raises:
            NoAnswer: None came.
        """
        __tracebackhide__ = True
        now_ns = self.rig.clock.monotonic_ns()
        begin_ns, within_ns = self.timeline.begin_ns, parse_duration(within)
        value, outcome = self._looker.latest(signal, begin_ns, within_ns, now_ns)
        if not outcome:
            self._note(outcome)
            raise NoAnswer(f"{outcome.what}: {outcome.seen}")
        return value

    def expect(self, expression: str, within: str = "1s") -> Outcome:
        """Look whether *expression* holds at some moment within a time from the last stimulus.

        What came before the stimulus has no say. Returns as soon as it is known.
        """
        __tracebackhide__ = True
        since_ns = self.timeline.for_expectation(self.rig.clock.monotonic_ns())
        outcome = self._looker.expect(
            expression, since_ns, parse_duration(within), self._last_stimulus()
        )
        if outcome.event_ns is not None:
            self.timeline.fulfilled_ns = max(self.timeline.fulfilled_ns, outcome.event_ns)
        return self._note(outcome)

    def never(self, expression: str, during: str) -> Outcome:
        """Look whether *expression* does not hold at any moment *during* a time."""
        __tracebackhide__ = True
        return self._note(self._window(self._looker.never, expression, during))

    def steady(self, signal: str, during: str, tolerance: float) -> Outcome:
        """Look whether *signal* stays within *tolerance* of the first value *during* a time."""
        __tracebackhide__ = True
        return self._note(self._window(self._looker.steady, signal, during, tolerance))

    def rate(self, message: str, during: str = "1s") -> Rate:
        """Return how many frames of *message* a second came *during* a time."""
        __tracebackhide__ = True
        rate: Rate = self._window(self._looker.rate, message, during)
        return rate

    def latency(
        self, stimulus: str | Callable[[], object], response: str, within: str = "1s"
    ) -> Latency:
        """Return the seconds from a stimulus to the first moment at which *response* holds.

        Args:
            stimulus: A function that does something to the device through the bench; or an
                expression, of which the first moment counts at which it holds.
            response: An expression.
            within: How long it may take, and an expression for the stimulus as long.
        """
        __tracebackhide__ = True
        if callable(stimulus):
            before = len(self.timeline.stimuli)
            now_ns = self.rig.clock.monotonic_ns()
            stimulus()
            if len(self.timeline.stimuli) == before:
                self.timeline.stimulus(now_ns, "stimulus")
        since_ns = self.timeline.for_expectation(self.rig.clock.monotonic_ns())
        latency = self._looker.latency(
            None if callable(stimulus) else stimulus,
            response,
            since_ns,
            parse_duration(within),
            self._last_stimulus(),
        )
        self._note(latency.outcome)
        return latency

    # What the bench is

    def need(self, capability: str) -> None:
        """Skip the test, with the reason, if this bench has not got *capability*."""
        __tracebackhide__ = True
        if reason := self.rig.lacks(capability):
            self.skip(capability, reason)

    def expect_bus_errors(self) -> None:
        """Let the test pass although there are error frames, or a link is lost."""
        self.health.bus_errors_expected = True

    def expect_drops(self) -> None:
        """Let the test pass although something is dropped."""
        self.health.drops_expected = True

    def expect_leaks(self) -> None:
        """Let the test pass although it leaves a descriptor, thread or process behind."""
        self.health.leaks_expected = True

    def skip(self, capability: str, reason: str) -> NoReturn:
        """Skip the test because the bench has not got *capability*."""
        __tracebackhide__ = True
        pytest.skip(f"bench {self.name} cannot {capability}: {reason}")

    def _need_named(self, kind: str, name: str, known: Collection[str]) -> None:
        """Skip the test where only another bench can do it; a name that none has is a mistake."""
        __tracebackhide__ = True
        capability = f"{kind}.{name}" if name else kind
        reason = self.rig.declines(capability)
        if not reason and name not in known and capability in self.rig.elsewhere:
            reason = f"{self.rig.file.file.name} does not say how"
        if reason:
            self.skip(f"{kind} {name}".rstrip(), reason)

    def _address(self, to: str | tuple[int, int]) -> IsoTpConfig:
        __tracebackhide__ = True
        if not isinstance(to, str):
            try:
                return IsoTpConfig(request=to[0], response=to[1])
            except FieldError as error:
                raise BenchError(
                    f"request: to: got {error.got}, expected {error.expected}"
                ) from None
        found = self.rig.file.isotp.get(to)
        if found is None:
            raise unknown("request: to", to, "two ids or a name of [isotp]", self.rig.file.isotp)
        return found

    def _simulator(self, do: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        assert self.rig.simulator is not None  # noqa: S101 - `need` looked
        return self.rig.simulator.ask(do, **request)

    def _window(self, look: Callable[..., Any], what: str, during: str, *more: float) -> Any:  # noqa: ANN401
        __tracebackhide__ = True
        since_ns = self.timeline.for_window(self.rig.clock.monotonic_ns())
        during_ns = parse_duration(during)
        found = look(what, since_ns, during_ns, *more)
        self.timeline.window(since_ns + during_ns)
        return found

    def _last_stimulus(self) -> str:
        if not self.timeline.stimuli or self.timeline.stimuli[-1][0] != self.timeline.mark_ns:
            return "the call" if self.timeline.mark_ns is None else "what was last looked at"
        return self.timeline.stimuli[-1][1]

    def _note(self, outcome: Outcome) -> Outcome:
        self.outcomes.append(outcome)
        return outcome
