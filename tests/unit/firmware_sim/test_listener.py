"""The names at which other processes find a bus or a scenario."""

import os
import resource
import selectors
import socket

import pytest

from firmware_sim.errors import BusNameTaken
from firmware_sim.listener import Listener, names_after
from firmware_sim.testing import unique_name


@pytest.fixture
def selector():
    with selectors.DefaultSelector() as made:
        yield made


@pytest.fixture
def joined():
    """Those that have joined."""
    found = []
    yield found
    for sock in found:
        sock.close()


@pytest.fixture
def name():
    return unique_name("\0listener-test/")


@pytest.fixture
def listening(name, selector, joined):
    made = Listener(name, "bus can0", selector, joined.append, BusNameTaken("taken"))
    yield
    made.close()


@pytest.fixture
def client():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.settimeout(10)
        yield made


@pytest.fixture
def no_descriptors():
    """Call it to leave the process none to open; call what it returns to end that."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []

    def release():
        while taken:
            os.close(taken.pop())
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def take():
        most = max(map(int, os.listdir("/proc/self/fd"))) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                return release

    yield take
    release()


def serve(selector):
    """Do what is ready; return whether there was anything."""
    ready = selector.select(0)
    for key, events in ready:
        key.data(events)
    return bool(ready)


@pytest.mark.usefixtures("listening")
def test_a_name_is_found_once_and_another_cannot_have_it(name, selector, client):
    client.connect(name)
    assert names_after(name[:-1]) == [name[-1]]
    with pytest.raises(BusNameTaken):
        Listener(name, "bus can0", selector, lambda _: None, BusNameTaken("taken"))


@pytest.mark.usefixtures("listening")
def test_whoever_connects_joins_and_does_not_block(name, selector, client, joined):
    client.connect(name)
    assert serve(selector)
    [sock] = joined
    assert sock.getblocking() is False


@pytest.mark.usefixtures("listening")
def test_who_finds_no_descriptor_left_is_turned_away_and_others_may_come_later(
    name, selector, client, joined, no_descriptors, caplog
):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as later:
        client.connect(name)
        release = no_descriptors()
        assert serve(selector)
        assert client.recv(1) == b""
        assert not serve(selector), "the loop would go round for it without end"
        release()
        later.connect(name)
        assert serve(selector)
    assert len(joined) == 1
    assert caplog.messages == ["bus can0: turned one away: Too many open files"]
