"""Frames one by one: a Python function is written for each kind of frame.

For a handful of frames this beats any number of calls into numpy. The function for a message of
two signals, the second of which can leave its range, reads

    def decode(t, b, o, n):
        w0, = little(b, o + 0)
        v1 = (((w0 >> 16 & 255) ^ 128) - 128) * 0.5 + -40
        return pack(t, (w0 & 65535) * 0.25, g0, t, v1, g1 if -40.0 <= v1 <= 215.0 else b1)

where *t* is the time, *b* and *o* the bytes and the place in them at which the payload begins,
*n* its length; the result is the bytes of its `SAMPLE` records. Everything but time and value is
known beforehand: ``g`` and ``b`` are those bytes for a good and a bad value. It computes with
Python's integers and floats, so it is exact whatever the scale.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gateway.decode.can_field import FLOAT_CODES, Field, Number, as_double
from gateway.decode.can_tree import Node
from gateway.record import SAMPLE, Quality

DecodeFrame = Callable[[int, bytes, int, int], bytes]
"""``(t_ns, buffer, offset, length)``: eight bytes beyond the payload must be there to be read."""

_TAIL = SAMPLE.fields["signal"][1]  # type: ignore[index]
"""Where in a sample that begins which does not depend on the payload."""


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
    return _Writer(source, origin, whole).function(node)


class _Writer:
    def __init__(self, source: int, origin: int, whole: bool) -> None:
        self._source = source
        self._origin = origin
        self._whole = whole
        self._functions: dict[Node, DecodeFrame] = {}

    def function(self, node: Node) -> DecodeFrame:
        if node not in self._functions:
            self._functions[node] = self._write(node)
        return self._functions[node]

    def _write(self, node: Node) -> DecodeFrame:
        self._scope: dict[str, Any] = {
            "little": struct.Struct("<Q").unpack_from,
            "big": struct.Struct(">Q").unpack_from,
            "number": int.from_bytes,
            "double": as_double,
            "nothing": nothing,
        }
        scope = self._scope
        body = list(
            self._words(
                [field for field, _ in node.fields] + [switch.field for switch in node.switches]
            )
        )
        parts = []
        for name, (field, signal) in enumerate(node.fields):
            lines, arguments = self._sample(str(name), field, signal)
            body += lines
            parts.append(arguments)
        if self._whole:
            scope["pack"] = _packer(len(parts))
            terms = [f"pack({', '.join(parts)})"] if parts else []
        else:
            scope["pack"] = _packer(1)
            terms = [
                f"(pack({part}) if n >= {field.end_byte} else b'')"
                for part, (field, _) in zip(parts, node.fields, strict=True)
            ]
        for name, switch in enumerate(node.switches):
            scope[f"s{name}"] = switch.branches
            scope[f"d{name}"] = {}
            term = f"s{name}.get({_raw(switch.field)}, nothing)(t, b, o, n)"
            terms.append(
                term if self._whole else f"({term} if n >= {switch.field.end_byte} else b'')"
            )
        body.append("return " + " + ".join(terms or ["b''"]))
        exec("def decode(t, b, o, n):\n    " + "\n    ".join(body), scope)  # noqa: S102
        for name, switch in enumerate(node.switches):
            scope[f"s{name}"] = {
                raw: self.function(branch) for raw, branch in switch.branches.items()
            }
        return scope["decode"]  # type: ignore[no-any-return]

    def _words(self, fields: list[Field]) -> Iterator[str]:
        for word in dict.fromkeys(map(_word, fields)):
            order, window, size = word
            name = _word_name(word)
            if size == 8:
                yield (
                    f"{name}, = {order}(b, o + {window})" if window else f"{name}, = {order}(b, o)"
                )
            else:
                yield f"{name} = number(b[o + {window}:o + {window + size}], '{order}')"

    def _sample(self, name: str, field: Field, signal: int) -> tuple[list[str], str]:
        """Return the lines to come first, and the arguments to ``pack``."""
        scope = self._scope
        value = self._value(field)
        for quality, letter in (
            (Quality.GOOD, "g"),
            (Quality.OUT_OF_RANGE, "b"),
            (Quality.INVALID, "i"),
        ):
            sample = np.zeros(1, SAMPLE)
            sample["signal"] = signal
            sample["source"] = self._source
            sample["quality"] = quality
            sample["origin"] = self._origin
            scope[f"{letter}{name}"] = sample.tobytes()[_TAIL:]
        if not field.may_leave_limits:
            return [], f"t, {value}, g{name}"
        low, high = field.limits
        bad = f"b{name} if v{name} == v{name} else i{name}" if field.floating else f"b{name}"
        good = f"g{name} if {low!r} <= v{name} <= {high!r} else {bad}"
        return [f"v{name} = {value}"], f"t, v{name}, {good}"

    def _value(self, field: Field) -> str:
        raw = _raw(field)
        if field.floating:
            letter = FLOAT_CODES[field.length]
            self._scope[f"float_{letter}"] = struct.Struct(f"<{letter}").unpack
            raw = f"float_{letter}(({raw}).to_bytes({field.length // 8}, 'little'))[0]"
        if field.identity:
            return raw
        value = (
            raw
            if field.scale == 1 and isinstance(field.scale, int)
            else (f"({raw}) * {_literal(field.scale)}")
        )
        # Adding 0 may be left out unless it turns -0.0 into 0.0.
        if field.offset != 0 or field.floating or field.scale < 0:
            value = f"{value} + {_literal(field.offset)}"
        if not field.floating and max(abs(field.value(raw)) for raw in field.raw_range) > 1e300:
            value = f"double({value})"
        return value


def _literal(number: Number) -> str:
    return f"({number!r})" if number < 0 else repr(number)


def _packer(count: int) -> Callable[..., bytes]:
    return struct.Struct("qd8s" * count).pack


def _word(field: Field) -> tuple[str, int, int]:
    """Byte order, first byte, and number of bytes of the integer from which *field* is cut."""
    order = "little" if field.little_endian else "big"
    window = field.window
    if window is None:
        return order, field.first_byte, field.end_byte - field.first_byte
    return order, window, 8


def _word_name(word: tuple[str, int, int]) -> str:
    order, window, size = word
    return f"{order[0]}{window}_{size}"


def _raw(field: Field) -> str:
    word = _word(field)
    _, window, size = word
    shift = field.shift(window, size)
    mask = (1 << field.length) - 1
    text = _word_name(word)
    if shift:
        text = f"{text} >> {shift}"
    if shift + field.length < 8 * size:
        text = f"{text} & {mask}"
    if field.signed and not field.floating:
        sign = 1 << field.length - 1
        text = f"(({text}) ^ {sign}) - {sign}"
    return f"({text})"
