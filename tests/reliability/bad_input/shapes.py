"""Input that has the shape it should have, and whatever inside: what gets past the first check."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable

import desk
import entries
import good
import numpy as np
import simulated
from hypothesis import strategies as st
from inputs import WILD

from gateway.record import FRAME

_WORDS = st.sampled_from(WILD) | st.integers(-(1 << 70), 1 << 70).map(lambda n: b"%d" % n)
_NUMBERS = st.floats().map(lambda x: repr(x).encode()) | _WORDS
_CELLS = _NUMBERS | st.binary(max_size=12)
_HEX = st.text("0123456789abcdefABCDEF", max_size=20).map(str.encode)
_TYPES = (
    b"RMC",
    b"GGA",
    b"GLL",
    b"GNS",
    b"VTG",
    b"ZDA",
    b"GSA",
    b"GSV",
    b"HDT",
    b"HDG",
    b"MWV",
    b"VHW",
    b"DBT",
    b"DPT",
    b"MTW",
    b"XDR",
    b"RSA",
    b"ROT",
    b"VWR",
    b"MWD",
    b"XTE",
    b"APB",
    b"RMB",
    b"VLW",
)
_FIELD = st.sampled_from(
    (b"A", b"V", b"N", b"S", b"E", b"W", b"M", b"T", b"K", b"1", b"4807.038", b"123519", b"")
)


def _frames(rows: list[tuple[int, int, int, int, int, bytes]]) -> bytes:
    frames = np.zeros(len(rows), FRAME)
    for frame, (t_ns, can_id, length, channel, flags, data) in zip(frames, rows, strict=True):
        frame["t_ns"], frame["can_id"], frame["channel"], frame["flags"] = (
            t_ns,
            can_id,
            channel,
            flags,
        )
        frame["len"] = length
        frame["data"][: min(length, len(data))] = list(data[:length])
    return frames.tobytes()


def _signal(
    n: int, start: int, length: int, order: str, scale: bytes, low: bytes, mux: str
) -> bytes:
    head = f" SG_ S{n} {mux}: {start}|{length}@{order}".encode()
    return head + b" (" + scale + b",0) [" + low + b'|0] "u" ECU\n'


def _databases(signals: list[bytes], can_id: int, length: int) -> bytes:
    message = b"BO_ %d M: %d ECU\n" % (can_id, length)
    return b'VERSION ""\nBU_: ECU\n' + message + b"".join(signals)


def _changed(document: bytes) -> st.SearchStrategy[bytes]:
    """*document* with the values of some of its keys replaced."""
    lines = document.splitlines()
    keyed = [n for n, line in enumerate(lines) if b" = " in line]
    values = (
        st.floats().map(repr)
        | st.integers(-(1 << 66), 1 << 66).map(str)
        | st.text(max_size=20).map(json.dumps)
        | st.sampled_from(
            (
                "true",
                "[]",
                "{}",
                "[[1]]",
                '["a", 1]',
                "1979-05-27",
                "07:32:00",
                '"1e999s"',
                '"*"',
                '"../.."',
                "0x" + "f" * 4000,
                "{ " + ".".join("a" * 600) + " = 1 }",
                "[" * 200 + "]" * 200,
                '"a\\nb"',
                '{ "a\\nb" = 1 }',
            )
        )
    )

    def changed(changes: dict[int, str]) -> bytes:
        found = list(lines)
        for n, value in changes.items():
            key = found[n].partition(b" = ")[0]
            found[n] = key + b" = " + value.encode("utf-8", "replace")
        return b"\n".join(found) + b"\n"

    return st.dictionaries(st.sampled_from(keyed), values, min_size=1, max_size=3).map(changed)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(1 << 70), 1 << 70)
    | st.text(max_size=12)
    | st.sampled_from((10**4000, "\ud800", "a\nb", "{value}", "1e999s", "car", "car.RPM > 1.2.3")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def _requests(examples: Iterable[bytes]) -> st.SearchStrategy[bytes]:
    """One of *examples*, of which some values are replaced, or some keys added."""
    documents = [json.loads(each) for each in examples]
    tables = [table for each in documents for table in (each, *_tables(each))]
    keys = st.sampled_from(sorted({key for table in tables for key in table})) | st.text(max_size=8)

    def changed(document: dict[str, object], deep: bool, changes: dict[str, object]) -> bytes:
        found: dict[str, object] = copy.deepcopy(document)
        inner = _tables(found)
        (inner[-1] if deep and inner else found).update(changes)
        return json.dumps(found).encode()

    return st.builds(
        changed,
        st.sampled_from(documents),
        st.booleans(),
        st.dictionaries(keys, _json, min_size=1, max_size=3),
    )


def _tables(table: dict[str, object]) -> list[dict[str, object]]:
    return [value for value in table.values() if isinstance(value, dict)]


_number = st.integers(0, 300).map(lambda n: b"%d" % n) | _NUMBERS
SHAPES: dict[type[entries.Entry], st.SearchStrategy[bytes]] = {
    entries.CanFrames: st.lists(
        st.tuples(
            st.integers(-(1 << 63), (1 << 63) - 1),
            st.sampled_from((0x100, 0x200, 0x8CFEF1FE, 0x20000004, 0x40000100))
            | st.integers(0, (1 << 32) - 1),
            st.integers(0, 64),
            st.integers(0, 255),
            st.integers(0, 255),
            st.binary(max_size=64),
        ),
        min_size=1,
        max_size=20,
    ).map(_frames),
    entries.Sentences: st.builds(
        lambda kind, fields: good.sentence(b"GP" + kind + b"," + b",".join(fields)),
        st.sampled_from(_TYPES),
        st.lists(_CELLS | _FIELD, max_size=25),
    ),
    entries.Pairs: st.lists(
        st.builds(
            lambda name, value: name + b"=" + value,
            st.sampled_from((b"temperature", b"p", b"x", b"")),
            _CELLS,
        ),
        max_size=8,
    ).map(lambda pairs: b",".join(pairs) + b"\n"),
    entries.Columns: st.lists(_CELLS, min_size=3, max_size=3).map(
        lambda cells: b",".join(cells) + b"\n"
    ),
    entries.Packets: st.builds(
        good.packet,
        st.sampled_from((1, 2, 3)),
        st.binary(min_size=27, max_size=27) | st.binary(max_size=600),
    ),
    entries.CandumpFile: st.lists(
        st.builds(
            b"(%b.%b) %b %b%b%b\n".__mod__,
            st.tuples(
                _number,
                _number,
                st.sampled_from((b"can0", b"vcan12345678901234", b"-")) | _CELLS,
                _HEX,
                st.sampled_from((b"#", b"##1", b"##", b"#R")),
                _HEX,
            ),
        ),
        min_size=1,
        max_size=8,
    ).map(lambda lines: good.CANDUMP + b"".join(lines)),
    entries.ScreenFile: st.lists(
        st.builds(
            b" (%b.%b)  %b  %b  [%b]  %b\n".__mod__,
            st.tuples(
                _number,
                _number,
                st.sampled_from((b"can0", b"can1")),
                _HEX,
                _number,
                st.binary(max_size=70).map(lambda data: data.hex(" ").encode()),
            ),
        ),
        min_size=1,
        max_size=8,
    ).map(lambda lines: good.SCREEN + b"".join(lines)),
    entries.DbcFile: st.builds(
        _databases,
        st.lists(
            st.builds(
                _signal,
                st.integers(0, 5),
                st.integers(0, 600),
                st.integers(0, 70),
                st.sampled_from(("0+", "1-", "1+", "0-")),
                _number,
                _number,
                st.sampled_from(("", "M ", "m0 ", "m1 ", "m1M ")),
            ),
            max_size=6,
        ),
        st.sampled_from((256, 0x800000FF, 1 << 31)) | st.integers(0, 1 << 33),
        st.integers(0, 80) | st.integers(0, 1 << 40),
    ),
    entries.ConfigFile: _changed(good.CONFIG),
    simulated.ScenarioFile: _changed(good.SCENARIO),
    simulated.BenchDescription: _changed(good.BENCH),
    simulated.SimulatorRequests: _requests(good.REQUESTS),
    desk.GatewayRequests: _requests(good.ORDERS),
}
