"""Who is on a bus to send, and what that keeps open."""

import os

import pytest

from gateway.bench.errors import BenchError
from gateway.bench.sender import Sender
from gateway.clock import SYSTEM_CLOCK
from gateway.config.model import CanConfig, Config
from gateway.errors import LinkLostError


class Adapter:
    """A writer with descriptors that it does not tell of, as the libraries of vendors have them."""

    def __init__(self, _config, _can_ids):
        self.ends = ()
        self.is_gone = False
        self.sent = []

    def open(self):
        self.ends = os.pipe()

    def close(self):
        for end in self.ends:
            os.close(end)
        self.ends = ()

    def fileno(self):
        return None

    def write(self, frame):
        self.poll()
        self.sent.append(int(frame["can_id"][0]))
        return True

    def poll(self):
        if self.is_gone:
            raise LinkLostError("can0 is gone")
        return 0


@pytest.fixture
def adapters(monkeypatch):
    made = []

    def choose(*arguments):
        made.append(Adapter(*arguments))
        return made[-1]

    monkeypatch.setattr("gateway.bench.sender.choose_writer", choose)
    return made


@pytest.fixture
def sender(tmp_path, adapters):
    config = Config(file=tmp_path / "rack.toml", source=(CanConfig(name="can0", channel="can0"),))
    sender = Sender(config, SYSTEM_CLOCK)
    assert not adapters  # none is opened before something is to be sent
    yield sender
    sender.close()


def test_what_an_adapter_has_open_is_known_as_the_links(sender, adapters):
    sender.send_raw("can0", 0x123, b"\x01")
    [adapter] = adapters
    assert adapter.sent == [0x123]
    assert sender.holdings.descriptors == set(adapter.ends)
    sender.close()
    assert sender.holdings.descriptors == set()


def test_a_bus_that_is_gone_is_left_and_joined_again_for_the_next_frame(sender, adapters):
    sender.send_raw("can0", 0x123, b"")
    adapters[0].is_gone = True
    with pytest.raises(BenchError, match="send: can0 is gone"):
        sender.send_raw("can0", 0x123, b"")
    assert adapters[0].ends == ()
    sender.send_raw("can0", 0x123, b"")
    adapters[1].is_gone = True
    sender.poll()
    assert adapters[1].ends == ()
    sender.send_raw("can0", 0x123, b"")
    assert [adapter.sent for adapter in adapters] == [[0x123]] * 3
