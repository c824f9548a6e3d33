"""Which of the frames on the bus are this host's own."""

from __future__ import annotations

from collections import deque

from gateway.clock import NS_PER_S
from gateway.record import FRAME, FrameFlag, Frames
from gateway.sources.readers.socketcan.receiver import BEGIN

FORGOTTEN_NS = NS_PER_S
"""A frame that has not come back from the bus after so long will not: it was not sent, or its
sender asked for no echo."""


class Echoes:
    """Marks frames that this host has sent, where the kernel does not.

    A ring of packets has a frame of this host twice: when it is handed to the driver, and when it
    was on the bus. The second looks like any frame that was received; but it has the contents of
    the first.
    """

    def __init__(self) -> None:
        self._sent: dict[bytes, deque[int]] = {}

    def __len__(self) -> int:
        """Return how many frames are expected."""
        return sum(map(len, self._sent.values()))

    def expect(self, sent: Frames) -> None:
        """Remember frames that were handed to the driver."""
        for t_ns, contents in zip(sent["t_ns"].tolist(), _contents(sent), strict=True):
            self._sent.setdefault(contents, deque()).append(t_ns)

    def mark(self, frames: Frames) -> None:
        """Set `FrameFlag.TRANSMITTED` on those of *frames* that were expected."""
        if not self._sent:
            return
        times = frames["t_ns"].tolist()
        for index, contents in enumerate(_contents(frames)):
            waiting = self._sent.get(contents)
            while waiting:
                sent_ns = waiting[0]
                if sent_ns > times[index]:
                    break
                waiting.popleft()
                if times[index] - sent_ns <= FORGOTTEN_NS:
                    frames["flags"][index] |= FrameFlag.TRANSMITTED
                    break
        oldest_ns = times[-1] - FORGOTTEN_NS
        for waiting in self._sent.values():
            while waiting and waiting[0] < oldest_ns:
                waiting.popleft()
        self._sent = {contents: waiting for contents, waiting in self._sent.items() if waiting}


def _contents(frames: Frames) -> list[bytes]:
    buffer, size = frames.tobytes(), FRAME.itemsize
    return [buffer[at + BEGIN : at + size] for at in range(0, len(buffer), size)]
