"""Buses, ports and devices together in one process and one loop, from start to end."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from firmware_sim import loop
from firmware_sim.bus import Bus
from firmware_sim.errors import SimError
from firmware_sim.server import BusServer

DRAIN_S = 1.0
"""How long, at the end, nodes have to take what is already on the bus."""

_PR_SET_PDEATHSIG = 1


class Simulation:
    """Everything that one ``firmware-sim`` process runs.

    Args:
        buses: The buses.
        log_format: "text", or "json" for a JSON object a line.
    """

    def __init__(self, buses: Sequence[Bus], *, log_format: str = "text") -> None:
        self._buses = tuple(buses)
        self._log_format = log_format

    def run(
        self,
        *,
        seconds: float | None = None,
        ready_fd: int | None = None,
        die_with_parent: bool = False,
    ) -> None:
        """Start, run until SIGINT, SIGTERM or *seconds*, let the nodes drain, print the ledger.

        Args:
            seconds: How long to run, None for ever.
            ready_fd: Descriptor to which READY and a newline is written, and which is closed,
                once everything has started.
            die_with_parent: Whether to stop when the process that started this one ends.

        Raises:
            SimError: Something could not be started.
        """
        logging.basicConfig(format="firmware-sim: %(message)s", level=logging.INFO)
        if die_with_parent:
            stop_with_parent()
        with ExitStack() as stack:
            stopped = stack.enter_context(loop.StopSignals())
            selector = stack.enter_context(selectors.DefaultSelector())
            stop: list[int] = []
            selector.register(stopped.fd, selectors.EVENT_READ, stop.append)
            servers = [stack.enter_context(BusServer(bus, selector)) for bus in self._buses]
            for bus in self._buses:
                self._say("bus", name=bus.name, bit_rate=bus.bit_rate)
            self._say("READY")
            if ready_fd is not None:
                _announce(ready_fd)
            until_ns = None if seconds is None else time.monotonic_ns() + round(seconds * 1e9)
            loop.run(selector, servers, stop=lambda: bool(stop), until_ns=until_ns)
            loop.run(
                selector,
                servers,
                stop=lambda: not any(server.pending for server in servers),
                until_ns=time.monotonic_ns() + round(DRAIN_S * 1e9),
            )
        for bus in self._buses:
            self._say("carried", bus=bus.name, frames=bus.frames)
            for report in bus.report():
                self._say("node", bus=bus.name, **asdict(report))

    def _say(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can carry
        if self._log_format == "json":
            line = json.dumps({"event": event, **facts})
        else:
            line = " ".join([event, *(f"{key}={value}" for key, value in facts.items())])
        print(line, flush=True)


def stop_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent ends.

    Raises:
        SimError: The parent has ended already, or the kernel cannot.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise SimError(f"cannot watch the parent process: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise SimError("the parent process ended while this one started")


def _announce(fd: int) -> None:
    try:
        os.write(fd, b"READY\n")
        os.close(fd)
    except OSError as error:
        print(f"firmware-sim: descriptor {fd}: {error.strerror}", file=sys.stderr)
