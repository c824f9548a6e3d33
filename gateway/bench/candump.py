"""Frames as a candump log, which every CAN tool reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.clock import NS_PER_S
from gateway.decode.database import format_id
from gateway.record import CanId, FrameFlag, Frames

_ERROR_BITS = 0x3FFFFFFF
_FD_FLAGS = FrameFlag.BIT_RATE_SWITCH | FrameFlag.ERROR_STATE


def candump_lines(
    batches: Iterable[Frames], names: Sequence[str], wall_offset_ns: int
) -> Iterator[str]:
    """Yield a line a frame, as ``candump -L -x`` writes it but with nine decimals.

    Args:
        batches: The frames, in order.
        names: The channels' names, by number.
        wall_offset_ns: What is added to their times to get nanoseconds since 1970.
    """
    for batch in batches:
        for frame in batch:
            t_ns = int(frame["t_ns"]) + wall_offset_ns
            seconds, ns = divmod(t_ns, NS_PER_S)
            channel = names[int(frame["channel"])]
            direction = "T" if frame["flags"] & FrameFlag.TRANSMITTED else "R"
            text = _frame(int(frame["can_id"]), int(frame["flags"]), int(frame["len"]),
                          frame["data"].tobytes())  # fmt: skip
            yield f"({seconds}.{ns:09d}) {channel} {text} {direction}\n"


def _frame(can_id: int, flags: int, length: int, data: bytes) -> str:
    name = f"{can_id & _ERROR_BITS:08X}" if can_id & CanId.ERROR else format_id(can_id)
    if can_id & CanId.REMOTE:
        return f"{name}#R{length}"
    payload = data[:length].hex().upper()
    if flags & FrameFlag.FD:
        return f"{name}##{flags & _FD_FLAGS:X}{payload}"
    return f"{name}#{payload}"
