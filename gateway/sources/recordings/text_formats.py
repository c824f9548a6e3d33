"""The text formats that python-can reads, and the lines that it is given of them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import BinaryIO, TextIO

import can

# python-can says of each line that is an event and no frame that it passes over it.
logging.getLogger("can.io").setLevel(logging.WARNING)

_LONGEST = 4096
"""Characters. A frame of CAN FD takes some hundred."""


class Lines(io.TextIOWrapper):
    """Text that is iterated over by its lines; of one without an end, only its beginning.

    Frames are ASCII. Comments, and paths in headers, are in the code page of whoever wrote them;
    what is no UTF-8 in them is replaced.

    Args:
        file: The bytes. It is closed with the text.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, "utf-8-sig", "replace")
        self._line = ""
        self._again = False

    def again(self) -> None:
        """Have the line that was read last come once more."""
        self._again = self._line != ""

    def __next__(self) -> str:  # type: ignore[override]  # of bytes, the base class says
        if self._again:
            self._again = False
            return self._line
        self._line = rest = self.readline(_LONGEST)
        while len(rest) == _LONGEST and not rest.endswith("\n"):
            rest = self.readline(_LONGEST)
        if not self._line:
            raise StopIteration
        return self._line


class _AscReader(can.ASCReader):
    """python-can's reader, which would pass over the first line behind a header, frame or not."""

    def _extract_header(self) -> None:
        super()._extract_header()
        if isinstance(self.file, Lines):
            self.file.again()


TEXT_READERS: dict[str, Callable[[TextIO], can.io.generic.MessageReader]] = {
    ".asc": _AscReader,
    ".csv": can.CSVReader,
    ".trc": can.TRCReader,
}
"""By suffix."""
