"""Bit for bit what cantools decodes: real databases, and databases of every kind, generated."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.decode.database import FrameDatabase
from gateway.record import CanId

REAL = [
    "boat/nmea2000.dbc",
    "leaf/CAR-can_AZE0.dbc",
    "leaf/EV-can_AZE0.dbc",
    "rav4/toyota_adas.dbc",
    "rav4/toyota_nodsu_pt_generated.dbc",
]


@pytest.mark.parametrize("name", REAL)
def test_every_message_of_a_real_database_with_random_payloads(recordings, can, name):
    path = recordings / name
    made = can.Decoding(FrameDatabase.load([path]))
    rng = random.Random(name)
    rows = []
    for message in made.database.messages:
        for length in (message.length, message.length, rng.randrange(9)):
            rows.append((message.can_id, rng.randbytes(length)))
    text = path.read_text(encoding="cp1252")
    compared = can.check_beside_cantools(text, made, can.make_frames(rows))
    assert compared > len(rows) / 2


FRAME_LINE = re.compile(
    r"(?:\(\S+\) )?(?P<channel>can\d)? *(?:RX - - +)?<?(?:0x)?(?P<id>[0-9A-Fa-f]{3,8})>?"
    r"(?:#| +\[\d\] +)(?P<data>(?:[0-9A-Fa-f]{2} ?){0,8})(?:\s.*)?$"
)


def recorded(path: Path, channel: str | None) -> list[tuple[int, bytes]]:
    """The data frames of a recording in any of candump's forms, a line that is cut off left out."""
    rows = []
    for line in path.read_text(encoding="latin-1").splitlines():
        match = FRAME_LINE.match(line.strip())
        if match and match["channel"] in (channel, None):
            extended = CanId.EXTENDED if len(match["id"]) == 8 else 0
            rows.append((int(match["id"], 16) | extended, bytes.fromhex(match["data"])))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database", "recording", "channel", "known"),
    [
        ("rav4/toyota_nodsu_pt_generated.dbc", "rav4/drive-20s.candump.log", "can0", 10_000),
        ("rav4/toyota_adas.dbc", "rav4/drive-20s.candump.log", "can1", 5_000),
        ("leaf/CAR-can_AZE0.dbc", "leaf/leaf.log", "can0", 3_000),
        ("leaf/EV-can_AZE0.dbc", "leaf/leaf.log", "can0", 500),
        ("boat/nmea2000.dbc", "boat/nmea2000.candump.txt", None, 5_000),
    ],
)
def test_a_real_recording(recordings, can, database, recording, channel, known):
    path = recordings / database
    made = can.Decoding(FrameDatabase.load([path]))
    found = ((made.database.find(can_id), data)
             for can_id, data in recorded(recordings / recording, channel))  # fmt: skip
    # cantools knows nothing of parameter groups, so it is asked by the database's own id.
    frames = can.make_frames([(message.can_id, data) for message, data in found if message])
    assert can.check_beside_cantools(path.read_text(encoding="cp1252"), made, frames) > known


@dataclass
class Layout:
    """A generated message: lines of DBC, and which bits are taken."""

    number: int
    length: int
    lines: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    floats: list[str] = field(default_factory=list)
    count: int = 0


SCALES = st.one_of(
    st.sampled_from(
        ["1", "1", "1.0", "0.1", "0.5", "2", "-1", "-0.25", "10", "1e-7", "3.5", "1000003"]
    ),
    st.floats(allow_nan=False, allow_infinity=False, min_value=1e-30, max_value=1e30).map(repr),
    st.integers(1, 2**70).map(str),
)
OFFSETS = st.one_of(
    st.sampled_from(["0", "0", "0", "-40", "0.5", "-273.15", "1e9", "9007199254740993"]),
    st.floats(-1e12, 1e12).map(repr),
)
RANGES = st.sampled_from(["[0|0]", "[0|100]", "[-40.5|215]", "[0|1]", "[5|-5]", "[0|1e300]"])


