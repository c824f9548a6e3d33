"""The signal database of a rest-bus: read, and whether what it says can be sent."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from firmware_sim.devices.encoder import FLOAT_FORMATS, first_bit
from firmware_sim.errors import RequestError

if TYPE_CHECKING:
    # Where it is used, as cantools takes longer to import than an empty bus to start.
    from cantools.database.can import Database, Message


@lru_cache(maxsize=4)
def load_database(file: str) -> Database:
    """Return the signal database in *file*, in any format that cantools reads.

    Raises:
        RequestError: It cannot be read, or is none of CAN signals.
    """
    import cantools.database  # noqa: PLC0415
    from cantools.database.can import Database  # noqa: PLC0415
    from cantools.database.errors import Error  # noqa: PLC0415

    try:
        # Not strict, as databases with overlapping signals are in use.
        database = cantools.database.load_file(file, strict=False)
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise RequestError("dbc", f"{got}: {file}", "a signal database") from None
    except (Error, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError("dbc", f"{file}: {first}", "a signal database") from None
    if not isinstance(database, Database):
        raise RequestError("dbc", file, "a database of CAN signals")
    return database


def check_sendable(message: Message) -> None:
    """Look for what a database may say, and no frame can have.

    Raises:
        RequestError: It takes several frames, or a signal cannot be where, or what, it is said
            to be.
    """
    what = ""
    # J1939 and NMEA 2000 split what does not fit; there is no CAN FD in them.
    if message.length > (8 if message.protocol == "j1939" else 64):
        what = f" of {message.length} bytes, which takes several frames"
    for signal in message.signals:
        first, last = first_bit(signal), first_bit(signal) + signal.length - 1
        if last >= 8 * message.length:
            what = f", whose {signal.name} has the bits {first} to {last}, beyond its end"
        elif not signal.scale:
            what = f", whose {signal.name} has the factor 0"
        elif signal.is_float and signal.length not in FLOAT_FORMATS:
            what = f", whose {signal.name} is a float of {signal.length} bits"
    if what:
        expected = f'to leave it out: cycle.{message.name} = "0s"'
        raise RequestError("dbc", message.name + what, expected)
