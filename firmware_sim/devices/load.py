"""A load: numbered frames at a steady rate, so that whoever receives them can prove what is lost.

    data  0..3   the frame's number, from 0, little-endian, wraps at 2**32
          4..5   a saw-tooth of the number: number * 16 mod 65536, little-endian
          6..7   noise, little-endian
          8..    noise (CAN FD)

The ids go round: frame *n* has the id ``first_id + n % ids``. A shorter frame is cut.
"""

from __future__ import annotations

import numpy as np

from firmware_sim import wire

TOOTH = 16
"""By how much the saw-tooth rises from frame to frame."""

NS_PER_S = 1_000_000_000
_NOISE_ROWS = 4096


class Load:
    """Sends *rate* frames a second, a batch every *period_ns*.

    Args:
        name: Its name.
        rate: Frames a second.
        seed: Of the noise.
        first_id: The lowest id; above 0x7FF they are extended ones.
        ids: How many ids.
        length: Bytes in a frame; more than 8 are CAN FD.
        count: How many frames in all; None never ends.
        period_ns: Time from batch to batch.

    Raises:
        ValueError: There is no such frame.
    """

    def __init__(
        self,
        name: str,
        *,
        rate: int,
        seed: int | str = 0,
        first_id: int = 0x100,
        ids: int = 1,
        length: int = 8,
        count: int | None = None,
        period_ns: int = 5_000_000,
    ) -> None:
        last = first_id + ids - 1
        if last > 0x1FFFFFFF or first_id <= 0x7FF < last:
            raise ValueError(f"got ids {first_id:#x} to {last:#x}, expected all of one kind")
        if length not in wire.FD_LENGTHS:
            raise ValueError(f"got {length} bytes, expected one of {wire.FD_LENGTHS}")
        self.name = name
        self.due_ns: int | None = 0
        self._rate = rate
        self._count = count
        self._period_ns = period_ns
        self._sent = 0
        self._steps = 0
        self._ids = (np.arange(ids) + first_id).astype(np.uint32)
        if first_id > 0x7FF:
            self._ids |= wire.EXTENDED
        self._length = length
        rng = np.random.default_rng(list(f"{seed}/{name}".encode()))
        self._noise = rng.integers(0, 256, (_NOISE_ROWS, 64), np.uint8)
        self._noise[:, length:] = 0

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        # From the whole time so far, so that no rounding adds up.
        upto = (now_ns + self._period_ns) * self._rate // NS_PER_S
        if self._count is not None:
            upto = min(upto, self._count)
        numbers = np.arange(self._sent, upto, dtype=np.uint64)
        self._sent = upto
        self._steps += 1
        self.due_ns = None if upto == self._count else self._steps * self._period_ns
        return self._frames(numbers).tobytes()

    def _frames(self, numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> wire.Records:
        frames = np.zeros(len(numbers), wire.RECORD)
        frames["can_id"] = self._ids[numbers % len(self._ids)]
        frames["len"] = self._length
        frames["flags"] = wire.FD if self._length > 8 else 0
        data = self._noise[numbers % _NOISE_ROWS]
        data[:, :4] = (numbers & 0xFFFF_FFFF).astype("<u4").view(np.uint8).reshape(-1, 4)
        tooth = (numbers * TOOTH & 0xFFFF).astype("<u2")
        data[:, 4:6] = tooth.view(np.uint8).reshape(-1, 2)
        data[:, self._length :] = 0
        frames["data"] = data
        return frames
