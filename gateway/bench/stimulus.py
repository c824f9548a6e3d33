"""What a test's ``set`` does on a bench, by kind."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from typing import Protocol

import serial

from gateway.bench.bench_file import StimulusConfig
from gateway.bench.errors import BenchError
from gateway.bench.sender import Sender
from gateway.bench.simulator import Simulator
from gateway.clock import Clock

PROGRAM_TIMEOUT_S = 30.0
WRITE_TIMEOUT_S = 2.0


class Stimulus(Protocol):
    """Something that a test can set.

    Attributes:
        rest: The value that stands for "nothing set"; None where there is none.
        device: The simulated device that it acts on, "" for none.
    """

    rest: float | None
    device: str

    def apply(self, value: float) -> int:
        """Set it; return from when on it can have an effect, CLOCK_MONOTONIC.

        Raises:
            BenchError: That was not possible.
        """
        ...

    def release(self) -> int:
        """Let it be as if nobody had set it, likewise.

        Raises:
            BenchError: That was not possible, or there is no such thing.
        """
        ...

    def close(self) -> None:
        """Give back what it has open. May be called twice."""
        ...


class SimulatedInput:
    """An input of a simulated device. It has a `release` of its own."""

    def __init__(self, config: StimulusConfig, simulator: Simulator, clock: Clock) -> None:
        self.rest = config.rest
        self.device, _, self._input = (config.input or "").partition(".")
        self._simulator = simulator
        self._clock = clock

    def apply(self, value: float) -> int:
        """See `Stimulus`."""
        now_ns = self._clock.monotonic_ns()
        answer = self._simulator.ask("set", device=self.device, values={self._input: value})
        return int(answer.get("monotonic_ns", now_ns))

    def release(self) -> int:
        """See `Stimulus`."""
        if self.rest is not None:
            return self.apply(self.rest)
        now_ns = self._clock.monotonic_ns()
        answer = self._simulator.ask("release", device=self.device, inputs=[self._input])
        return int(answer.get("monotonic_ns", now_ns))

    def close(self) -> None:
        """See `Stimulus`."""


class _WithRest(ABC):
    """What can only be released by setting its value of rest."""

    device = ""

    def __init__(self, name: str, rest: float | None) -> None:
        self.rest = rest
        self._name = name

    @abstractmethod
    def apply(self, value: float) -> int:
        """See `Stimulus`."""

    def release(self) -> int:
        """See `Stimulus`."""
        if self.rest is None:
            raise BenchError(f"release: {self._name} cannot be released; give it a `rest`")
        return self.apply(self.rest)

    def close(self) -> None:  # noqa: B027 - most have nothing open
        """See `Stimulus`."""


class MessageStimulus(_WithRest):
    """A message to a device on CAN that drives the pin, or the resistor."""

    def __init__(self, name: str, config: StimulusConfig, sender: Sender) -> None:
        super().__init__(name, config.rest)
        self._config = config
        self._sender = sender

    def apply(self, value: float) -> int:
        """See `Stimulus`."""
        config = self._config
        values = {**config.values, str(config.signal): value}
        return self._sender.send(str(config.message), values, config.source)


class SerialStimulus(_WithRest):
    """A line of text to a device on a serial port: a relay card, a decade box.

    Raises:
        BenchError: The port cannot be opened.
    """

    def __init__(self, name: str, config: StimulusConfig, clock: Clock) -> None:
        super().__init__(name, config.rest)
        self._config = config
        self._clock = clock
        try:
            self._port = serial.Serial(
                config.port, config.baudrate, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise BenchError(f"set: {name}: {error}") from None

    def apply(self, value: float) -> int:
        """See `Stimulus`."""
        line = str(self._config.command).format(value=value)
        now_ns = self._clock.monotonic_ns()
        try:
            self._port.write(line.encode())
            self._port.flush()
        except OSError as error:
            raise BenchError(f"set: {self._name}: {self._config.port}: {error}") from None
        return now_ns

    def close(self) -> None:
        """See `Stimulus`."""
        self._port.close()


class ProgramStimulus(_WithRest):
    """A program that does it: for a laboratory supply, a USB hub, a debug probe."""

    def __init__(self, name: str, config: StimulusConfig, clock: Clock) -> None:
        super().__init__(name, config.rest)
        self._program = config.program
        self._clock = clock

    def apply(self, value: float) -> int:
        """See `Stimulus`."""
        command = [argument.format(value=value) for argument in self._program]
        now_ns = self._clock.monotonic_ns()
        try:
            done = subprocess.run(  # noqa: S603 - the bench file's own
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PROGRAM_TIMEOUT_S,
                encoding="utf-8",
                errors="replace",  # what a program says need not be text
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"set: {self._name}: {error}") from None
        if done.returncode:
            last = done.stdout.strip().splitlines()[-1:]
            said = f": {last[0]}" if last else ""
            raise BenchError(
                f"set: {self._name}: {command[0]} ended with status {done.returncode}{said}"
            )
        return now_ns


def make_stimulus(
    name: str, config: StimulusConfig, simulator: Simulator | None, sender: Sender, clock: Clock
) -> Stimulus | None:
    """Return what *config* means; None for an input of a simulator that does not run here."""
    if config.input is not None:
        return SimulatedInput(config, simulator, clock) if simulator else None
    if config.message is not None:
        return MessageStimulus(name, config, sender)
    if config.port is not None:
        return SerialStimulus(name, config, clock)
    return ProgramStimulus(name, config, clock)
