"""What a UART makes of bits that were sent at another speed than it listens at."""

from __future__ import annotations

_FRAME_BITS = 10  # start bit, eight data bits, the least significant first, stop bit


def misread(data: bytes, factor: float) -> bytes:
    """Return what is received of *data*, sent back to back at *factor* times the receiver's speed.

    The receiver waits for a falling edge, takes it for the start bit, looks at the middle of each
    following bit as it understands it, and delivers the byte whether or not it finds a stop bit:
    what a driver does that is not asked to report framing errors.
    """
    levels = [1]
    for byte in data:
        levels += [0, *(byte >> bit & 1 for bit in range(8)), 1]
    levels += [1] * (_FRAME_BITS * max(1, round(factor)))
    received = bytearray()
    position = 0.0  # in the sender's bits
    step = factor
    while (position := _falling_edge(levels, position)) >= 0:
        middles = [position + step * (bit + 0.5) for bit in range(_FRAME_BITS)]
        read = [levels[int(middle)] if middle < len(levels) else 1 for middle in middles]
        if read[0]:
            position += step  # a start bit that is over before its middle is none
            continue
        received.append(sum(level << bit for bit, level in enumerate(read[1:9])))
        position = middles[-1]
    return bytes(received)


def _falling_edge(levels: list[int], after: float) -> float:
    """Return where the line next falls after *after*, -1 for nowhere."""
    index = int(after)
    while index + 1 < len(levels):
        if levels[index] and not levels[index + 1]:
            return float(index + 1)
        index += 1
    return -1.0
