"""Filters on interfaces that are not the kernel's: adapters are told, and the rest is left out."""

import can
import pytest

from gateway.clock import NS_PER_S
from gateway.config.load import load_config
from gateway.config.model import CanConfig, Config
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource

DBC = """VERSION ""
BU_: ECU
BO_ 256 Engine: 1 ECU
 SG_ TEMP : 0|8@1+ (1,0) [0|0] "" ECU

BO_ 2566844672 Group: 1 ECU
 SG_ SPEED : 0|8@1+ (1,0) [0|0] "" ECU
"""


@pytest.mark.parametrize(
    ("written", "filters"),
    [
        ("", ()),
        ('filters = "wanted"', "wanted"),
        ('filters = ["123:7FF", "200~700"]', ("123:7FF", "200~700")),
    ],
)
def test_filters_are_written_as_a_word_or_as_a_list(tmp_path, written, filters):
    file = tmp_path / "car.toml"
    file.write_text(f'[[source]]\nname = "car"\ntype = "can"\nchannel = "can0"\n{written}\n')
    assert load_config(file).source[0].filters == filters


@pytest.fixture
def source(tmp_path, request):
    (tmp_path / "car.dbc").write_text(DBC)

    def source(filters, wanted=("TEMP",)):
        section = CanConfig(
            name="car",
            interface="virtual",
            channel=request.node.name,
            dbc=("car.dbc",),
            filters=filters,
        )
        made = CanSource(section, Config(file=tmp_path / "car.toml"), SignalTable(), 0)
        made.select([signal.index for signal in made.signals if signal.name in wanted])
        return made

    return source


@pytest.mark.parametrize(
    ("filters", "received"),
    [
        ((), {0x100, 0x101, 0x102}),
        ("wanted", {0x100}),
        (("103:7FF",), set()),
        (("100:7FE",), {0x100, 0x101}),
        (("100~7FF",), {0x101, 0x102}),
    ],
)
def test_a_source_reads_what_its_filters_let_through(source, request, filters, received):
    with source(filters) as reading, can.Bus(interface="virtual", channel=request.node.name) as bus:
        for can_id in (0x101, 0x102, 0x100):
            bus.send(can.Message(arbitration_id=can_id, data=[7], is_extended_id=False))
        bus.send(can.Message(arbitration_id=0x40, is_error_frame=True, dlc=8, data=bytes(8)))
        while not reading.counters.error_frames:
            reading.read(NS_PER_S)
    counters = reading.counters
    unknown = {int(can_id, 16) for can_id in counters.unknown}
    assert counters.received == counters.delivered == len(received) + 1
    assert unknown == received - {0x100}


@pytest.mark.parametrize(
    ("filters", "wanted", "told"),
    [
        ((), ("TEMP",), None),
        ("wanted", ("TEMP",), [(0x100, 0x7FF)]),
        ("wanted", ("TEMP", "SPEED"), [(0x100, 0x7FF), (0x18FEF100, 0x1FFFFFFF)]),
        ("wanted", (), None),
        (("100:7FE",), ("TEMP",), [(0x100, 0x7FE)]),
        (("100:7FE", "200~7FF"), ("TEMP",), None),
    ],
)
def test_an_adapter_is_told_what_it_can_keep_away(source, monkeypatch, filters, wanted, told):
    given = {}

    def bus(**settings):
        given.update(settings)
        raise can.CanInitializationError("not today")

    monkeypatch.setattr(can, "Bus", bus)
    with pytest.raises(Exception, match="not today"), source(filters, wanted):
        pass
    found = given.get("can_filters")
    assert (found and [(each["can_id"], each["can_mask"]) for each in found]) == told
