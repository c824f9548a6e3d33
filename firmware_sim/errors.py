"""Everything the simulator raises on purpose, in one tree.

    SimError
     +-- ScenarioError     the scenario file is wrong        -> fix it; exit status 2
     +-- BusError          a bus cannot be had               -> exit status 3
     |    +-- BusNameTaken      another process owns a bus of that name
     |    +-- BusNotRunning     nobody does
     +-- PortError         a pty or its link cannot be made  -> exit status 3
     +-- BridgeError       a SocketCAN interface cannot be joined  -> exit status 3
     +-- WireError         a peer broke the bus protocol     -> it is disconnected, by name
     +-- RequestError      a running scenario cannot do what it is asked to -> told who asked
     +-- ControlError      no running scenario answers       -> exit status 3

A caller decides what to do from the *class*; the message is for the human.
"""

from __future__ import annotations

from pathlib import Path


class SimError(Exception):
    """The root of the tree; never raised itself."""


class ScenarioError(SimError):
    """A scenario file is wrong. Its text is the one line a person sees.

    Attributes:
        file: The scenario file.
        where: The key at which it is wrong, or the line; "" for the file as a whole.
        got: What was found, as it should be shown.
        expected: What would be right.
    """

    def __init__(self, file: str | Path, where: str, got: object, expected: str) -> None:
        self.file = Path(file)
        self.where = where
        self.got = got
        self.expected = expected
        place = f"{file}: {where}" if where else str(file)
        super().__init__(_line(f"{place}: got {got}, expected {expected}"))


class BusError(SimError):
    """A bus cannot be started or joined."""


class BusNameTaken(BusError):  # noqa: N818 - names what is the case
    """Another process on this machine owns a bus of that name."""


class BusNotRunning(BusError):  # noqa: N818 - names what is the case
    """No process on this machine owns a bus of that name, or it went away while joining."""


class PortError(SimError):
    """A pty could not be opened, or the link to it not be made."""


class BridgeError(SimError):
    """The kernel has no SocketCAN, or no such interface."""


class WireError(SimError):
    """A peer sent what the bus protocol does not allow."""


class RequestError(SimError):
    """What a running scenario is asked for is wrong; nothing of it was done.

    Attributes:
        where: The key of the request, or of the scenario file, at which it is wrong.
        got: What was found, as it should be shown.
        expected: What would be right.
    """

    def __init__(self, where: str, got: object, expected: str) -> None:
        self.where = where
        self.got = got
        self.expected = expected
        super().__init__(_line(f"{where}: got {got}, expected {expected}" if where else expected))


class ControlError(SimError):
    """There is no running scenario to ask, or it does not answer."""


def _line(text: str) -> str:
    """Return *text* on one line, whatever is in the keys and names that it quotes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
