"""Lines for people: on standard output or standard error, in colour where it is a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from gateway.sinks.lines import LineStream


class Console(LineStream):
    """Prints lines to a descriptor.

    Args:
        fd: Where to; standard output or standard error.
        environ: The environment, for ``NO_COLOR`` and ``TERM``.
        encoding: What the terminal shows; a character that it lacks becomes a question mark.

    Attributes:
        color: Whether lines may be coloured: *fd* is a terminal that can, and nobody minds.
    """

    def __init__(
        self, fd: int, environ: Mapping[str, str] = os.environ, encoding: str = "utf-8"
    ) -> None:
        super().__init__(fd)
        # https://no-color.org: any value that is not empty
        minds = environ.get("NO_COLOR", "") != "" or environ.get("TERM") == "dumb"
        self.color = os.isatty(fd) and not minds
        self._encoding = encoding

    def print(self, lines: Iterable[str]) -> bool:
        """Put *lines* out, each without its line feed; see `LineStream.write`."""
        return self.write(f"{line}\n".encode(self._encoding, "replace") for line in lines)
