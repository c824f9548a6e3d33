"""Bad input: random bytes, and good input that was damaged."""

from __future__ import annotations

import random

LONGEST = 4096
"""Bytes of an input at most."""

WILD = (
    b"",
    b"0",
    b"-0",
    b"1",
    b"-1",
    b"00",
    b"1e999",
    b"-1e999",
    b"1e-999",
    b"nan",
    b"inf",
    b"-inf",
    b"9" * 400,
    b"9" * 5000,
    b"0x7fffffff",
    b"2147483648",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1_0",
    b".",
    b"-",
    b"+",
    b"e",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"%s",
    b"{}",
    b"\\",
    b'"',
    b"'",
    b"*",
    b"$",
    b"!",
    b"#",
    b"(",
    b")",
    b"[" * 200,
    b"{" * 2000,
    b",",
    b";",
    b"=",
    b" " * 300,
    b"../../",
    b"true",
    b"1979-05-27T07:32:00Z",
    "°".encode(),
    "\u0661".encode(),
)
"""Words that programs trip over."""


class Inputs:
    """Makes bad input of an entry point.

    Args:
        good: What the entry point takes.
        seed: The same seed makes the same input.
    """

    def __init__(self, good: list[bytes], seed: str) -> None:
        self._good = good
        self._random = random.Random(seed)
        self._alphabet = bytes(sorted(set(b"".join(good))))

    def random(self) -> bytes:
        """Any bytes, or those that good input consists of; short ones more often."""
        rng = self._random
        size = min(int(rng.expovariate(1 / 100)), LONGEST) if rng.random() < 0.99 else LONGEST
        if rng.random() < 0.5:
            return rng.randbytes(size)
        return bytes(rng.choices(self._alphabet, k=size))

    def mutated(self) -> bytes:
        """Good input with some damages, most often one."""
        rng = self._random
        data = bytearray(rng.choice(self._good))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
            rng.choice(_DAMAGES)(self, rng, data)
        return bytes(data[: 2 * LONGEST])

    def _flip(self, rng: random.Random, data: bytearray) -> None:
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)

    def _set(self, rng: random.Random, data: bytearray) -> None:
        if data:
            data[rng.randrange(len(data))] = rng.choice(b"\0\x01\x7f\x80\xff\n\r ,*$#\"'-.09afAF")

    def _cut(self, rng: random.Random, data: bytearray) -> None:
        begin, end = _span(rng, data)
        del data[begin:end]

    def _end(self, rng: random.Random, data: bytearray) -> None:
        del data[rng.randint(0, len(data)) :]

    def _repeat(self, rng: random.Random, data: bytearray) -> None:
        begin, end = _span(rng, data)
        data[begin:begin] = bytes(data[begin:end]) * rng.choice((1, 2, 10))

    def _swap(self, rng: random.Random, data: bytearray) -> None:
        begin, end = _span(rng, data)
        piece = bytes(data[begin:end])
        del data[begin:end]
        at = rng.randint(0, len(data))
        data[at:at] = piece

    def _noise(self, rng: random.Random, data: bytearray) -> None:
        at = rng.randint(0, len(data))
        data[at:at] = rng.randbytes(rng.randint(1, 8))

    def _wild(self, rng: random.Random, data: bytearray) -> None:
        begin, end = _word(rng, data)
        data[begin:end] = rng.choice(WILD)

    def _number(self, rng: random.Random, data: bytearray) -> None:
        begin, end = _word(rng, data)
        data[begin:end] = b"%d" % (rng.choice((1, -1)) * rng.getrandbits(rng.randint(1, 66)))

    def _splice(self, rng: random.Random, data: bytearray) -> None:
        other = rng.choice(self._good)
        data[rng.randint(0, len(data)) :] = other[rng.randint(0, len(other)) :]


_DAMAGES = (
    Inputs._flip,
    Inputs._set,
    Inputs._cut,
    Inputs._end,
    Inputs._repeat,
    Inputs._swap,
    Inputs._noise,
    Inputs._wild,
    Inputs._number,
    Inputs._splice,
)


def _span(rng: random.Random, data: bytearray) -> tuple[int, int]:
    begin = rng.randint(0, len(data))
    return begin, min(len(data), begin + int(rng.expovariate(1 / 10)))


def _word(rng: random.Random, data: bytearray) -> tuple[int, int]:
    """Return where a run of letters and digits lies, round a place picked at random."""
    begin = end = rng.randint(0, len(data))
    while begin > 0 and data[begin - 1 : begin].isalnum():
        begin -= 1
    while end < len(data) and data[end : end + 1].isalnum():
        end += 1
    return begin, end
