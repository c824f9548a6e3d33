"""The car's physics and what its ECUs and GPS make of it, in simulated time only."""

import math
import re
from functools import reduce
from importlib.resources import as_file, files
from itertools import pairwise
from operator import xor
from pathlib import Path

import cantools
import numpy as np
import pynmea2
import pytest

from firmware_sim import wire
from firmware_sim.devices.circuit import Circuit
from firmware_sim.devices.ecu import BOOT_NS
from firmware_sim.devices.ecu_commands import Opcode, Status
from firmware_sim.devices.f1_car import STEP_NS, F1Car
from firmware_sim.devices.f1_ecus import ECUS, f1_database, f1_ecus
from firmware_sim.devices.gps import ORIGIN, Gps, sentence

SECOND = 1_000_000_000
SEEDS = range(5)


def drive(seed, seconds):
    car = F1Car(seed)
    return [car.at(t_ns) for t_ns in range(0, seconds * SECOND, STEP_NS)]


def emitted(device, seconds):
    """All bytes that *device* sends in the first *seconds* seconds."""
    sent = []
    while device.due_ns < seconds * SECOND:
        sent.append(device.step(device.due_ns))
    return b"".join(sent)


@pytest.fixture(scope="module")
def stint():
    """The car's state every 10 ms for two minutes, a pit stop within them."""
    return drive(44, 120)


