"""Names at which other processes find a bus, or a running scenario.

They are abstract names of Unix stream sockets: the kernel frees one with its process, however that
ends, and each network namespace has its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
from collections.abc import Callable
from errno import EADDRINUSE
from pathlib import Path

from firmware_sim.errors import SimError

LOG = logging.getLogger(__name__)

_BACKLOG = 128


class Listener:
    """A name of this process's, and whoever connects to it, in somebody's loop.

    Args:
        address: The name, with the NUL in front that makes it abstract.
        label: What it is the name of, for people: "bus can0".
        selector: The loop's: its keys carry what to call when ready.
        join: Called with each connected socket, which does not block.
        taken: Raised if another process has the name.
    """

    def __init__(
        self,
        address: str,
        label: str,
        selector: selectors.BaseSelector,
        join: Callable[[socket.socket], None],
        taken: SimError,
    ) -> None:
        self._label = label
        self._selector = selector
        self._join = join
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.bind(address)
        except OSError as error:
            self._socket.close()
            if error.errno != EADDRINUSE:
                raise
            raise taken from None
        self._socket.listen(_BACKLOG)
        self._spare = os.open(os.devnull, os.O_RDONLY)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Give the name back; whoever has connected stays."""
        self._selector.unregister(self._socket)
        self._socket.close()
        os.close(self._spare)

    def _accept(self, _events: int) -> None:
        try:
            joined, _ = self._socket.accept()
        except BlockingIOError:
            return  # it gave up before we looked
        except OSError as error:
            LOG.warning("%s: turned one away: %s", self._label, error.strerror)
            self._turn_away()
            return
        joined.setblocking(False)
        self._join(joined)

    def _turn_away(self) -> None:
        # There is no descriptor left. Whoever waits must not go on waiting, as the loop would go
        # round for it without end: the one that is kept for this lets us hang up.
        os.close(self._spare)
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY)


def names_after(prefix: str) -> list[str]:
    """Return what follows on *prefix* in the names on this machine (in this network namespace).

    Args:
        prefix: How they begin, with the NUL in front.

    Returns:
        Each once, sorted.
    """
    shown = "@" + prefix[1:]
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    # The connections to a name have it, too.
    return sorted({line.split(shown, 1)[1] for line in lines if shown in line})
