"""Frames one at a time: rows of `FRAME`, and python-can's messages as such."""

from __future__ import annotations

import can
import numpy as np

from gateway.record import FRAME, CanId, FrameFlag, Frames, Origin

Row = tuple[int, int, int, int, int, int, bytes]
"""The fields of one `FRAME`, the data without its padding."""

_ROW = np.dtype([(n, FRAME[n] if n != "data" else np.dtype("S64")) for n in FRAME.names or ()])


def frames_of(rows: list[Row]) -> Frames:
    """Return *rows* as an array of `FRAME`."""
    return np.array(rows, _ROW).view(FRAME)


def frame_row(message: can.Message, t_ns: int, channel: int, origin: Origin) -> Row:
    """Return *message* as a row of `FRAME`."""
    can_id = message.arbitration_id & 0x1FFF_FFFF
    if message.is_error_frame:
        can_id |= CanId.ERROR
    elif message.is_extended_id:
        can_id |= CanId.EXTENDED
    if message.is_remote_frame:
        can_id |= CanId.REMOTE
    flags = FrameFlag.FD if message.is_fd else 0
    flags |= FrameFlag.BIT_RATE_SWITCH if message.bitrate_switch else 0
    flags |= FrameFlag.ERROR_STATE if message.error_state_indicator else 0
    flags |= 0 if message.is_rx else FrameFlag.TRANSMITTED
    data = bytes(message.data or b"")[:64]
    length = min(message.dlc, 8) if message.is_remote_frame else len(data)
    return t_ns, can_id, length, flags, channel, origin, data
