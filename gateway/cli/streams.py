"""Standard input and output as the commands rely on them: open, and able to take any text."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def prepare_streams() -> None:
    """Open what was closed, and let standard output take letters that its encoding lacks.

    The number of a descriptor that was closed (``gateway run car.toml >&-``) would be given to the
    next file or socket, and then be printed into.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does


def finish_output() -> None:
    """Write what still waits to be; let go of it where nobody takes it.

    Python would try once more at its exit, and complain in words of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
