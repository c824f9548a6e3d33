"""A gateway put together: what it tells of its processes."""

import pytest

from gateway.clock import NS_PER_S, FakeClock
from gateway.config.load import load_config
from gateway.supervisor.assembly import Assembly
from gateway.supervisor.options import Options
from gateway.workers.board import RowState
from gateway.workers.plan import make_plan

CONFIG = """
[[source]]
name = "gps"
type = "serial"
port = "/dev/ttyGPS"
protocol = "nmea0183"
"""


@pytest.fixture
def clock():
    return FakeClock(monotonic_ns=100 * NS_PER_S)


@pytest.fixture
def assembly(tmp_path, clock):
    (tmp_path / "boat.toml").write_text(CONFIG)
    plan = make_plan(load_config(tmp_path / "boat.toml"))
    with Assembly(plan, Options(view="live"), clock) as assembly:
        yield assembly


def all_beat(assembly, clock, state=RowState.RUNNING):
    for spec in assembly.table:
        assembly.board[spec.name].state = state
        assembly.board[spec.name].beat(clock.monotonic_ns())


def test_processes_that_run_are_well(assembly, clock):
    all_beat(assembly, clock)
    assert (assembly.health().running, assembly.health().away) == (3, ())


def test_processes_that_start_are_taken_to_be_well(assembly):
    assert (assembly.health().running, assembly.health().away) == (3, ())


def test_a_process_whose_device_is_away_is_away(assembly, clock):
    all_beat(assembly, clock)
    assembly.board["gps"].state = RowState.WAITING
    assert (assembly.health().running, assembly.health().away) == (2, ("gps",))


@pytest.mark.parametrize("state", [RowState.STARTING, RowState.READY, RowState.RUNNING])
def test_a_process_that_was_given_up_is_away(assembly, clock, state):
    all_beat(assembly, clock)
    assembly.board["gps"].state = state
    clock.advance(6 * NS_PER_S)
    for name in ("analyzer-0", "view"):
        assembly.board[name].beat(clock.monotonic_ns())
    assert (assembly.health().running, assembly.health().away) == (2, ("gps",))


def test_a_process_that_left_in_order_is_not_missed(assembly, clock):
    all_beat(assembly, clock, RowState.DONE)
    clock.advance(60 * NS_PER_S)
    assert (assembly.health().running, assembly.health().away) == (3, ())
