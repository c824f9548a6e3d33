"""Commands to ECUs over CAN: one message for all of them, a reply from each that is meant.

    EcuCommand 0x200          EcuReply 0x208 + number of the ECU
    byte 0  TARGET, 0xFF all  byte 0  OPCODE, as in the command
         1  OPCODE                 1  STATUS
         2  VALUE, low             2  VALUE, low
         3         high            3         high
         4  SEQUENCE               4  SEQUENCE, as in the command

``firmware_sim/data/f1.dbc`` describes them.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

COMMAND_ID = 0x200
FIRST_REPLY_ID = 0x208
ALL = 0xFF
"""The TARGET that means every ECU."""

_LAYOUT = struct.Struct("<BBHB")
LENGTH = _LAYOUT.size


class Opcode(IntEnum):
    """What an ECU can be told. VALUE is 0 where nothing else is said."""

    VERSION = 1
    """Tell the software's version: 256 times the major number and the minor one."""
    STATUS = 2
    """Tell the state, plus 16 times the cause of the last reset, plus 256 times the number of
    stored trouble codes."""
    CLEAR_LIMP_HOME = 3
    """Leave limp-home. WRONG_STATE while its cause shows."""
    SET_RPM_LIMIT = 4
    """Limit the engine's speed to VALUE, 4000 to 15000 1/min; 0 ends it. The engine's ECU only."""
    ENTER_SELF_TEST = 5
    """Go to self-test, and stay there. WRONG_STATE while the car moves."""
    LEAVE_SELF_TEST = 6
    """Go on; tells how many trouble codes are pending. WRONG_STATE unless it was told to enter."""
    RESET = 7
    """Begin again from the boot, after the reply."""
    HANG = 8
    """Do nothing any more, after the reply: until the watchdog resets the ECU."""


class Status(IntEnum):
    """How an ECU takes a command."""

    OK = 0
    UNKNOWN_OPCODE = 1
    BAD_VALUE = 2
    WRONG_STATE = 3
    BAD_LENGTH = 4


class Command(NamedTuple):
    """A command as it came.

    Attributes:
        target: The number of an ECU, or `ALL`.
        opcode: An `Opcode`, or none that there is.
        value: See `Opcode`.
        sequence: Comes back in the reply.
        whole: Whether the frame was long enough; what was missing is 0.
    """

    target: int
    opcode: int
    value: int
    sequence: int
    whole: bool


def parse(data: bytes) -> Command:
    """Return the command in *data*, of any length."""
    target, opcode, value, sequence = _LAYOUT.unpack_from(data.ljust(LENGTH, b"\0"))
    return Command(target, opcode, value, sequence, len(data) >= LENGTH)


def reply(command: Command, status: Status, value: int = 0) -> bytes:
    """Return the data of a reply to *command*."""
    return _LAYOUT.pack(command.opcode, status, value, command.sequence)
