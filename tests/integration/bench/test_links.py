"""Benches with more than one link: serial ports beside CAN, and several buses."""

import re

import pytest

pytestmark = pytest.mark.slow
CAR = """
[[source]]
name = "can0"
type = "can"
channel = "can0"
dbc = ["f1.dbc"]

[[source]]
name = "gps"
type = "serial"
port = "/dev/serial/by-id/usb-u-blox-if00"
protocol = "nmea0183"

[[source]]
name = "second"
type = "can"
channel = "can1"
dbc = ["f1.dbc"]

[[rule]]
name = "gps_silent"
signal = "RMC.latitude"
stale_after = "500ms"
"""
SCENARIO = """
[[bus]]
name = "can0"

[[bus]]
name = "pit"

[[device]]
name = "car"
type = "f1-car"
bus = "can0"

[[device]]
name = "other"
type = "f1-car"
bus = "pit"

[[device]]
name = "gps"
type = "gps"
car = "car"
port = "receiver"
"""
BENCH = '''
gateway = "car.toml"
scenario = "scenario.toml"
buses = { second = "pit" }
# A booting ECU is deaf: no test begins before both have booted.
ready = """can0.EngineStatus.ECU_STATE == 'normal' and second.EngineStatus.ECU_STATE == 'normal'"""

[set]
"engine" = "car.ENGINE_TEMP"
"other" = "other.ENGINE_TEMP"
'''
TESTS = """
import threading

import numpy as np
import pytest

def test_all_links_are_seen_in_the_order_of_time(bench):
    bench.set("engine", 70.0)
    bench.set("other", 130.0)
    assert bench.expect(
        "can0.EngineStatus.ENGINE_TEMP < 75 and second.EngineStatus.ENGINE_TEMP > 125"
        " and RMC.latitude > 50", within="2s")
    assert bench.expect("second.EngineStatus.LIMP_HOME == 1", within="1s")
    assert bench.never("can0.EngineStatus.LIMP_HOME == 1", during="300ms")
    # A frame bears the moment at which it was due: one of a simulator that is late may come after
    # the GPS's later sentence was seen. What came in one go is in order, and each link always is.
    came = list(bench.rig.observer.samples.batches(0))
    assert all((np.diff(part["t_ns"]) >= 0).all() for part in came)
    samples = np.concatenate(came)
    for source in range(3):
        of_link = samples[samples["source"] == source]["t_ns"]
        assert len(of_link)
        assert (np.diff(of_link) >= 0).all()
    assert bench.rate("second.VehicleDynamics", during="300ms") == pytest.approx(100, rel=0.2)
    assert bench.rate("can0.VehicleDynamics", during="300ms") == pytest.approx(100, rel=0.2)

@pytest.mark.bench(bus_errors=True, drops=True)
def test_a_port_that_is_unplugged_is_read_again(bench):
    assert bench.expect("RMC.latitude > 0", within="2s")
    with bench.inject("unplug", on="gps"):
        assert bench.alarms.raised("gps_silent", within="2s")
        assert bench.rig.observer.outages["gps"]
    assert bench.alarms.cleared("gps_silent", within="2s")

def test_a_lost_link_that_was_not_expected_is_told(bench):
    bench.inject("unplug", on="gps")
    threading.Event().wait(0.3)  # frames of both buses are read together
    assert bench.alarms.raised("gps_silent", within="2s")

def test_a_message_of_several_buses_needs_a_source(bench):
    bench.send("EcuCommand", source="second", TARGET="EngineEcu", OPCODE="version", VALUE=0,
               SEQUENCE=3)
    assert bench.expect("second.EngineReply.SEQUENCE == 3", within="1s")
    with pytest.raises(Exception, match="'EcuCommand' is on can0 or second: say source="):
        bench.send("EcuCommand")
    assert bench.request(b"\\x01\\x00", to=(0x7E0, 0x7E8), source="second")[0] == 0x41
"""


def test_several_links(project, pytester):
    result = project(TESTS, bench=BENCH, scenario=SCENARIO, car=CAR)
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(
        ["bench: after the test:", "gps: the link was lost 1 time: *receiver is gone*"]
    )
    [log] = (pytester.path / "bench-reports").glob("*.log")
    lines = re.findall(r"^\((\d+\.\d+)\) (\w+) ", log.read_text(), re.MULTILINE)
    assert {bus for _, bus in lines} == {"can0", "second"}
    times = [time for time, _ in lines]
    assert times == sorted(times)
