"""Requests that make no sense: answered with a line, and the simulator goes on."""

import contextlib
import json
import selectors
import socket
import sys

import pytest

from firmware_sim import wire
from firmware_sim.bus import Bus, ErrorState, Node
from firmware_sim.control import ControlServer, ask
from firmware_sim.devices.inputs import Inputs
from firmware_sim.devices.load import Load
from firmware_sim.devices.wind import Wind
from firmware_sim.errors import RequestError, SimError
from firmware_sim.faults.faults import Faults
from firmware_sim.links import SlcanLink
from firmware_sim.outlets import BusLine, BusOutlet, NoOutlet
from firmware_sim.ports import PtyPort
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


def test_a_fault_that_is_cleared_is_no_longer_waited_for(rig, obey):
    fault = b'{"kind": "stuck", "on": "wind.depth", "when": "wind.depth > 0"}'
    [place] = rig.members["wind"].places
    assert obey(b'{"do": "inject", "fault": ' + fault + b"}")["ok"]
    assert len(place.after) == 1
    assert obey(b'{"do": "clear"}')["ok"]
    assert not place.after


def test_a_line_is_shorted_for_those_that_join_it_later(rig, obey):
    bus = Bus("can0", bit_rate=500_000)
    rig.lines["can0"] = BusLine(bus)
    assert obey(b'{"do": "inject", "fault": {"kind": "short_line", "on": "can0"}}')["ok"]
    early, late = Node("early"), Node("late")
    bus.join(early)
    bus.join(late)
    bus.offer(early, wire.pack_frame(0x123), 0)
    bus.advance(1_000_000_000)
    assert not late.queue
    assert obey(b'{"do": "clear"}')["effects"] == bus.errors > 0


def test_of_faults_that_overlap_the_end_of_one_does_not_end_another(rig, obey):
    bus = Bus("can0", bit_rate=500_000)
    rig.lines["can0"] = BusLine(bus)
    engine = BusOutlet(bus, "engine")
    load = rig.schedule.add(Load("engine", rate=1), engine, carrier=rig.lines["can0"])
    rig.members["engine"] = Member("engine", "load", [load])

    def inject(kind, on):
        request = {"do": "inject", "fault": {"kind": kind, "on": on}}
        return obey(json.dumps(request).encode())["id"]

    def clear(number):
        assert obey(b'{"do": "clear", "id": %d}' % number)["ok"]

    silent, off = inject("no_ack", "can0"), inject("off", "engine")
    clear(off)
    assert engine.node.muted
    off = inject("off", "engine")
    clear(silent)
    assert engine.node.muted
    clear(off)
    assert not engine.node.muted

    shorts = [inject("short_line", "can0") for _ in range(2)]
    passive, bus_off = inject("error_passive", "can0"), inject("bus_off", "engine")
    clear(shorts[0])
    assert bus.line.shorted
    clear(passive)
    assert engine.node.state is ErrorState.BUS_OFF
    inject("error_passive", "can0")
    clear(bus_off)
    bus.advance(1_000_000_000)  # it recovers from bus-off
    assert engine.node.state is ErrorState.PASSIVE


def test_an_adapter_that_is_off_acknowledges_nothing(rig, obey, selector, tmp_path):
    line = rig.lines["can0"] = BusLine(Bus("can0", bit_rate=500_000))
    with PtyPort(tmp_path / "slcan0", flow_control=True) as port:
        rig.members["adapter"] = Member("adapter", "slcan", port=port, line=line)
        link = SlcanLink("adapter", line.bus, port, selector)
        [node] = line.bus.nodes
        link._adapter.feed(b"O\r")
        link._take_part()
        assert node.acknowledges
        assert obey(b'{"do": "inject", "fault": {"kind": "off", "on": "adapter"}}')["ok"]
        assert not node.acknowledges
        obey(b'{"do": "clear"}')
        assert node.acknowledges


def test_a_port_that_two_faults_have_pulled_comes_back_with_the_end_of_both(rig, obey, tmp_path):
    with PtyPort(tmp_path / "wind") as port:
        rig.members["wind"].port = port
        fault = b'{"do": "inject", "fault": {"kind": "unplug", "on": "wind"}}'
        first, second = obey(fault)["id"], obey(fault)["id"]
        assert obey(b'{"do": "clear", "id": %d}' % first)["effects"] == 1
        assert not port.plugged
        obey(b'{"do": "clear", "id": %d}' % second)
        assert port.plugged


def test_what_a_fault_makes_of_an_input_is_finite(rig, obey):
    for request in (
        b'{"do": "set", "device": "wind", "values": {"depth": 1e308}}',
        b'{"do": "inject", "fault": {"kind": "wrong", "on": "wind.depth", "factor": -1e308}}',
    ):
        assert obey(request)["ok"]
    rig.schedule.run_to(0)
    assert rig.members["wind"].holding("depth").last["depth"] == -sys.float_info.max


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
