"""NMEA 2000 fast packets: messages of up to 223 bytes in several frames of eight."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.counters import Counters

LOST = "fast_packet"
"""The reason under which frames of packets that were never completed are counted as lost."""

_FIRST_GROUP = 0x1ED00
_MOST_OPEN = 4096
_WHOLE = 8
"""Bytes of every frame of a packet but the last."""


def is_fast_packet(can_id: int, length: int) -> bool:
    """Return whether a message of *length* bytes with this parameter group comes in fast packets.

    NMEA 2000 uses them in its own groups, from 126208 up. A longer message of another group
    comes by J1939's transport protocol, under other ids.
    """
    return length > 8 and (can_id >> 8) & 0x3FFFF >= _FIRST_GROUP


@dataclass(slots=True)
class _Packet:
    sequence: int
    size: int
    payload: bytearray
    frames: int = 1


class FastPackets:
    """Puts packets together.

    The first byte of a frame is the packet's sequence number (bits 5..7) and the frame's number
    within it (bits 0..4); in frame 0 the second byte is the packet's size, and six bytes of
    payload follow; in the others, seven. A sender sends the frames of one id in order, so what
    does not continue the packet at hand ends it, as does a frame in its middle that is cut short.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], _Packet] = {}

    def add(self, sender: tuple[int, int], frame: bytes, counters: Counters) -> bytes | None:
        """Take a frame's payload; return the packet's, if this was its last frame.

        Args:
            sender: Channel and id.
            frame: What the frame carries.
            counters: Frames that turn out to be of no use, delivered before, become lost.
        """
        header = frame[0] if frame else 0
        sequence, number = header >> 5, header & 31
        packet = self._open.pop(sender, None)
        if packet and (sequence, number) != (packet.sequence, packet.frames):
            _lose(counters, packet.frames)
            packet = None
        if packet is None:
            if number != 0 or len(frame) < 2 or len(self._open) >= _MOST_OPEN:
                _lose(counters, 1)
                return None
            packet = _Packet(sequence, frame[1], bytearray(frame[2:]))
        else:
            packet.payload += frame[1:]
            packet.frames += 1
        if len(packet.payload) >= packet.size:
            return bytes(packet.payload[: packet.size])
        if len(frame) < _WHOLE:  # what follows would stand in the place of what is missing
            _lose(counters, packet.frames)
        else:
            self._open[sender] = packet
        return None


def _lose(counters: Counters, frames: int) -> None:
    counters.delivered -= frames
    counters.lost[LOST] += frames
