"""Requests to a running scenario, without a socket's name: what is answered, and to whom."""

import contextlib
import json
import selectors
import socket

import pytest

from firmware_sim.control import ControlServer, ask
from firmware_sim.devices.inputs import Inputs
from firmware_sim.devices.wind import Wind
from firmware_sim.errors import RequestError, SimError
from firmware_sim.faults.faults import Faults
from firmware_sim.outlets import NoOutlet
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Schedule


@pytest.fixture
def rig():
    """A boat's wind instrument, whose sentences go nowhere."""
    made = Rig(Schedule())
    place = made.schedule.add(Wind("wind"), NoOutlet())
    made.members["wind"] = Member("wind", "wind", [place])
    return made


@pytest.fixture
def selector():
    with selectors.DefaultSelector() as made:
        yield made


@pytest.fixture
def server(rig, selector):
    made = ControlServer("test", rig, Faults(rig, 1), selector)
    yield made
    made.__exit__(None, None, None)


@pytest.fixture
def obey(server):
    return server.obey


@pytest.fixture
def client(server):
    """A socket at whose other end the scenario answers."""
    here, there = socket.socketpair()
    there.setblocking(False)
    server._join(there)
    with here:
        yield here


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param(b'{"do": 1', "request: got '{\"do\": 1', expected JSON", id="no JSON"),
        pytest.param(
            b'{"d\xae": 1}',
            "request: got '{\"d\N{REPLACEMENT CHARACTER}\": 1}', expected JSON",
            id="no UTF-8",
        ),
        pytest.param(
            b"[" * 100_000, f"request: got '{'[' * 80}', expected JSON", id="nested without end"
        ),
        pytest.param(
            b'{"do": "reset", "device": "a\\nb"}',
            "device: got 'a\\nb', expected one of 'wind'",
            id="a name of two lines",
        ),
        pytest.param(
            b'{"do": "clear", "i\\nd": 1}',
            "'i\\nd': got an unknown key, expected one of 'do', 'id'",
            id="a key of two lines",
        ),
        pytest.param(
            b'{"do": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
            "do: got a dict, expected one of 'state', 'set', 'release', 'reset', 'inject', 'clear'",
            id="tables in tables",
        ),
        pytest.param(
            b'{"do": "set", "device": "wind", "values": {"depth": "deep"}}',
            "values.depth: got 'deep', expected float",
            id="text for a number",
        ),
        pytest.param(
            b'{"do": "state", "\\ud800": 1}',
            'request: got \'{"do": "state", "\\\\ud800": 1}\', expected JSON',
            id="half a character",
        ),
        pytest.param(b"[1]", "request: got a list, expected object", id="no object"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_one_line(obey, line, error):
    assert obey(line) == {"ok": False, "error": error}
    assert obey(b'{"do": "clear"}')["ok"]


def test_a_request_that_fails_does_not_end_the_simulation(rig, obey):
    class Firmware:
        name, due_ns = "ecu", None

        def reset(self, _now_ns):
            raise SimError("ecu: cannot start ./firmware: no such file or directory")

    place = rig.schedule.add(Firmware(), NoOutlet())
    rig.members["ecu"] = Member("ecu", "process", [place])
    assert obey(b'{"do": "reset", "device": "ecu"}') == {
        "ok": False,
        "error": "ecu: cannot start ./firmware: no such file or directory",
    }


def test_a_number_that_is_not_finite_is_refused_before_it_is_sent():
    with pytest.raises(RequestError, match="got a number that is not finite, expected finite"):
        ask("nobody-here", {"do": "set", "device": "wind", "values": {"depth": float("nan")}})


def served(client, selector):
    """Let the scenario serve its client once; return what that has got."""
    for key, events in selector.select(10):
        key.data(events)
    try:
        data = client.recv(1 << 20, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""
    assert data, "the scenario hung up"
    return data


def test_answers_may_be_longer_than_a_socket_holds_and_come_whole_and_in_order(
    rig, client, selector
):
    # As many inputs as a rest-bus of a large database has.
    sensors = Wind("sensors")
    sensors.inputs = Inputs({f"Message{n}.Signal": "degC" for n in range(25_000)})
    rig.members["sensors"] = Member("sensors", "rest-bus", [rig.schedule.add(sensors, NoOutlet())])
    client.sendall(b'{"do": "state"}\n{"do": "state"}\n{"do": "clear"}\n')
    received = b""
    while received.count(b"\n") < 3:
        received += served(client, selector)
    first, second, third = map(json.loads, received.splitlines())
    assert len(first["devices"]["sensors"]["inputs"]) == 25_000
    assert second["devices"] == first["devices"]
    assert third["effects"] == 0


def test_nothing_is_done_for_a_client_that_does_not_take_its_answers(rig, client, selector, mocker):
    asked = mocker.spy(rig, "state")
    rig.members["wind"].type = "w" * 1_000_000  # more than a socket holds
    client.sendall(b'{"do": "state"}\n' * 1000)
    for _ in range(3):
        for key, events in selector.select(0):
            key.data(events)
    assert asked.call_count == 1


def test_a_request_without_an_end_is_given_up(client, selector, caplog):
    client.setblocking(False)
    while not caplog.messages:
        with contextlib.suppress(BlockingIOError):
            client.send(b"x" * (1 << 16))
        for key, events in selector.select(0):
            key.data(events)
    assert caplog.messages == ["control test: dropped one that does not keep to lines"]
