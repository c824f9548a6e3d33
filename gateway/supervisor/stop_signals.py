"""The signals that ask the supervisor to stop, and how it hears of them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, and a terminal that goes away."""


@contextmanager
def stop_signals() -> Iterator[socket.socket]:
    """Turn `STOP_SIGNALS` into bytes on a socket for as long as the block lasts.

    A SIGHUP that is ignored already, as under nohup, stays ignored.
    """
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    reading, writing = socket.socketpair()
    for end in (reading, writing):
        end.setblocking(False)
    previous = signal.set_wakeup_fd(writing.fileno())  # first: a handler alone would swallow them
    before = {
        number: signal.signal(number, lambda *_: None)
        for number in STOP_SIGNALS
        if number not in ignored
    }
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()
