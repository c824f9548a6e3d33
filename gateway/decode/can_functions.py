"""Frames one by one: a Python function is written for each kind of frame.

For a handful of frames this beats any number of calls into numpy. The function for a message of
two signals, the second of which can leave its range, reads

    def decode(t, b, o, n):
        le0, = little(b, o + 0)
        v1 = (((le0 >> 16 & 255) ^ 128) - 128) * 0.5 + -40
        return pack(t, (le0 & 65535) * 0.25, g0, t, v1, g1 if -40.0 <= v1 <= 20.0 else b1)

where *t* is the time, *b* and *o* the bytes and the place in them at which the payload begins,
*n* its length; the result is the bytes of its `SAMPLE` records. Everything but time and value is
known beforehand: ``g`` and ``b`` are those bytes for a good and a bad value. It computes with
Python's integers and floats, so it is exact whatever the scale.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.decode.can_field import FLOAT_CODES, Field, as_double
from gateway.decode.can_tree import Node
from gateway.record import SAMPLE, Quality

DecodeFrame = Callable[[int, bytes, int, int], bytes]
"""``(t_ns, buffer, offset, length)``; the buffer goes on eight bytes beyond the longest payload."""

_TAIL: int = SAMPLE.fields["signal"][1]  # type: ignore[index]
"""Where in a sample that begins which does not depend on the payload."""

_NEAR_OVERFLOW = 1e300


def nothing(t: int, b: bytes, o: int, n: int) -> bytes:  # noqa: ARG001 - a DecodeFrame
    """The function for a frame of which nothing is wanted."""
    return b""


def write_function(node: Node, source: int, origin: int, *, whole: bool) -> DecodeFrame:
    """Return the function that decodes what *node* says of a frame.

    Args:
        node: What is wanted.
        source: The ``source`` of its samples.
        origin: The ``origin`` of its samples.
        whole: True for frames of at least ``node.need`` bytes; False for shorter ones, of which
            the signals wholly inside are decoded.
    """
    written: dict[Node, DecodeFrame] = {}

    def function(node: Node) -> DecodeFrame:
        if node not in written:
            written[node] = _write(node, tails, function, whole=whole)
        return written[node]

    def tails(signal: int, quality: Quality) -> bytes:
        sample = np.zeros((), SAMPLE)
        sample["signal"], sample["source"] = signal, source
        sample["quality"], sample["origin"] = quality, origin
        return sample.tobytes()[_TAIL:]

    return function(node)


def _write(
    node: Node,
    tails: Callable[[int, Quality], bytes],
    function: Callable[[Node], DecodeFrame],
    *,
    whole: bool,
) -> DecodeFrame:
    scope: dict[str, Any] = {
        "little": struct.Struct("<Q").unpack_from,
        "big": struct.Struct(">Q").unpack_from,
        "double": as_double,
        "nothing": nothing,
        "pack": struct.Struct("qd8s" * (len(node.fields) if whole else 1)).pack,
    }
    read = [field for field, _ in node.fields] + [switch.field for switch in node.switches]
    words = {_word(field): field for field in read if field.window is not None}
    body = [
        f"{word}, = {'little' if field.little_endian else 'big'}(b, o + {field.window})"
        for word, field in words.items()
    ]
    samples = []
    for number, (field, signal) in enumerate(node.fields):
        scope[f"g{number}"] = tails(signal, Quality.GOOD)
        scope[f"b{number}"] = tails(signal, Quality.OUT_OF_RANGE)
        scope[f"i{number}"] = tails(signal, Quality.INVALID)
        value, tail = _value(field, number, scope), f"g{number}"
        if field.may_fall_below or field.may_exceed or field.reserves:
            body.append(f"v{number} = {value}")
            value, tail = f"v{number}", _judge(field, number)
        samples.append(f"t, {value}, {tail}")
    if whole:
        terms = [f"pack({', '.join(samples)})"] if samples else []
    else:
        terms = [
            f"(pack({sample}) if n >= {field.end_byte} else b'')"
            for sample, (field, _) in zip(samples, node.fields, strict=True)
        ]
    for number, switch in enumerate(node.switches):
        scope[f"s{number}"] = {raw: function(below) for raw, below in switch.branches.items()}
        term = f"s{number}.get({_raw(switch.field)}, nothing)(t, b, o, n)"
        terms.append(term if whole else f"({term} if n >= {switch.field.end_byte} else b'')")
    body.append("return " + " + ".join(terms or ["b''"]))
    exec("def decode(t, b, o, n):\n    " + "\n    ".join(body), scope)  # noqa: S102
    decode: DecodeFrame = scope["decode"]
    return decode


def _judge(field: Field, number: int) -> str:
    """Return the expression for a sample's tail by its value ``v``."""
    if field.reserves:
        low, high = field.present
        edge = f"v{number} > {high!r}" if high < math.inf else f"v{number} < {low!r}"
        return f"i{number} if {edge} else {_judge(replace(field, reserves=False), number)}"
    if not (field.may_fall_below or field.may_exceed):
        return f"g{number}"
    low, high = field.limits
    good = f"g{number} if {low!r} <= v{number} <= {high!r} else "
    return good + (f"b{number} if v{number} == v{number} else i{number}" if field.floating
                   else f"b{number}")  # fmt: skip


def _value(field: Field, number: int, scope: dict[str, Any]) -> str:
    """Return the expression for a field's value."""
    if field.window is None:
        scope[f"r{number}"] = field.read
        return f"r{number}(b[o:o + {field.end_byte}])"
    value = _raw(field)
    if field.floating:
        code = FLOAT_CODES[field.length]
        scope[f"float_{code}"] = struct.Struct(f"<{code}").unpack
        value = f"float_{code}({value}.to_bytes({field.length // 8}, 'little'))[0]"
    if field.identity:
        return value
    value = f"{value} * {field.scale!r}"
    # Adding 0 may be left out unless it turns -0.0 into 0.0.
    if field.offset != 0 or field.floating or field.scale < 0:
        value = f"{value} + {field.offset!r}"
    if (
        not field.floating
        and max(abs(field.value(raw)) for raw in field.raw_range) > _NEAR_OVERFLOW
    ):
        value = f"double({value})"
    return value


def _word(field: Field) -> str:
    """Return the name of the word from which a field is cut."""
    return f"{'le' if field.little_endian else 'be'}{field.window}"


def _raw(field: Field) -> str:
    """Return the expression for a field's bits as an integer, in parentheses."""
    assert field.window is not None  # noqa: S101
    shift = field.shift(field.window)
    bits = _word(field)
    if shift:
        bits = f"{bits} >> {shift}"
    if shift + field.length < 64:
        bits = f"{bits} & {(1 << field.length) - 1}"
    if field.signed and not field.floating:
        sign = 1 << field.length - 1
        bits = f"(({bits}) ^ {sign}) - {sign}"
    return f"({bits})"
