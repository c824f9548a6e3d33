"""Tells systemd how the service is: ready, alive, in a few words, stopping.

The messages are those of sd_notify(3), datagrams to the socket that $NOTIFY_SOCKET names. Started
by hand there is no such socket, and nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gateway.clock import NS_PER_S, Clock
from gateway.supervisor.child import Child, ChildState
from gateway.workers.board import Board, RowState

STATUS_INTERVAL_NS = 2 * NS_PER_S


def send(message: str, address: str) -> None:
    """Send *message* to the service manager; it gets lost where nobody listens.

    Args:
        message: ``NAME=value`` lines.
        address: A path, or ``@`` and a name in the abstract namespace.
    """
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    # A manager that is restarting, or slow, must not take the service down with it.
    with socket.socket(socket.AF_UNIX, kind) as out, suppress(OSError):
        out.sendto(message.encode(), address)


class ServiceNotifier:
    """Says how a running gateway is, whenever the supervisor's loop goes round.

    * ``READY=1`` once every process runs and every link is open or known to be absent.
    * ``WATCHDOG=1`` twice in every watchdog interval, but only while every process that runs and
      matters has a fresh heartbeat: while data flows, or its absence is known. The supervisor
      kills one that hangs, which is enough unless it cannot be killed: a driver that never
      returns holds it for ever. That, or a supervisor that hangs itself, ends in a restart by the
      service manager.
    * ``STATUS=`` with what `gateway status` would say first.
    * ``STOPPING=1`` when the end has begun.

    Args:
        children: The processes.
        board: Where they say how they are.
        clock: For intervals and heartbeats.
        describe: Returns the text for ``STATUS=``, one line.
        stopping: Whether the gateway has been asked to end.
        environment: Where the service manager's wishes are read: ``NOTIFY_SOCKET``,
            ``WATCHDOG_USEC`` and ``WATCHDOG_PID``.
    """

    def __init__(
        self,
        children: Sequence[Child],
        board: Board,
        clock: Clock,
        describe: Callable[[], str],
        stopping: Callable[[], bool],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._children = children
        self._board = board
        self._clock = clock
        self._describe = describe
        self._stopping = stopping
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_ns = _watchdog_ns(environment)
        self._next_watchdog_ns = self._next_status_ns = 0
        self._said_ready = self._said_stopping = False

    def turn(self) -> None:
        """Say what there is to say now; called at least twice a second."""
        if not self._address:
            return
        now_ns = self._clock.monotonic_ns()
        message = []
        if not self._said_ready and self._ready():
            self._said_ready = True
            message.append("READY=1")
        if not self._said_stopping and self._stopping():
            self._said_stopping = True
            message.append("STOPPING=1")
        if self._watchdog_ns and now_ns >= self._next_watchdog_ns and self._alive(now_ns):
            self._next_watchdog_ns = now_ns + self._watchdog_ns // 2
            message.append("WATCHDOG=1")
        if now_ns >= self._next_status_ns or message[:1] == ["READY=1"]:
            self._next_status_ns = now_ns + STATUS_INTERVAL_NS
            message.append(f"STATUS={self._describe()}")
        if message:
            send("\n".join(message), self._address)

    def _ready(self) -> bool:
        return not any(
            child.state is ChildState.RUNNING
            and self._board[child.spec.name].state in (RowState.STARTING, RowState.READY)
            for child in self._children
        )

    def _alive(self, now_ns: int) -> bool:
        return all(self._is_alive(child, now_ns) for child in self._children)

    def _is_alive(self, child: Child, now_ns: int) -> bool:
        if child.pidfd < 0 or not child.spec.matters:
            return True  # over, or about to be started again: that is in the supervisor's hands
        heartbeat_ns = int(self._board[child.spec.name].numbers["heartbeat_ns"])
        silent_ns = now_ns - max(heartbeat_ns, child.started_ns)
        return silent_ns <= child.spec.heartbeat_timeout_s * NS_PER_S


def _watchdog_ns(environment: Mapping[str, str]) -> int:
    """Return the watchdog's interval, 0 where there is none or it watches another process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    interval_us = environment.get("WATCHDOG_USEC", "")
    return int(interval_us) * 1000 if interval_us.isdigit() else 0
