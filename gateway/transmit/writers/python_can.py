"""Through any interface of python-can."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection

import can

from gateway.config.model import CanConfig
from gateway.errors import LinkLostError
from gateway.record import CanId, FrameFlag, Frames
from gateway.sources.readers.python_can import LOSS, open_bus, reason, where

_FULL = {
    "pcan": {0x01, 0x80},  # PCAN_ERROR_XMTFULL, PCAN_ERROR_QXMTFULL
    "kvaser": {-13},  # canERR_TXBUFOFL
}
"""What drivers say, in numbers of their own, when there is no room; others say ENOBUFS."""


class PythonCanWriter:
    """The `FrameWriter` of whatever python-can can open.

    What the adapter has taken counts as sent: python-can does not tell more. What it receives is
    not read; adapters drop it.

    Args:
        config: The interface, and its options.
        can_ids: Not needed.
    """

    confirms = False

    def __init__(self, config: CanConfig, can_ids: Collection[int]) -> None:  # noqa: ARG002
        self._config = config
        self._bus: can.BusABC | None = None

    def open(self) -> None:
        """See `FrameWriter`."""
        self.close()
        self._bus = open_bus(self._config)

    def close(self) -> None:
        """See `FrameWriter`."""
        bus, self._bus = self._bus, None
        if bus is not None:
            # An adapter that is gone cannot be told so; there is nothing left to save.
            with contextlib.suppress(Exception):
                bus.shutdown()

    def fileno(self) -> int | None:
        """See `FrameWriter`."""
        return None

    def write(self, frame: Frames) -> bool:
        """See `FrameWriter`."""
        if self._bus is None:
            raise LinkLostError(f"{where(self._config)} is not open")
        try:
            self._bus.send(_message(frame), timeout=0)
        except LOSS as error:
            if self._is_full(error):
                return False
            raise LinkLostError(f"{where(self._config)}: {reason(error)}") from error
        return True

    def poll(self) -> int:
        """See `FrameWriter`."""
        return 0

    def _is_full(self, error: BaseException) -> bool:
        if isinstance(error, can.CanTimeoutError):
            return True
        code = error.error_code if isinstance(error, can.CanError) else getattr(error, "errno", 0)
        own = _FULL.get(self._config.interface, ())
        return code in own or code in (errno.ENOBUFS, errno.EAGAIN)


def _message(frame: Frames) -> can.Message:
    [row] = frame
    can_id, flags = int(row["can_id"]), int(row["flags"])
    return can.Message(
        arbitration_id=can_id & 0x1FFF_FFFF,
        is_extended_id=bool(can_id & CanId.EXTENDED),
        is_fd=bool(flags & FrameFlag.FD),
        bitrate_switch=bool(flags & FrameFlag.BIT_RATE_SWITCH),
        data=row["data"][: int(row["len"])].tobytes(),
        is_rx=False,
    )