def place(start: int, little_endian: bool) -> int:
    """A signal's start bit as a DBC writes it, from its bits' place in its byte order."""
    return start if little_endian else 8 * (start // 8) + 7 - start % 8


def bits_of(start: int, length: int, little_endian: bool) -> set[int]:
    """The payload's bits, each by its little-endian number."""
    return {place(bit, little_endian) for bit in range(start, start + length)}


@st.composite
def signal(draw, layout: Layout, taken: set[int], mark: str, longest: int = 64) -> str | None:
    """Add a signal on free bits; return its name, None if there is no room where it was drawn."""
    total = 8 * layout.length
    little_endian = draw(st.booleans())
    length = draw(st.integers(1, min(longest, total)))
    floating = False
    if not mark.strip().endswith("M") and draw(st.integers(0, 5)) == 0:
        sizes = [size for size in (16, 32, 64) if size <= total]
        if sizes:
            length, floating = draw(st.sampled_from(sizes)), True
    start = draw(st.integers(0, total - length))
    bits = bits_of(start, length, little_endian)
    if bits & taken:
        return None
    taken |= bits
    name = f"S{layout.count}"
    layout.count += 1
    plain = mark.strip().endswith("M") and draw(st.integers(0, 3)) > 0
    scale, offset = ("1", "0") if plain else (draw(SCALES), draw(OFFSETS))
    sign = "-" if floating or draw(st.booleans()) else "+"
    if mark.strip().endswith("M"):
        sign = "+"
        scale, offset = ("1", "0") if plain else ("2", "1")
    layout.lines.append(
        f" SG_ {name} {mark}: {place(start, little_endian)}|{length}"
        f"@{int(little_endian)}{sign}"
        f' ({scale},{offset}) {draw(RANGES)} "" E'
    )
    if floating:
        layout.floats.append(f"SIG_VALTYPE_ {layout.number} {name} : {2 if length == 64 else 1};")
    return name


@st.composite
def multiplexer(draw, layout: Layout, taken: set[int], *, extended: bool) -> None:
    """Add a multiplexer and what it selects, perhaps another among it."""
    number = layout.number
    outer = draw(signal(layout, taken, "M ", longest=6))
    if not outer:
        return
    for value in draw(st.lists(st.integers(0, 9), max_size=3, unique=True)):
        branch = set(taken)
        inner = None
        if extended:
            inner = draw(signal(layout, branch, f"m{value}M ", longest=4))
            if inner:
                layout.ranges.append(f"SG_MUL_VAL_ {number} {inner} {outer} {value}-{value};")
        for _ in range(draw(st.integers(0, 3))):
            under = draw(st.sampled_from([outer, inner])) if inner else outer
            low = draw(st.integers(0, 5)) if under == inner else value
            name = draw(signal(layout, branch, f"m{low} "))
            if name and extended:
                high = low + draw(st.integers(0, 3)) if under == inner else low
                layout.ranges.append(f"SG_MUL_VAL_ {number} {name} {under} {low}-{high};")


@st.composite
def message(draw, number: int) -> Layout:
    """A message: some signals, perhaps multiplexers, beside or within each other."""
    length = draw(st.one_of(st.integers(1, 8), st.integers(1, 64)))
    layout = Layout(number, length, [f"BO_ {number} M{number}: {length} E"])
    taken: set[int] = set()
    kind = draw(st.sampled_from(["plain", "simple", "extended"]))
    if kind == "plain":
        for _ in range(draw(st.integers(1, 14))):
            draw(signal(layout, taken, ""))
    else:
        for _ in range(draw(st.integers(0, 2))):
            draw(signal(layout, taken, "", longest=16))
        for _ in range(draw(st.integers(1, 2 if kind == "extended" else 1))):
            draw(multiplexer(layout, taken, extended=kind == "extended"))
    return layout


@st.composite
def databases(draw) -> tuple[str, list[tuple[int, bytes]]]:
    """A DBC's text, and frames of its messages: ids, and payloads of any length."""
    layouts = [draw(message(number)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    lines = ['VERSION ""', "NS_ :", "BS_:", "BU_: E"]
    for part in ("lines", "floats", "ranges"):
        for layout in layouts:
            lines += getattr(layout, part)
    rows = []
    rng = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.integers(1, 30))):
        layout = rng.choice(layouts)
        length = layout.length if rng.random() < 0.7 else rng.randrange(65)
        fill = rng.choice(["random", "random", "sparse", "ones"])
        if fill == "random":
            payload = rng.randbytes(length)
        elif fill == "ones":
            payload = b"\xff" * length
        else:
            payload = bytes(rng.choice([0, 0, 0, 1, 2, 128]) for _ in range(length))
        rows.append((layout.number, payload))
    return "\n".join([*lines, ""]), rows


def check(folder, can, drawn):
    text, rows = drawn
    path = folder / "made.dbc"
    path.write_text(text)
    made = can.Decoding(FrameDatabase.load([path]))
    can.check_beside_cantools(text, made, can.make_frames(rows))


HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=HEALTH)
@given(drawn=databases())
def test_generated_databases(tmp_path, can, drawn):
    check(tmp_path, can, drawn)


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=HEALTH)
@given(drawn=databases())
def test_many_generated_databases(tmp_path, can, drawn):
    check(tmp_path, can, drawn)
