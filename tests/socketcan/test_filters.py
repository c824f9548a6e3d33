"""What nobody wants is kept away by the kernel: it wakes nobody, and takes no room."""

import select
import struct

import numpy as np
import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import CanConfig, Config
from gateway.counters import Counters
from gateway.record import FRAME, CanId, FrameFlag
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.readers import choose_reader
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.reader import TIERS

pytestmark = pytest.mark.socketcan

EXTENDED = CanId.EXTENDED


def classic(can_id, data=b"\1"):
    return struct.pack("=IB3x8s", can_id, len(data), data)


@pytest.fixture(params=TIERS)
def tier(request):
    return request.param


@pytest.fixture
def filtered(vcan, tier):
    """Open a reader with filters; closed at the end."""
    opened = []

    def filtered(*texts):
        section = CanConfig(name="car", channel=vcan.name, options={"tier": tier})
        opened.append(choose_reader(section, SYSTEM_CLOCK, Counters()))
        assert opened[-1].filter(FrameFilters.parse(texts))
        opened[-1].open()
        return opened[-1]

    yield filtered
    for each in opened:
        each.close()


def read(reader):
    frames = np.zeros(1000, FRAME)
    return frames[: reader.read_into(frames, 0)]


def test_frames_that_nobody_wants_do_not_wake_the_reader(filtered, node):
    reader = filtered("123:7FF")
    ready = select.poll()
    ready.register(reader.fileno(), select.POLLIN)
    for _ in range(100):
        node.send(classic(0x124))
        node.send(classic(0x7FF | EXTENDED))
    assert not ready.poll(0)
    node.send(classic(0x123))
    assert ready.poll(30_000)
    assert read(reader)["can_id"].tolist() == [0x123]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["123:7FF", "124:7FF"], [0x123, 0x124, 0x123 | EXTENDED]),
        (["123:C00007FF"], [0x123]),
        (["00000123:DFFFFFFF"], [0x123 | EXTENDED]),
        (["123~7FF"], [0x124, 0x7FF]),
        (["0:0"], [0x123, 0x124, 0x7FF, 0x123 | EXTENDED]),
    ],
)
def test_frames_pass_by_their_ids(filtered, node, texts, expected):
    reader = filtered(*texts)
    for can_id in (0x123, 0x124, 0x7FF, 0x123 | EXTENDED):
        node.send(classic(can_id))
    frames = read(reader)
    assert frames["can_id"].tolist() == expected
    assert (frames["flags"] & FrameFlag.TRANSMITTED).all()


def test_error_frames_pass_every_filter(filtered, node):
    reader = filtered("123:7FF")
    node.send(classic(0x40 | CanId.ERROR, bytes(8)))
    assert read(reader)["can_id"].tolist() == [0x40 | CanId.ERROR]


DBC = """VERSION ""
BU_: ECU
BO_ 256 Engine: 1 ECU
 SG_ TEMP : 0|8@1+ (1,0) [0|0] "" ECU

BO_ 257 Wheel: 1 ECU
 SG_ SPEED : 0|8@1+ (1,0) [0|0] "" ECU
"""


@pytest.mark.parametrize(
    ("filters", "received", "unknown"), [((), 3, 1), ("wanted", 1, 0), (("102:7FF",), 1, 1)]
)
def test_a_source_counts_what_it_reads(vcan, tier, node, tmp_path, filters, received, unknown):
    (tmp_path / "car.dbc").write_text(DBC)
    options = {"tier": tier}
    section = CanConfig(
        name="car", channel=vcan.name, dbc=("car.dbc",), filters=filters, options=options
    )
    source = CanSource(section, Config(file=tmp_path / "car.toml"), SignalTable(), 0)
    source.select([signal.index for signal in source.signals if signal.name == "TEMP"])
    with source:
        for can_id in (0x101, 0x102, 0x100):
            node.send(classic(can_id))
        samples = source.read(30 * NS_PER_S)
    assert samples["value"].tolist() == ([] if filters == ("102:7FF",) else [1.0])
    assert source.counters.received == source.counters.delivered == received
    assert source.counters.unknown.total() == unknown
    assert not source.counters.lost
