r"""The control socket of a running scenario: a JSON object a line in, one a line out, in order.

    {"do": "state"}
    {"do": "set", "device": "car", "values": {"ENGINE_TEMP": 125.0}}
    {"do": "release", "device": "car", "inputs": ["ENGINE_TEMP"]}     without inputs: all
    {"do": "reset", "device": "car"}
    {"do": "inject", "fault": {"kind": "drop", "on": "car", "rate": 0.5}}     answers with "id"
    {"do": "clear", "id": 3}       without id: all; answers with "effects"

It is a Unix stream socket with the abstract name ``\0firmware-sim-control/<name>``. An answer has
``"ok": true``, from when on frames show it (``"monotonic_ns"``), and what was asked for; or
``"ok": false`` and ``"error"``, a line.
"""

from __future__ import annotations

import json
import logging
import selectors
import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, get_args

import msgspec

from firmware_sim.errors import ControlError, RequestError, SimError
from firmware_sim.explain import explained, listed, value_at
from firmware_sim.faults.faults import Faults
from firmware_sim.faults.kinds import KINDS, AnyFault, fault_keys
from firmware_sim.listener import Listener, names_after
from firmware_sim.rig import Rig
from firmware_sim.section import Finite

LOG = logging.getLogger(__name__)

ADDRESS = "\0firmware-sim-control/"
"""What goes before a scenario's name."""

ANSWER_TIMEOUT_S = 10.0
"""A scenario answers at once; this only ends the wait for one whose process is stopped."""

LONGEST_LINE = 1 << 20
_READ_BYTES = 1 << 16


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    pass


class State(_Request, frozen=True, tag="state"):
    """What is there, and how is it?"""


class Set(_Request, frozen=True, tag="set"):
    """Hold inputs of a device at values."""

    device: str
    values: dict[str, Finite]


class Release(_Request, frozen=True, tag="release"):
    """Let inputs follow the simulation again; all of them where none is named."""

    device: str
    inputs: list[str] | None = None


class Reset(_Request, frozen=True, tag="reset"):
    """Have a device begin again from its boot."""

    device: str


class Inject(_Request, frozen=True, tag="inject"):
    """Put a fault on something; the answer has its number."""

    fault: AnyFault


class Clear(_Request, frozen=True, tag="clear"):
    """Take a fault back, or all; the answer says how often they took effect."""

    id: int | None = None


Request = State | Set | Release | Reset | Inject | Clear

_KEYS = {kind.__struct_config__.tag: ("do", *kind.__struct_fields__) for kind in get_args(Request)}


