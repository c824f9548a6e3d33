"""Devices on a bus with a bit rate in simulated time: what crosses depends on them alone."""

import pytest

from firmware_sim import wire
from firmware_sim.bus import Bus
from firmware_sim.devices.load import Load
from firmware_sim.outlets import BusLine, BusOutlet
from firmware_sim.schedule import Schedule

MS = 1_000_000


@pytest.fixture
def carried():
    """What crosses a bus of 500 kbit/s in 200 ms when time goes on in steps of *step_ms*."""

    def run(step_ms, *loads):
        records = []
        line = BusLine(Bus("can0", bit_rate=500_000))
        schedule = Schedule(clock_ns=lambda: 1_000_000_000)
        schedule.carry(line)
        line.keep("recorder", records.append)
        for load in loads:
            schedule.add(Load(**load), BusOutlet(line.bus, load["name"]), carrier=line)
        schedule.start()
        for now_ms in range(step_ms, 200 + step_ms, step_ms):
            schedule.run_to(now_ms * MS)
        load = line.bus.line.occupancy.busy_ns / (200 * MS)
        return b"".join(records), load

    return run


def ids(records):
    return [frame[1] for frame in wire.FRAME.iter_unpack(records)]


QUIET = [
    {"name": "slow", "rate": 200, "first_id": 0x300},
    {"name": "fast", "rate": 1000, "first_id": 0x100},
]
TOO_MUCH = [
    {"name": "low", "rate": 3000, "first_id": 0x300},
    {"name": "high", "rate": 3000, "first_id": 0x100},
]


@pytest.mark.parametrize("loads", [QUIET, TOO_MUCH], ids=["quiet", "overloaded"])
def test_the_same_frames_cross_at_the_same_moments_however_time_goes_on(carried, loads):
    at_once, _ = carried(200, *loads)
    assert carried(1, *loads)[0] == at_once
    assert carried(40, *loads)[0] == at_once
    assert set(ids(at_once)) == {0x100, 0x300}


def test_an_overloaded_bus_is_always_busy_and_the_lower_id_gets_all_it_wants(carried):
    records, load = carried(200, *TOO_MUCH)
    assert load == pytest.approx(1.0, abs=0.01)
    assert ids(records).count(0x100) == pytest.approx(600, abs=30)
