"""Who may send: the bits that decide, as a number whose lowest value wins.

    standard   ID28..18  RTR  IDE=0                   FDF
    extended   ID28..18  SRR=1  IDE=1  ID17..0  RTR   FDF

0 is dominant, so the frame whose field is the smaller number is the one still sending at its end: a
data frame goes before a remote one of its id, and both before any extended frame that has the same
first eleven bits. FDF is no part of the arbitration field, and comes last: of a classic and a CAN
FD frame of one id the classic one wins.
"""

from __future__ import annotations

from firmware_sim import wire

_BASE = 22
_SRR_OR_RTR = 1 << 21
_IDE = 1 << 20
_RTR = 1 << 1

ERROR_FRAME = -1
"""An error flag waits for nobody."""


def key(can_id: int, flags: int) -> int:
    """Return the rank of a frame with this id (flag bits as in `wire`) and these flags."""
    if can_id & wire.ERROR:
        return ERROR_FRAME
    fd = 1 if flags & wire.FD else 0
    remote = can_id & wire.REMOTE
    if can_id & wire.EXTENDED:
        base, rest = can_id >> 18 & 0x7FF, can_id & 0x3FFFF
        return base << _BASE | _SRR_OR_RTR | _IDE | rest << 2 | (_RTR if remote else 0) | fd
    return (can_id & 0x7FF) << _BASE | (_SRR_OR_RTR if remote else 0) | fd
