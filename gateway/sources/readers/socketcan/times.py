"""The kernel's and the controller's times, put on CLOCK_MONOTONIC."""

from __future__ import annotations

import numpy as np

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.sources.readers.socketcan.receiver import Times

STEP_NS = NS_PER_MS
"""A change of the wall clock by more than this, between two looks at it, is a step."""

LOOKS = 3
"""How often the clocks are read again when this process was interrupted in between."""

QUICK_NS = 20_000
"""Two readings of the monotonic clock that are closer together were not interrupted."""

MOST_DRIFT = 1e-4
"""How much slower or faster than the host's a controller's clock may run: 100 ppm."""


class WallTimes:
    """Puts wall-clock times, as the kernel gives to frames, on CLOCK_MONOTONIC.

    The distance of the two clocks is looked up at each reading, and is otherwise kept as it is as
    long as it explains what is read, so that frames stay in order. When the wall clock was set
    since the last look, frames from before are recognised by times that are impossible by its new
    setting: before the last look, or in the future. Where both are possible (a step smaller than
    the time since the last look), the error is at most the step, for the frames that were waiting.

    Args:
        clock: The machine's clocks.

    Attributes:
        now_ns: CLOCK_MONOTONIC at the last look.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now_ns, self._offset_ns, _ = self._read()
        self._step: tuple[int, int, int] | None = None

    def look(self) -> None:
        """Look at the clocks: after frames have come, and before they are converted."""
        seen_ns, old_ns = self.now_ns, self._offset_ns
        self.now_ns, offset_ns, uncertain_ns = self._read()
        if abs(offset_ns - old_ns) > STEP_NS + uncertain_ns:
            self._offset_ns = offset_ns
            self._step = self._step or (seen_ns - uncertain_ns, old_ns, self.now_ns)
        elif offset_ns > old_ns + uncertain_ns:
            self._offset_ns = offset_ns - uncertain_ns
        elif offset_ns < old_ns - uncertain_ns:
            self._offset_ns = offset_ns + uncertain_ns
        self._latest_ns = self.now_ns + uncertain_ns

    def convert(self, times: Times) -> None:
        """Convert in place the *times* of frames that came before the last look, in their order."""
        times -= self._offset_ns
        if self._step:
            earliest_ns, old_ns, noticed_ns = self._step
            impossible = (times < earliest_ns) | (times > self._latest_ns)
            times += np.where(impossible, self._offset_ns - old_ns, 0)
            if times[-1] > noticed_ns:
                self._step = None  # what comes now came after it

    def _read(self) -> tuple[int, int, int]:
        """Return the monotonic time, what the wall clock is ahead of it, and how sure that is."""
        for _ in range(LOOKS):
            before_ns = self._clock.monotonic_ns()
            wall_ns = self._clock.wall_ns()
            after_ns = self._clock.monotonic_ns()
            if after_ns - before_ns < QUICK_NS:
                break
        half_ns = (after_ns - before_ns) // 2
        return after_ns, wall_ns - before_ns - half_ns, half_ns + 1


class HardwareTimes:
    """Puts a controller's own times on CLOCK_MONOTONIC.

    A controller counts from when it pleases, at its own pace. The kernel's stamp of a frame is
    later than the controller's by the way from there: the shortest way seen is the distance of the
    two clocks, and is allowed to grow as slowly as clocks drift. So the times keep the controller's
    regularity, and never lie behind the kernel's own.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._last_ns = 0

    def convert(self, hardware_ns: Times, kernel_ns: Times) -> Times:
        """Return *hardware_ns*, given the same frames' times by the kernel on CLOCK_MONOTONIC."""
        last_ns = int(kernel_ns[-1])
        shortest_ns = int((kernel_ns - hardware_ns).min())
        offset_ns = self._offset_ns
        if offset_ns is None or abs(shortest_ns - offset_ns) > NS_PER_S:
            offset_ns = shortest_ns  # the first frames, or the controller was started anew
        drift_ns = int(max(0, last_ns - self._last_ns) * MOST_DRIFT)
        self._offset_ns = min(shortest_ns, offset_ns + drift_ns)
        self._last_ns = last_ns
        return hardware_ns + self._offset_ns