class ControlServer:
    """Answers requests to a running scenario, in its loop.

    Args:
        name: Other processes find it by this.
        rig: What requests act on.
        faults: Its faults.
        selector: The loop's: its keys carry what to call when ready.
    """

    def __init__(
        self,
        name: str,
        rig: Rig,
        faults: Faults,
        selector: selectors.BaseSelector,
    ) -> None:
        self.name = name
        self._rig = rig
        self._faults = faults
        self._selector = selector
        self._listener: Listener | None = None
        self._clients: set[_Client] = set()

    def __enter__(self) -> Self:
        """Take the name.

        Raises:
            ControlError: Another process has it.
        """
        taken = ControlError(f"another scenario is controlled as {self.name!r}")
        self._listener = Listener(
            ADDRESS + self.name, f"control {self.name}", self._selector, self._join, taken
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in tuple(self._clients):
            self._drop(client)
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def obey(self, line: bytes) -> dict[str, Any]:
        """Do what *line* asks for; return the answer."""
        try:
            request = _parsed(line)
            now_ns = time.monotonic_ns()
            # A frame that is being sent does not show yet what is changed.
            from_ns = now_ns if isinstance(request, State) else self._rig.clear_ns(now_ns)
            return {"ok": True, "monotonic_ns": from_ns, **self._done(request)}
        except SimError as error:  # whatever it is that cannot be done, the others go on
            return {"ok": False, "error": str(error)}

    def _done(self, request: Request) -> dict[str, Any]:
        match request:
            case State():
                return {**self._rig.state(), "faults": self._faults.state()}
            case Set():
                self._rig.set(request.device, request.values)
            case Release():
                self._rig.release(request.device, request.inputs)
            case Reset():
                self._rig.reset(request.device)
            case Inject():
                return {"id": self._faults.inject(request.fault)}
            case Clear():
                return {"effects": self._faults.clear(request.id)}
        return {}

    def _join(self, sock: socket.socket) -> None:
        client = _Client(sock)
        self._clients.add(client)
        self._selector.register(
            sock, selectors.EVENT_READ, lambda events: self._serve(client, events)
        )

    def _serve(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = client.sock.recv(_READ_BYTES)
                if not data:
                    self._drop(client)
                    return
                client.requests += data
            self._answer(client)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._drop(client)
            return
        if len(client.requests) > LONGEST_LINE + _READ_BYTES:
            LOG.warning("control %s: dropped one that does not keep to lines", self.name)
            self._drop(client)
            return
        wanted = selectors.EVENT_WRITE if client.answer else selectors.EVENT_READ
        key = self._selector.get_key(client.sock)
        if key.events != wanted:
            self._selector.modify(client.sock, wanted, key.data)

    def _answer(self, client: _Client) -> None:
        # Nothing more is done for a client before it has taken the answer to what was.
        while client.answer or b"\n" in client.requests:
            if not client.answer:
                line, _, client.requests = client.requests.partition(b"\n")
                client.answer = json.dumps(self.obey(line)).encode() + b"\n"
            size = client.sock.send(client.answer, socket.MSG_NOSIGNAL)
            client.answer = client.answer[size:]

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        self._selector.unregister(client.sock)
        client.sock.close()


class _Client:
    """A connected socket, what was asked on it, and the rest of the answer that it has to take."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.requests = b""
        self.answer = b""


def ask(name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Send *request* to the scenario controlled as *name*; return its answer.

    Raises:
        ControlError: It is not running, or does not answer.
        RequestError: It refused, or *request* cannot be sent.
    """
    try:
        line = json.dumps(request, allow_nan=False).encode() + b"\n"
    except ValueError:
        raise RequestError("request", "a number that is not finite", "finite ones") from None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(ANSWER_TIMEOUT_S)
            sock.connect(ADDRESS + name)
            sock.sendall(line)
            with sock.makefile("rb") as answers:
                line = answers.readline()
    except TimeoutError:
        raise ControlError(
            f"scenario {name!r} has not answered for {ANSWER_TIMEOUT_S:g} s"
        ) from None
    except OSError:
        raise ControlError(f"no scenario is controlled as {name!r}") from None
    if not line.endswith(b"\n"):
        raise ControlError(f"scenario {name!r} ended before it had answered")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise RequestError("", "", answer["error"])
    return answer


def running_scenarios() -> list[str]:
    """Return the control names on this machine (in this network namespace), sorted."""
    return names_after(ADDRESS)


def only_scenario() -> str:
    """Return the control name of the one scenario that runs on this machine.

    Raises:
        ControlError: There is none, or more than one.
    """
    names = running_scenarios()
    if len(names) != 1:
        found = f"{listed(names)}: choose one with --control" if names else "none"
        raise ControlError(f"got {found}, expected one running scenario")
    return names[0]


def _parsed(line: bytes) -> Request:
    try:
        document = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("request", repr(line[:80].decode(errors="replace")), "JSON") from None
    try:
        request: Request = msgspec.convert(document, Request)
    except msgspec.ValidationError as error:
        where, got, expected = explained(
            document, str(error), lambda path: _keys(document, path), _tags
        )
        raise RequestError(where or "request", got, expected) from None
    return request


def _keys(document: object, path: str) -> tuple[str, ...]:
    if path == "fault":
        return fault_keys(value_at(document, path))
    return _KEYS[value_at(document, "do")] if path == "" else ()


def _tags(path: str) -> str:
    choices: dict[str, Iterable[str]] = {"do": _KEYS, "fault.kind": KINDS}
    return f"one of {listed(choices[path])}" if path in choices else ""
