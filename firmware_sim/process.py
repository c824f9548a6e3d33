"""The user's own firmware, as a process: started, given its ports, watched, stopped.

It may be whatever speaks the virtual bus, vcan or a serial port: a build of the firmware for this
machine, a Zephyr ``native_sim`` image, an emulator such as Renode.

Its serial port is a pty, and what the gateway opens is another one; `links.NullModem` is the cable
between the two.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sim.errors import SimError
from firmware_sim.parent import signal_when_parent_ends

LOG = logging.getLogger(__name__)

STOP_S = 2.0
"""How long firmware may take to end after SIGTERM."""


class FirmwareProcess:
    """One process, from the ``with`` block's begin to its end.

    Args:
        name: The device's name.
        command: The program and its arguments, as they are: no shell.
        folder: Where it runs, and what a relative program is relative to.
        environment: What it gets besides this process's own environment.
        selector: The loop's, which is told when it ends.

    Attributes:
        state: "stopped", "running", "exited N" or "killed by NAME".
        due_ns: None: it keeps its own time.
    """

    due_ns = None

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        selector: selectors.BaseSelector,
    ) -> None:
        self.name = name
        self.state = "stopped"
        self._command = command
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._selector = selector
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            SimError: It cannot be started.
        """
        program = self._command[0]
        if "/" in program:  # else it is looked up in PATH
            program = str((self._folder / Path(program).expanduser()).absolute())
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the scenario says, no shell
                [program, *self._command[1:]],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                # A group of its own: Ctrl-C is for the simulator, which then stops all of it.
                process_group=0,
                preexec_fn=signal_when_parent_ends,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SimError(f"{self.name}: cannot start {program}: {reason}") from None
        self._pidfd = os.pidfd_open(self._process.pid)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._ended)
        self.state = "running"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it: by SIGTERM, and by SIGKILL if that does not end it within `STOP_S`."""
        if self._process is None:
            return
        self._forget()
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                LOG.warning("%s: did not end within %g s, killed", self.name, STOP_S)
                self._kill()
            self.state = "stopped"
        self._process = None

    def step(self, _now_ns: int) -> bytes:
        """See `Device`. What it sends, it sends by itself."""
        return b""

    def reset(self, _now_ns: int) -> None:
        """End it at once and start it anew, as a reset button does.

        Raises:
            SimError: It cannot be started again.
        """
        # One that has ended by itself has no number any more: it may be another's by now.
        if self._process is not None and self._process.poll() is None:
            self._kill()
        self.__exit__(None, None, None)
        self.state = "stopped"
        self.__enter__()

    def _ended(self, _events: int) -> None:
        assert self._process is not None  # noqa: S101 - watched only while there is one
        status = self._process.wait()
        self._forget()
        if status < 0:
            names = {each.value: each.name for each in signal.Signals}
            self.state = f"killed by {names.get(-status, f'signal {-status}')}"
        else:
            self.state = f"exited {status}"
        LOG.warning("%s: %s", self.name, self.state)

    def _kill(self) -> None:
        assert self._process is not None  # noqa: S101 - asked only while there is one
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started: a script is the parent of firmware."""
        assert self._process is not None  # noqa: S101 - asked only while there is one
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _forget(self) -> None:
        if self._pidfd >= 0:
            self._selector.unregister(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