EPISODES = {
    "engine above 110 degC": lambda s: s.engine_temp > 110.0,
    "a tyre below 1.9 bar": lambda s: min(s.tyre_pressures) < 1.9,
    "faster than 340 km/h": lambda s: s.speed_kmh > 340.0,
    "more than 5.5 G": lambda s: s.g_force > 5.5,
    "less than 15 % of fuel": lambda s: s.fuel_level < 15.0,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("episode", EPISODES)
def test_every_threshold_is_crossed_for_a_while_within_thirty_seconds(seed, episode):
    states = drive(seed, 30)
    beyond = [EPISODES[episode](state) for state in states]
    longest = max(len(run) for run in "".join("x" if b else " " for b in beyond).split())
    assert longest * STEP_NS >= SECOND // 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("episode", [name for name in EPISODES if name != "less than 15 % of fuel"])
def test_and_is_crossed_back_within_thirty_seconds_where_that_can_be(seed, episode):
    beyond = [EPISODES[episode](state) for state in drive(seed, 30)]
    assert (True, False) in pairwise(beyond)


def test_cold_tyres_warm_up_then_one_leaks(stint):
    low = [min(state.tyre_pressures) < 1.9 for state in stint[:3000]]
    edges = [(before, after) for before, after in pairwise(low) if before != after]
    assert low[0]
    assert edges == [(True, False), (False, True)]
    leaking = [p < 1.9 for p in stint[2999].tyre_pressures]
    assert leaking.count(True) == 1


def test_every_quantity_stays_within_what_such_a_car_shows(stint):
    def span(values):
        values = list(values)
        return min(values), max(values)

    def within(found, low, high):
        return low <= found[0] and found[1] <= high

    assert within(span(s.speed_kmh for s in stint), 0.0, 350.0)
    assert within(span(s.engine_temp for s in stint), 80.0, 120.0)
    assert within(span(p for s in stint for p in s.tyre_pressures), 1.6, 2.5)
    assert within(span(s.g_force for s in stint), 0.0, 6.3)
    assert within(span(s.fuel_level for s in stint), 0.0, 100.0)
    assert within(span(s.rpm for s in stint), 4_000.0, 12_500.0)
    assert within(span(s.throttle for s in stint), 0.0, 1.0)
    assert {s.gear for s in stint} == set(range(9))


def test_speed_is_how_fast_the_lap_goes_by(stint):
    for before, after in pairwise(stint):
        if after.lap == before.lap:
            moved = after.distance_m - before.distance_m
            assert moved == pytest.approx(after.speed_ms * 0.01, abs=0.011)


def test_the_engine_warms_at_full_throttle_and_cools_when_the_driver_lifts(stint):
    for before, after in pairwise(stint[:3000]):
        if after.throttle == 1.0:
            assert after.engine_temp > before.engine_temp
        elif after.g_long < -3.0:
            assert after.engine_temp < before.engine_temp


def test_fuel_only_falls_until_the_pit_stop_fills_it(stint):
    rises = [after for before, after in pairwise(stint) if after.fuel_level > before.fuel_level]
    assert len(rises) == 1
    assert rises[0].in_pit
    assert rises[0].speed_ms == 0.0


def test_lateral_g_follows_from_speed_and_bend(stint):
    circuit = Circuit()
    for state in stint[::50]:
        index = int(state.distance_m / circuit.step_m) % len(circuit.curvature)
        nearby = [circuit.curvature[(index + k) % len(circuit.curvature)] for k in (-1, 0, 1, 2)]
        assert (
            min(nearby) * state.speed_ms**2 / 9.81 - 1e-9
            <= state.g_lat
            <= max(nearby) * state.speed_ms**2 / 9.81 + 1e-9
        )


def test_the_circuit_closes():
    circuit = Circuit()
    assert math.dist(circuit.position(0.0), circuit.position(circuit.length_m - 1e-6)) < 0.01
    assert circuit.course_deg(0.0) == pytest.approx(90.0)
    assert sum(circuit.curvature) * circuit.step_m == pytest.approx(math.tau)


def test_the_car_is_the_same_however_often_it_is_looked_at():
    often, seldom = F1Car(7), F1Car(7)
    for t_ns in range(0, 20 * SECOND, 3_000_000):
        often.at(t_ns)
    assert often.at(20 * SECOND) == seldom.at(20 * SECOND)


def test_equal_seeds_send_equal_frames_and_sentences_and_other_seeds_others():
    def everything(seed):
        car = F1Car(seed)
        devices = [*f1_ecus(car, seed), Gps("gps", car, seed=seed)]
        sent = {device.name: [] for device in devices}
        while min(device.due_ns for device in devices) < 5 * SECOND:
            device = min(devices, key=lambda d: d.due_ns)
            sent[device.name].append(device.step(device.due_ns))
        return sent

    first, second, other = everything(1), everything(1), everything(2)
    assert first == second
    assert all(other[name] != first[name] for name in ("EngineEcu", "ChassisEcu", "gps"))


@pytest.mark.parametrize("name", [spec.name for spec in ECUS])
def test_each_message_comes_at_the_databases_cycle_time_and_counts_its_frames(name):
    database = f1_database()
    [ecu] = [ecu for ecu in f1_ecus(F1Car(1), 1) if ecu.name == name]
    frames = np.frombuffer(emitted(ecu, 2), wire.RECORD)
    cyclic = [message for message in database.messages if message.cycle_time]
    mine = [message for message in cyclic if name in message.senders]
    assert set(frames["can_id"].tolist()) == {message.frame_id for message in mine}
    for message in mine:
        sent = frames[frames["can_id"] == message.frame_id]
        assert len(sent) == -(-(2000 - BOOT_NS // 1_000_000) // message.cycle_time)
        counters = [message.decode(bytes(f["data"][: f["len"]]))["COUNTER"] for f in sent]
        assert counters == [n % 16 for n in range(len(sent))]


def test_what_the_ecus_send_is_what_the_car_does():
    database = f1_database()
    car = F1Car(3)
    measured = {}
    ecus = f1_ecus(car, 3)
    while (device := min(ecus, key=lambda e: e.due_ns)).due_ns < 16 * SECOND:
        for frame in np.frombuffer(device.step(device.due_ns), wire.RECORD):
            data = bytes(frame["data"][: frame["len"]])
            measured |= database.decode_message(int(frame["can_id"]), data, decode_choices=False)
    state = car.state
    assert measured["SPEED"] == pytest.approx(state.speed_kmh, abs=0.5)
    assert measured["ENGINE_TEMP"] == pytest.approx(state.engine_temp, abs=0.6)
    assert measured["G_FORCE"] == pytest.approx(state.g_force, abs=0.2)
    assert measured["TYRE_PRESSURE"] == pytest.approx(min(state.tyre_pressures), abs=0.03)
    assert measured["FUEL_LEVEL"] == pytest.approx(state.fuel_level, abs=0.3)
    assert measured["LAP"] == state.lap


def test_the_shipped_database_describes_the_five_sensors_with_their_units():
    database = f1_database()
    units = {signal.name: signal.unit for m in database.messages for signal in m.signals}
    assert units["ENGINE_TEMP"] == "degC"
    assert units["TYRE_PRESSURE"] == "bar"
    assert units["SPEED"] == "km/h"
    assert units["G_FORCE"] == "G"
    assert units["FUEL_LEVEL"] == "%"
    cyclic = {message.name for message in database.messages if message.cycle_time}
    assert cyclic == {
        "EngineStatus", "VehicleDynamics", "LapStatus",
        "TyreStatus", "TyreTemperature", "FuelStatus",
    }  # fmt: skip


def test_the_shipped_database_is_found_by_its_path_in_the_package():
    with as_file(files("firmware_sim") / "data" / "f1.dbc") as path:
        assert cantools.database.load_file(path).get_message_by_name("EngineStatus").frame_id == 256


@pytest.fixture(scope="module")
def sentences():
    """The GPS's sentences of the first 30 s, as text."""
    return emitted(Gps("gps", F1Car(44), seed=44), 30).decode("ascii").splitlines()


def test_the_gps_sends_gga_rmc_and_vtg_ten_times_a_second(sentences):
    assert [line[:6] for line in sentences] == ["$GPGGA", "$GPRMC", "$GPVTG"] * 300


def test_every_sentence_has_its_checksum_and_at_most_82_characters(sentences):
    for line in sentences:
        body, checksum = line[1:].split("*")
        assert int(checksum, 16) == reduce(xor, body.encode())
        assert len(line) + 2 <= 82


def test_the_gps_says_the_cars_speed_and_moves_as_fast_as_it_says(sentences):
    fixes = [pynmea2.parse(line) for line in sentences if line.startswith("$GPRMC")]
    car = F1Car(44)
    for tenth, fix in enumerate(fixes):
        state = car.at(tenth * 100_000_000)
        assert fix.spd_over_grnd * 1.852 == pytest.approx(state.speed_kmh, abs=0.02)
    east = 111_320.0 * math.cos(math.radians(ORIGIN[0]))
    for before, after in pairwise(fixes):
        moved = math.hypot(
            (after.longitude - before.longitude) * east,
            (after.latitude - before.latitude) * 111_320.0,
        )
        mean = (before.spd_over_grnd + after.spd_over_grnd) / 2 * 1852 / 3600
        assert moved == pytest.approx(mean * 0.1, abs=1.5)


def test_the_gps_clock_counts_on_from_the_races_start(sentences):
    fixes = [pynmea2.parse(line) for line in sentences if line.startswith("$GPRMC")]
    assert fixes[0].datetime.isoformat() == "2026-07-05T14:00:00+00:00"
    assert fixes[299].datetime.isoformat() == "2026-07-05T14:00:29.900000+00:00"


def gps_with(**values):
    """The three sentences at the start, parsed, of a GPS with these inputs set."""
    gps = Gps("gps", F1Car(1), seed=1)
    for name, value in values.items():
        gps.inputs.set(name, value)
    return [pynmea2.parse(line) for line in gps.step(0).decode("ascii").splitlines()]


def test_what_the_gps_measures_can_be_set():
    gga, rmc, vtg = gps_with(
        latitude=-33.5, longitude=151.25, altitude=12.5, speed=185.2, course=271.5, satellites=5
    )
    assert (gga.latitude, gga.longitude) == (rmc.latitude, rmc.longitude) == (-33.5, 151.25)
    assert (gga.altitude, gga.num_sats) == (12.5, "05")
    assert (rmc.spd_over_grnd, rmc.true_course) == (100.0, 271.5)
    assert (vtg.spd_over_grnd_kmph, vtg.true_track) == (185.2, 271.5)


def test_a_gps_without_a_fix_tells_the_time_and_no_place():
    gga, rmc, vtg = gps_with(fix=0, satellites=2)
    assert (gga.gps_qual, gga.num_sats, gga.lat) == (0, "02", "")
    assert (rmc.status, rmc.lat, rmc.spd_over_grnd) == ("V", "", None)
    assert rmc.datetime.isoformat() == "2026-07-05T14:00:00+00:00"
    assert vtg.true_track is None


def test_a_place_beyond_the_globe_is_told_as_the_nearest():
    gga, _, _ = gps_with(latitude=95.0, longitude=190.0)
    assert (gga.latitude, gga.longitude) == (90.0, -170.0)


def test_a_sentence_is_framed_as_nmea_0183_says():
    # The example of the checksum in many receivers' manuals.
    body = "GPGLL,5300.97914,N,00259.98174,E,125926,A"
    assert sentence(body) == b"$GPGLL,5300.97914,N,00259.98174,E,125926,A*28\r\n"


def test_every_fault_and_command_stands_on_the_simulators_page():
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    for ecu in ECUS:
        for monitor in ecu.monitors:
            [row] = [
                line for line in page.splitlines() if re.match(rf"\|.*\b{monitor.code}\b", line)
            ]
            assert ecu.name in row
            held = f"| {monitor.hold_ms} ms | {'yes' if monitor.limp else 'no'} |"
            assert held in row
    for opcode in Opcode:
        assert f"| {opcode.value} `{opcode.name.lower()}` |" in page
    for status in Status:
        assert f"{status.value} `{status.name.lower()}`" in page
