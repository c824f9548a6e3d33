"""The gateway's reader on the simulator's bus: two codecs that do not know each other."""

import can
import pytest

from firmware_sim.testing import running_bus
from gateway.config.model import CanConfig, Config
from gateway.errors import LinkError, LinkLostError
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.checks import check_source

DBC = """VERSION ""
BU_: ECU
BO_ 512 Wheel: 2 ECU
 SG_ SPEED : 0|16@1+ (0.01,0) [0|700] "m/s" ECU
BO_ 2164260863 Wheels: 64 ECU
 SG_ LAST : 504|8@1+ (1,0) [0|255] "" ECU
"""


@pytest.fixture
def source(tmp_path):
    """Make a source on a bus of this name."""
    (tmp_path / "car.dbc").write_text(DBC)

    def source(channel):
        section = CanConfig(name="car", interface="firmware_sim", channel=channel, dbc=("car.dbc",))
        return CanSource(section, Config(file=tmp_path / "car.toml"), SignalTable(), 0)

    return source


def test_a_source_on_it_keeps_the_contract(source):
    with running_bus() as channel, can.Bus(channel, interface="firmware_sim") as ecu:
        frame = can.Message(arbitration_id=0x200, is_extended_id=False, data=b"\x10\x27")
        check_source(lambda: source(channel), lambda: ecu.send(frame))


def test_every_frame_of_a_python_can_node_arrives_in_its_order(source):
    with running_bus() as channel, source(channel) as car:
        car.select([signal.index for signal in car.signals])
        with can.Bus(channel, interface="firmware_sim", fd=True) as ecu:
            values = []
            for n in range(2000):
                ecu.send(
                    can.Message(
                        arbitration_id=0x200, is_extended_id=False, data=n.to_bytes(2, "little")
                    )
                )
                if n % 100 == 99:
                    while len(values) <= n:
                        values += car.read(30_000_000_000)["value"].tolist()
            ecu.send(can.Message(arbitration_id=0xFFFFFF, is_fd=True, data=bytes(63) + b"\x07"))
            values += car.read(30_000_000_000)["value"].tolist()
    assert values == pytest.approx([n / 100 for n in range(2000)] + [7])
    assert (car.counters.received, car.counters.delivered) == (2001, 2001)


def test_a_bus_that_ends_is_lost_and_found_again(source):
    with running_bus() as channel:
        car = source(channel)
        with car:
            assert len(car.read(0)) == 0
    with pytest.raises(LinkError, match="no simulated bus"), car:
        pass
    with running_bus(channel), car:
        assert len(car.read(0)) == 0


def test_the_loss_of_the_bus_is_a_lost_link(source):
    bus = running_bus()
    channel = bus.__enter__()
    with source(channel) as car:
        bus.__exit__(None, None, None)
        with pytest.raises(LinkLostError, match="is gone"):
            car.read(30_000_000_000)
