"""Which frames of a bus a message is, as the bench counts them."""

import numpy as np
import pytest

from gateway.bench.tap import BusTap
from gateway.clock import FakeClock
from gateway.config.model import CanConfig, Config
from gateway.record import FRAME, CanId
from gateway.signals import SignalTable

ENGINE_SPEED = 0x0CF004FE  # electronic engine controller 1 of SAE J1939, from whatever sender
DATABASE = f"""VERSION ""
BO_ {ENGINE_SPEED | CanId.EXTENDED:d} EEC1: 8 Vector__XXX
 SG_ EngineSpeed : 24|16@1+ (0.125,0) [0|8031.875] "rpm" Vector__XXX
BO_ 291 Body: 8 Vector__XXX
 SG_ Door : 0|8@1+ (1,0) [0|255] "" Vector__XXX
"""


@pytest.fixture
def bus(tmp_path):
    (tmp_path / "truck.dbc").write_text(DATABASE)
    config = CanConfig(
        name="truck",
        interface="firmware_sim",
        channel="truck",
        dbc=("truck.dbc",),
        filters="wanted",
    )
    whole = Config(file=tmp_path / "truck.toml", source=(config,))
    return BusTap(config, whole, SignalTable(), 1, FakeClock())


@pytest.fixture
def frames():
    def frames(*ids, channel=1):
        made = np.zeros(len(ids), FRAME)
        made["can_id"], made["channel"] = ids, channel
        return made

    return frames


def test_a_message_of_one_id_is_the_frames_with_that_id(bus, frames):
    came = frames(0x123, 0x124, 0x123 | CanId.EXTENDED, 0x123)
    assert bus.carried(came, "Body").tolist() == [True, False, False, True]
    assert not bus.carried(frames(0x123, channel=0), "Body").any()


def test_a_parameter_group_is_the_frames_of_all_senders_at_any_priority(bus, frames):
    ids = 0x0CF00400, 0x18F00417, 0x0CF00500
    came = frames(*(each | CanId.EXTENDED for each in ids))
    assert bus.carried(came, "EEC1").tolist() == [True, True, False]


def test_remote_and_error_frames_are_no_message(bus, frames):
    came = frames(0x123 | CanId.REMOTE, 0x123 | CanId.ERROR,
                  0x0CF00400 | CanId.EXTENDED | CanId.REMOTE)  # fmt: skip
    assert not bus.carried(came, "Body").any()
    assert not bus.carried(came, "EEC1").any()
