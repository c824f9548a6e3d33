"""Where the running gateway is asked: a JSON object on a line in, a JSON object out.

    {"request": "status"}                                    see docs/status.md
    {"request": "send", "transmit": "fan", "values": {...}}  see docs/sending.md

Whoever says nothing, and closes its half or just waits, gets the status.
"""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.clock import NS_PER_MS, Clock
from gateway.supervisor.orders import Orders

PATIENCE_NS = 200 * NS_PER_MS
"""Whoever has said nothing for so long is taken to want the status."""

LONGEST_QUESTION = 1 << 15
"""Bytes; a question is one line with a few values."""

_EXPECTED = (
    f"expected a JSON object on one line of at most {LONGEST_QUESTION} bytes,"
    ' with "request": "status" or "send"'
)

MOST_CALLERS = 64
_ANSWER_TIMEOUT_S = 0.5


@dataclass(slots=True, eq=False)
class _Caller:
    connection: socket.socket
    since_ns: int
    heard: bytes = b""
    is_asking: bool = True


class Desk:
    """Answers those who connect; waits for nobody.

    Args:
        listener: A listening, non-blocking socket.
        status: Makes the answer to who asks for the status.
        orders: Takes what is to be sent.
        clock: For patience.
    """

    def __init__(
        self, listener: socket.socket, status: Callable[[], bytes], orders: Orders, clock: Clock
    ) -> None:
        self._listener = listener
        self._status = status
        self._orders = orders
        self._clock = clock
        self._callers: set[_Caller] = set()
        self._selector: selectors.BaseSelector | None = None

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have *selector*, whose keys carry what to call, tell of questions and outcomes."""
        self._selector = selector
        selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._orders.register(selector)

    def turn(self, now_ns: int) -> None:
        """Do what is due: called now and then."""
        self._orders.turn(now_ns)
        for caller in tuple(self._callers):
            if caller.is_asking and now_ns - caller.since_ns > PATIENCE_NS:
                self._answer(caller)

    def forget(self) -> None:
        """Let go of the connections without ending them: for a child after a fork."""
        for caller in self._callers:
            caller.connection.close()
        self._callers.clear()

    def _accept(self, listener: socket.socket) -> None:
        assert self._selector is not None  # noqa: S101 - it is the one that calls
        with suppress(OSError):
            connection, _ = listener.accept()
            if len(self._callers) >= MOST_CALLERS:
                connection.close()
                return
            connection.setblocking(False)
            caller = _Caller(connection, self._clock.monotonic_ns())
            self._callers.add(caller)
            self._selector.register(
                connection, selectors.EVENT_READ, lambda _: self._listen_to(caller)
            )

    def _listen_to(self, caller: _Caller) -> None:
        try:
            heard = caller.connection.recv(LONGEST_QUESTION)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up(caller)
            return
        caller.heard += heard
        if not heard or b"\n" in caller.heard or len(caller.heard) > LONGEST_QUESTION:
            self._answer(caller)

    def _answer(self, caller: _Caller) -> None:
        """Answer what was heard so far."""
        assert self._selector is not None  # noqa: S101 - as above
        caller.is_asking = False
        self._selector.unregister(caller.connection)
        line = caller.heard.partition(b"\n")[0]
        question: Any = {"request": "status"}
        if len(line) > LONGEST_QUESTION:
            question = None
        elif line.strip():
            try:
                question = json.loads(line)
            except (ValueError, RecursionError):
                question = None
        match question:
            case {"request": "status"}:
                self._say(caller, self._status())
            case {"request": "send"}:
                self._orders.place(
                    question, lambda answer: self._say(caller, json.dumps(answer).encode())
                )
            case _:
                self._say(caller, json.dumps({"error": _EXPECTED}).encode())

    def _say(self, caller: _Caller, answer: bytes) -> None:
        with suppress(OSError):
            caller.connection.settimeout(_ANSWER_TIMEOUT_S)
            caller.connection.sendall(answer)
        self._hang_up(caller)

    def _hang_up(self, caller: _Caller) -> None:
        if self._selector is not None:
            with suppress(KeyError):
                self._selector.unregister(caller.connection)
        caller.connection.close()
        self._callers.discard(caller)
