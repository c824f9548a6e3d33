"""How a bench is brought back after a test, and what it says that it cannot do."""

import pytest

from gateway.bench.bench_file import load_bench_file
from gateway.bench.choice import Choice
from gateway.bench.errors import BenchError
from gateway.bench.rig import Rig, Touched
from gateway.bench.simulator import Refused
from gateway.clock import FakeClock

FILE = """
[[source]]
name = "can0"
type = "can"
channel = "can0"
"""


class Played:
    """Stands for a stimulus, the sender and the simulator: notes what is asked of it."""

    device = ""

    def __init__(self, done, name, rest=0.0, fails=False):
        self.done, self.name, self.rest, self.fails = done, name, rest, fails

    def release(self):
        self.done.append(f"release {self.name}")
        if self.fails:
            raise BenchError(f"{self.name} is stuck")

    def apply(self, value):
        self.done.append(f"{self.name} {value:g}")
        return 0

    def close(self):
        self.done.append(f"close {self.name}")

    def ask(self, do, **request):
        self.done.append(" ".join([do, *request.values()]))
        if request == {"device": "gps"}:
            raise Refused("gps cannot be reset")
        return {"devices": {"car": {}, "gps": {}, "box": {}}}


@pytest.fixture
def done():
    return []


@pytest.fixture
def rig(tmp_path, done):
    (tmp_path / "rack.toml").write_text(FILE)
    choice = Choice("rack.toml", tmp_path / "rack.toml")
    made = Rig(load_bench_file(choice.file), choice, FakeClock())
    made.sender = Played(done, "sender")
    made.stimuli = {name: Played(done, name) for name in ("supply", "ignition", "door")}
    return made


def touched(*stimuli, **more):
    return Touched(stimuli=dict.fromkeys(stimuli), **more)


def test_what_was_set_last_is_released_first(rig, done):
    rig.undo(touched("supply", "ignition", "door"))
    assert done == ["close sender", "release door", "release ignition", "release supply"]


def test_one_thing_that_is_stuck_keeps_nothing_else_from_being_undone(rig, done):
    rig.simulator = Played(done, "simulator")
    rig.resets = {"ecu": Played(done, "power", rest=1.0)}
    for name in ("ignition", "supply"):
        rig.stimuli[name].fails = True
    with pytest.raises(BenchError, match="ignition is stuck; supply is stuck"):
        rig.undo(touched("supply", "ignition", "door", faults=True, devices={"car": None}))
    assert done[1:] == [
        *("release door", "release ignition", "release supply"),
        *("power 1", "clear", "reset car"),
    ]


def test_after_a_frame_was_sent_all_devices_are_reset_once_and_not_all_can_be(rig, done):
    rig.simulator = Played(done, "simulator")
    rig.resets = {"box": Played(done, "power", rest=None)}
    rig.undo(Touched(all=True, devices={"box": None}))
    assert done[1:] == ["power 1", "state", "reset car", "reset gps"]


def test_nothing_touched_nothing_undone(rig, done):
    rig.simulator = Played(done, "simulator")
    rig.resets = {"ecu": Played(done, "power")}
    rig.undo(Touched())
    assert done == ["close sender"]
