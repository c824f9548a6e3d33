"""A bench that runs: links, simulator, stimuli. One for all tests of a process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

from gateway.bench.bench_file import BenchFile, StimulusConfig, can_sources
from gateway.bench.choice import Choice
from gateway.bench.errors import BenchError, unknown
from gateway.bench.expression import Expression, parse_expression
from gateway.bench.lock import locked
from gateway.bench.observer import Observer
from gateway.bench.sender import Sender
from gateway.bench.simulated import placed
from gateway.bench.simulator import Refused, Simulator
from gateway.bench.stimulus import Stimulus, make_stimulus
from gateway.bench.watch import Watch
from gateway.clock import NS_PER_S, Clock
from gateway.config.show import as_toml
from gateway.signals import Signal

BUS_FAULTS = {"bus_off", "short_line", "error_passive", "no_ack"}
"""Faults of a bus itself, which one of the kernel's, to which a simulated one is bridged, has not
because of them."""


@dataclass
class Touched:
    """What a test did that has to be undone.

    Attributes:
        stimuli: Names of what it set, the first one first.
        devices: Devices that are no longer as they were, likewise.
        faults: Whether it injected any.
        all: Whether it sent something, so that any device may have changed.
    """

    stimuli: dict[str, None] = field(default_factory=dict)
    devices: dict[str, None] = field(default_factory=dict)
    faults: bool = False
    all: bool = False

    def __bool__(self) -> bool:
        return bool(self.stimuli or self.devices or self.faults or self.all)


class Rig:
    """The bench itself. Constructed (owns nothing) -> `start` -> `stop`.

    Args:
        file: What it is.
        choice: Which kind of bench was asked for.
        clock: CLOCK_MONOTONIC.
        elsewhere: What the default bench has names for, see `BenchFile.named`.

    Attributes:
        file: As given.
        choice: As given.
        clock: As given.
        elsewhere: As given: what it lacks of these, another bench can do.
        observer: Watches its links; there after `start`, as what follows.
        sender: Sends on them.
        simulator: Runs its simulated devices; None where there are none.
        stimuli: What can be set, by name.
        resets: What resets devices that are not simulated, by name.
    """

    observer: Observer
    sender: Sender

    def __init__(
        self, file: BenchFile, choice: Choice, clock: Clock, elsewhere: Collection[str] = ()
    ) -> None:
        self.file = file
        self.choice = choice
        self.clock = clock
        self.elsewhere = frozenset(elsewhere)
        self.simulator: Simulator | None = None
        self.stimuli: dict[str, Stimulus] = {}
        self.resets: dict[str, Stimulus] = {}
        self._config = file.configuration()
        self._ready: Expression | None = None
        self._sending: list[int] = []
        self._stack = ExitStack()
        if choice.file is None and file.scenario is None:
            raise BenchError(f"{file.file}: scenario: got nothing, expected what to simulate")

    @property
    def is_bridged(self) -> bool:
        """Whether simulated devices are on a bus of the kernel."""
        return bool(self.choice.interfaces or (self.choice.file and self.file.bridge))

    def start(self) -> None:
        """Start everything, and wait until all links are open and the devices are ready.

        Raises:
            BenchError: Something is missing, in use, or does not get ready.
        """
        with self._stack:
            self._stack.enter_context(locked(self.choice))
            config = self._config
            if self.file.scenario is not None:
                simulator = self._start_simulator(self.file.scenario)
                config = placed(config, self.file, self.choice, simulator)
            self.observer = Observer(config, self.clock)
            self.sender = Sender(config, self.clock)
            self._stack.callback(self.observer.close)
            self._stack.callback(self.sender.close)
            self.stimuli = self._stimuli(self.file.set)
            self.resets = self._stimuli(self.file.reset)
            self.observer.open()
            if self.file.ready is not None:
                self._ready = self.expression(self.file.ready)
            for stimulus in self.stimuli.values():
                if stimulus.rest is not None:
                    stimulus.release()
            self.get_ready()
            self._stack = self._stack.pop_all()

    def stop(self) -> None:
        """Stop everything. May be called twice."""
        self._stack.close()

    def pump(self, until_ns: int) -> None:
        """Take what has come on all links, or wait for it until *until_ns* at most."""
        self.sender.poll()
        descriptors = self.sender.descriptors()
        if descriptors != self._sending:
            self._sending = descriptors
            self.observer.watch(descriptors)
        self.observer.pump(until_ns)

    def get_ready(self) -> None:
        """Wait until what the bench file calls ready holds.

        Raises:
            BenchError: It did not in time.
        """
        if self._ready is None:
            return
        now_ns = self.clock.monotonic_ns()
        until_ns = now_ns + self.file.ready_within
        watch = Watch(self._ready, self.observer.samples, now_ns, until_ns)
        while not watch.look():
            if self.observer.seen_ns > until_ns:
                within = f"within {self.file.ready_within / NS_PER_S:g} s"
                seen = dict(zip(self._ready.signals, watch.latest, strict=True))
                last = ", ".join(f"{signal.name} {value:g}" for signal, value in seen.items())
                raise BenchError(f"not ready {within}: {self._ready.text}; last {last}")
            self.pump(until_ns + 1)

    def undo(self, touched: Touched) -> None:
        """Bring back what a test *touched* to how it was: the last thing that it set first.

        Raises:
            BenchError: Some of it did not work; all else was done. What follows would not start
                from the same state.
        """
        self.sender.close()
        errors = []
        for step in self._ways_back(touched):
            try:
                step()
            except BenchError as error:
                errors.append(str(error))
        if errors:
            raise BenchError("; ".join(errors))

    def _ways_back(self, touched: Touched) -> list[Callable[[], object]]:
        steps: list[Callable[[], object]] = []
        for name in reversed(touched.stimuli):
            stimulus = self.stimuli[name]
            if stimulus.device or stimulus.rest is not None:
                steps.append(stimulus.release)
        if touched:
            steps += [partial(self.reset, name) for name in self.resets]
        if self.simulator is not None:
            if touched.faults:
                steps.append(partial(self.simulator.ask, "clear"))
            steps.append(partial(self._reset_simulated, self.simulator, touched))
        return steps

    def _reset_simulated(self, simulator: Simulator, touched: Touched) -> None:
        devices = simulator.ask("state")["devices"] if touched.all else touched.devices
        for device in devices:
            if device not in self.resets:
                with suppress(Refused):  # not every device has a reset: a load, a GPS receiver
                    self.reset(device)

    def reset(self, device: str) -> int:
        """Reset *device*, one of the file's or a simulated one; return when.

        Raises:
            BenchError: There is no such device, or it cannot be reset.
        """
        now_ns = self.clock.monotonic_ns()
        if device in self.resets:
            value = self.resets[device].rest
            return self.resets[device].apply(1.0 if value is None else value)
        if self.simulator is None:
            raise unknown("reset", device, "a name of [reset]", self.resets)
        answer = self.simulator.ask("reset", device=device)
        return int(answer.get("monotonic_ns", now_ns))

    def expression(self, text: str) -> Expression:
        """Return what *text* means here.

        Raises:
            BenchError: It means nothing.
        """
        return parse_expression(
            text,
            self.observer.signals.resolve,
            lambda signal: self.sender.words(signal.source, signal.message, signal.name),
        )

    def signal(self, name: str) -> Signal:
        """Return the signal of this name.

        Raises:
            BenchError: There is none, or there are several.
        """
        try:
            return self.observer.signals.resolve(name)
        except LookupError as error:
            raise BenchError(f"signal: got {as_toml(name)}, expected {error}") from None

    def lacks(self, capability: str) -> str:
        """Return why the bench has not got *capability*, "" if it has.

        They are ``set``, ``set.NAME``, ``send``, ``request``, ``request.NAME``, ``inject``,
        ``inject.KIND``, ``reset``, and the bench file's own.
        """
        if reason := self.declines(capability):
            return reason
        kind, _, what = capability.partition(".")
        if capability in self.file.capabilities:
            return ""
        match kind:
            case "set" | "release" if what in (*self.stimuli, ""):
                return "" if self.stimuli else "nothing can be set"
            case "send":
                return "" if can_sources(self._config) else "it has no CAN bus"
            case "request" if what in (*self.file.isotp, ""):
                return "" if self.file.isotp else "nobody is named in [isotp]"
            case "reset" if self.resets:
                return ""
            case "inject" | "reset" if self.simulator is None:
                return "no simulator runs on it" + (", and it has no [reset]" * (kind == "reset"))
            case "inject" if what in BUS_FAULTS and self.is_bridged:
                return f"its bus is the kernel's, which has no {what}"
            case "inject" | "reset":
                return ""
        return f"it has no {capability}"

    def declines(self, capability: str) -> str:
        """Return why the bench has not got *capability* if its file says so, "" if it does not."""
        if {capability, capability.partition(".")[0]}.isdisjoint(self.file.lacks):
            return ""
        return f"{self.file.file.name} says that it lacks {capability}"

    def stimulus(self, name: str) -> Stimulus:
        """Return what sets *name*.

        Raises:
            BenchError: There is no such name in the bench file.
        """
        if name not in self.stimuli:
            raise unknown("set", name, f"a name of [set] in {self.file.file.name}", self.stimuli)
        return self.stimuli[name]

    def _stimuli(self, sections: Mapping[str, StimulusConfig]) -> dict[str, Stimulus]:
        """Make what *sections* describe, as far as it is there on this bench."""
        found = {}
        for name, section in sections.items():
            made = make_stimulus(name, section, self.simulator, self.sender, self.clock)
            if made is not None:
                found[name] = made
                self._stack.callback(made.close)
        return found

    def _start_simulator(self, scenario: str) -> Simulator:
        namespace = f"bench-{os.getpid()}-{secrets.token_hex(3)}"
        simulator = self.simulator = Simulator(self.file.resolve(scenario), namespace)
        self._stack.callback(simulator.stop)
        simulator.start()
        return simulator
