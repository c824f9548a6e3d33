"""One process of the table: forked, watched through its pidfd, and told apart when it ends."""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from gateway.errors import GatewayError, InputError
from gateway.supervisor.stop_signals import STOP_SIGNALS
from gateway.supervisor.table import ProcessSpec

EXIT_CRASHED = 1
EXIT_INPUT = 2
"""The process found its input wrong (a recording, say); starting it again would not help."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True)


class ChildState(Enum):
    """Where a child is in its life."""

    RUNNING = "running"
    RESTARTING = "restarting"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(slots=True)
class Child:
    """A row of the table as it runs.

    Attributes:
        spec: What it is.
        state: Where it is in its life.
        pid: Its process id while it runs, else 0.
        pidfd: Readable when it has ended; -1 while it does not run.
        started_ns: When it was last started, CLOCK_MONOTONIC.
        restart_at_ns: When it will be started again, while it is restarting.
        crashes: Crashes in a row, see `RestartPolicy`.
        restarts: How often it was started again in all.
        hung: Whether it was killed because its heartbeat stopped.
    """

    spec: ProcessSpec
    state: ChildState = ChildState.RESTARTING
    pid: int = 0
    pidfd: int = -1
    started_ns: int = 0
    restart_at_ns: int = 0
    crashes: int = 0
    restarts: int = 0
    hung: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has ended for good."""
        done = self.state in (ChildState.DONE, ChildState.FAILED, ChildState.KILLED)
        return done and self.pidfd < 0

    def start(self, now_ns: int, in_child: Callable[[], None]) -> None:
        """Fork it.

        Args:
            now_ns: CLOCK_MONOTONIC.
            in_child: Called first in the new process, to let go of what is the parent's.

        Raises:
            OSError: There is no room for another process, or for what it is watched by.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # A signal to the whole group waits until the child ignores it: before that the child would
        # pass it on to the supervisor, a second time, through the wake-up descriptor they share.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _live(self.spec, parent, in_child)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:
            # What cannot be watched must not run.
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
            raise
        self.state = ChildState.RUNNING
        self.started_ns = now_ns
        self.hung = False

    def kill(self) -> None:
        """Send SIGKILL, which also ends a stopped process; nothing if it does not run."""
        if self.pidfd >= 0:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def wait(self, timeout_ms: float) -> bool:
        """Wait for its end, without collecting it; return whether it has come."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(timeout_ms))

    def abandon(self) -> None:
        """Forget a process that does not end; it is collected by whoever inherits it."""
        os.close(self.pidfd)
        self.pid, self.pidfd = 0, -1

    def reap(self) -> int:
        """Collect the ended process and return how it ended, as `os.waitstatus_to_exitcode`."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.pid, self.pidfd = 0, -1
        return os.waitstatus_to_exitcode(status)


def describe_exit(code: int) -> str:
    """Say how a process ended, from its exit code (negative: the signal's number)."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal: most of them have no name
        return f"killed by signal {-code}"


def _live(spec: ProcessSpec, parent: int, in_child: Callable[[], None]) -> NoReturn:
    """Run *spec* in this, the new process, and leave it without the parent's clean-ups."""
    code = EXIT_CRASHED
    log = logging.getLogger(spec.name)
    try:
        # Killed with its parent, whatever happens to that: nobody is left behind on a device.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(EXIT_CRASHED)
        _libc.prctl(_PR_SET_NAME, f"gw:{spec.name}".encode())
        # Ctrl-C and a service manager's SIGTERM reach the whole group, but stopping goes in
        # order, and the supervisor keeps it.
        signal.set_wakeup_fd(-1)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        in_child()
        spec.main()
        code = 0
    except InputError as error:
        log.error("%s", error)  # noqa: TRY400 - the line says it all
        code = EXIT_INPUT
    except GatewayError as error:
        log.error("%s", error)  # noqa: TRY400 - likewise
    except BaseException:
        log.exception("crashed")
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:  # even if nobody reads them any more: it must not go on as a second supervisor
            os._exit(code)
