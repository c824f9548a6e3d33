"""For tests: a running bus, or a whole scenario, in a process of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from firmware_sim.control import ask

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


@contextmanager
def running_bus(name: str | None = None) -> Iterator[str]:
    """Run an empty bus; yield its name.

        with running_bus() as channel, can.Bus(channel, interface="firmware_sim") as node:
            ...

    Args:
        name: The bus's name; None makes one up that no other test has.

    Raises:
        RuntimeError: It did not start.
    """
    name = name or unique_name()
    with running("bus", name):
        yield name


class RunningScenario(NamedTuple):
    """A scenario that runs, for a test.

    Attributes:
        name: Goes before the names of its buses, and is what it takes requests under.
        ports: The folder with its serial ports.
    """

    name: str
    ports: Path

    def channel(self, bus: str) -> str:
        """Return the name by which *bus* of the scenario is joined."""
        return f"{self.name}.{bus}"

    def ask(self, do: str, **keys: object) -> dict[str, Any]:
        """Send a request, as docs/simulator.md has them; return the answer.

        Raises:
            RequestError: It was refused.
        """
        return ask(self.name, {"do": do, **keys})

    def set(self, device: str, **values: float) -> None:
        """Hold inputs of *device* at values."""
        self.ask("set", device=device, values=values)

    def inject(self, kind: str, on: str, **keys: object) -> int:
        """Put a fault on something; return its number. ``for_`` stands for ``for``."""
        fault = {key.rstrip("_"): value for key, value in keys.items()}
        number: int = self.ask("inject", fault={"kind": kind, "on": on, **fault})["id"]
        return number

    def clear(self, number: int | None = None) -> int:
        """Take a fault back, or all; return how often they took effect."""
        effects: int = self.ask("clear", id=number)["effects"]
        return effects


@contextmanager
def running_scenario(file: Path, ports: Path) -> Iterator[RunningScenario]:
    """Run the scenario in *file*, with its serial ports in *ports*, under a name of its own.

        with running_scenario(file, tmp_path / "ports") as scenario:
            scenario.set("car", ENGINE_TEMP=125.0)

    Raises:
        RuntimeError: It did not start.
    """
    name = unique_name()
    with running("run", str(file), "--namespace", name, "--ports", str(ports)):
        yield RunningScenario(name, ports)


@contextmanager
def running(
    *arguments: str, stdout: int | None = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Run ``firmware-sim`` with *arguments*; yield its process when ready; stop it at the end.

    Args:
        arguments: A command and what it takes, without ``--ready-fd``.
        stdout: As `subprocess.Popen` takes it; its standard error is the caller's.

    Raises:
        RuntimeError: It ended before it was ready, or was not ready within `START_TIMEOUT_S`.
    """
    process = start(*arguments, stdout=stdout)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def start(*arguments: str, stdout: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start ``firmware-sim`` with *arguments* and return when it is ready. See `running`."""
    ready, told = os.pipe()
    command: Sequence[str] = (sys.executable, "-m", "firmware_sim", *arguments)
    try:
        process = subprocess.Popen(  # noqa: S603 - this package, run by this interpreter
            [*command, "--ready-fd", str(told), "--die-with-parent"],
            pass_fds=(told,),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            text=True,
        )
    finally:
        os.close(told)
    try:
        _wait_until_ready(ready, process)
    except BaseException:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise
    finally:
        os.close(ready)
    return process


def unique_name(prefix: str = "test") -> str:
    """Return a bus name that nobody else uses."""
    return f"{prefix}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _wait_until_ready(fd: int, process: subprocess.Popen[str]) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(START_TIMEOUT_S * 1e3):
        raise RuntimeError(f"firmware-sim was not ready within {START_TIMEOUT_S:g} s")
    if not os.read(fd, 16):
        raise RuntimeError(f"firmware-sim ended with status {process.wait()} before it was ready")
