"""A UART at the end of a wire: what it makes of bits that come at another speed than its own."""

from __future__ import annotations

import pytest


def received(data, sent_baud, read_baud):
    """Return the bytes that a UART at *read_baud* sees of *data*, 8N1, sent at *sent_baud*.

    It waits for a falling edge, looks at the middle of the start bit and of each of the eight data
    bits, and goes on at the next falling edge after them. Also returns how many stop bits were
    missing.
    """
    bits = []
    for byte in data:
        bits += [0, *((byte >> n) & 1 for n in range(8)), 1]

    def level(t):
        return bits[int(t)] if t < len(bits) else 1

    bit = sent_baud / read_baud  # of the reader's, in those of the sender
    step = bit / 16
    found = bytearray()
    errors = 0
    t, before = 0.0, 1
    while t < len(bits):
        if before == 1 and level(t) == 0 and level(t + bit / 2) == 0:
            middle = t + bit / 2
            found.append(sum(level(middle + (n + 1) * bit) << n for n in range(8)))
            t = middle + 9 * bit
            if level(t) == 0:
                errors += 1
                while t < len(bits) and level(t) == 0:
                    t += step
            before = 1
        else:
            before = level(t)
        t += step
    return bytes(found), errors


@pytest.fixture(scope="session")
def uart():
    return received
