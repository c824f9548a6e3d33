"""A transmitter's loop: what it makes of alarms and requests, on a link that the test plays."""

import json
import socket

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, FakeClock
from gateway.config.model import CanConfig
from gateway.decode.database import read_database
from gateway.errors import LinkError, LinkLostError
from gateway.record import ALARM, AlarmKind
from gateway.ring import Event, ReaderSpec, Ring
from gateway.transmit.arming import Action, Armed, ArmedBus
from gateway.transmit.encoding import Encoder
from gateway.transmit.reactions import Reactions
from gateway.workers.board import Board, RowState
from gateway.workers.transmitter import STALL_NS, Transmitter

LONG_NS = 60 * NS_PER_S
"""When a command expires in real time: longer than any machine holds up a test."""


class Link:
    """A `FrameWriter` that does what the test says.

    Attributes:
        takes: Answers to `write` in their order; the last one stays.
        opens: What happens at each opening, likewise: an error, or None.
        confirming: Whether the bus carries what it was given.
        each_round: Called in every round of the transmitter's loop while the link is open.
        at_close: Called when the transmitter closes it.
    """

    confirms = True

    def __init__(self):
        self.takes = [True]
        self.opens = [None]
        self.each_round = self.at_close = lambda: None
        self.written = []
        self.confirming = True
        self._unconfirmed = 0
        self._busy = Event()  # readable for ever, so that the loop never waits
        self._busy.set()

    def open(self):
        outcome = self.opens.pop(0) if len(self.opens) > 1 else self.opens[0]
        if outcome is not None:
            raise outcome
        self._unconfirmed = 0

    def close(self):
        self.at_close()

    def end(self):
        self._busy.close()

    def fileno(self):
        return self._busy.fileno()

    def write(self, frame):
        taken = self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]
        if isinstance(taken, Exception):
            raise taken
        if taken:
            self.written.append(frame["data"][0, 0])
            self._unconfirmed += 1
        return taken

    def poll(self):
        self.each_round()
        confirmed, self._unconfirmed = (self._unconfirmed, 0) if self.confirming else (0, 1)
        return confirmed


class Bench:
    """A transmitter, with the ring that alarms come from and the socket that requests come from."""

    def __init__(self, dbc, transmit, clock, expiry_ns):
        self.clock = clock
        self.link = Link()
        source = CanConfig(name="can0", channel="can0")
        encoder = Encoder(read_database(dbc).get_message_by_name("FanControl"), False)
        config = transmit(rate=100, burst=100, values={"TRIM": 0, "MODE": 0}, expiry=expiry_ns)
        armed = Armed(config, encoder)
        actions = [
            Action(0, AlarmKind.RAISED, "hot raised", "fan", armed.frame({"SPEED": 50})),
            Action(0, AlarmKind.CLEARED, "hot cleared", "fan", armed.frame({"SPEED": 0})),
        ]
        self.ring = Ring.create(ALARM, 64, 1, [ReaderSpec(name="can0.tx")])
        self.alarms = self.ring.writer(0)
        self.board = Board(["can0.tx"])
        self.marks = np.zeros(1, np.uint64)
        self.ask, self.requests = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
        )
        self._bus = ArmedBus(source, {"fan": armed}, tuple(actions))

    def close(self):
        self.link.end()
        self.ask.close()
        self.requests.close()
        self.alarms = None
        self.ring.close()
        self.board.close()

    @property
    def row(self):
        return self.board["can0.tx"]

    @property
    def counts(self):
        """Requested, sent, lost."""
        return tuple(int(self.row.numbers[key]) for key in ("received", "delivered", "lost"))

    def alarm(self, order, kind=AlarmKind.RAISED, age_ns=0):
        event = np.zeros(1, ALARM)
        event["order"], event["kind"] = order, kind
        event["emitted_ns"] = self.clock.monotonic_ns() - age_ns
        self.alarms.put(event)

    def request(self, ticket, **values):
        asked_ns = self.clock.monotonic_ns()
        order = {"ticket": ticket, "transmit": "fan", "values": values, "asked_ns": asked_ns}
        self.ask.send(json.dumps(order).encode())

    def answers(self):
        found = {}
        while True:
            try:
                answer = json.loads(self.ask.recv(1 << 16))
            except BlockingIOError:
                return found
            found[answer["ticket"]] = (answer["outcome"], answer["reason"])

    def end_when(self, condition):
        """End the stream of alarms, and so the transmitter, as soon as *condition* holds."""

        def each_round():
            if condition():
                self.alarms.close()

        self.link.each_round = each_round

    def run(self, before_each_peek=lambda: None):
        reader = self.ring.reader("can0.tx")
        peek = reader.peek
        reader.peek = lambda **limits: before_each_peek() or peek(**limits)
        reactions = Reactions(self._bus.actions, self.marks)
        transmitter = Transmitter(
            self._bus, self.link, reactions, reader, self.requests, self.row, self.clock
        )
        transmitter.run()
        del reader.peek
        reader.detach()


@pytest.fixture
def bench(dbc, transmit):
    bench = Bench(dbc, transmit, SYSTEM_CLOCK, LONG_NS)
    yield bench
    bench.close()


@pytest.fixture
def timed(dbc, transmit):
    """One whose time is the test's."""
    bench = Bench(dbc, transmit, FakeClock(monotonic_ns=1000 * NS_PER_S), NS_PER_S)
    yield bench
    bench.close()


def test_alarms_and_requests_are_sent_and_counted(bench):
    bench.alarm(1)
    bench.alarm(2, AlarmKind.CLEARED)
    bench.request(7, SPEED=25)
    bench.end_when(lambda: bench.counts[1] == 3)
    bench.run()
    assert bench.link.written == [100, 0, 50]
    assert bench.answers() == {7: ("sent", "")}
    assert (bench.counts, bench.row.state) == ((3, 3, 0), RowState.DONE)


def test_a_flood_of_alarms_does_not_keep_back_what_is_to_be_sent(bench):
    bench.alarm(1)
    flood = iter(range(1000))

    def another():
        if not bench.link.written and next(flood, None) is not None:
            bench.alarm(1)

    bench.end_when(lambda: bench.counts[1] == 1)
    bench.run(before_each_peek=another)
    assert next(flood, None) is not None
    assert bench.link.written == [100]


def test_an_alarm_that_comes_twice_is_acted_on_once(bench):
    for _ in range(2):
        bench.alarm(1)
        bench.alarm(2, AlarmKind.CLEARED)
    bench.end_when(lambda: bench.counts[1] == 2)
    bench.run()
    assert bench.link.written == [100, 0]


def test_an_alarm_of_long_ago_is_not_acted_on(bench):
    bench.alarm(1, age_ns=LONG_NS)
    bench.alarm(2, age_ns=LONG_NS // 2)
    bench.end_when(lambda: bench.counts[0] == 2 and sum(bench.counts[1:]) == 2)
    bench.run()
    assert bench.link.written == [100]
    assert bench.row.read_facts()["lost"] == {"expired": 1}


def test_a_link_without_room_is_tried_until_it_has_some(bench):
    bench.request(1, SPEED=25)
    bench.link.takes = [False] * 5 + [True]
    bench.end_when(lambda: bench.counts[1] == 1)
    bench.run()
    assert bench.link.written == [50]
    assert bench.answers() == {1: ("sent", "")}


def test_a_link_that_never_has_room_is_given_up_when_the_command_expires(timed):
    timed.request(1, SPEED=25)
    timed.link.takes = [False]
    tries = []

    def each_round():
        tries.append(timed.clock.monotonic_ns())
        timed.clock.advance(100 * NS_PER_MS)
        if timed.counts[2]:
            timed.alarms.close()

    timed.link.each_round = each_round
    timed.run()
    assert len(tries) >= 10, "it was tried until the end"
    assert timed.answers() == {1: ("expired", "the bus did not take it in time")}


def test_a_link_that_is_lost_in_the_act_keeps_the_command_for_its_return(bench):
    bench.request(1, SPEED=25)
    bench.link.takes = [LinkLostError("network is down"), True]
    bench.end_when(lambda: bench.counts[1] == 1)
    bench.run()
    assert bench.link.written == [50]
    assert bench.row.read_facts()["outages"] == 1


def test_commands_during_an_outage_expire_and_say_why(timed):
    timed.link.opens = [LinkError("no such device")] * 3 + [None]
    timed.request(1, SPEED=25)
    now_ns = timed.clock.monotonic_ns
    # Time passes whenever somebody looks.
    timed.clock.monotonic_ns = lambda: timed.clock.advance(150 * NS_PER_MS) or now_ns()
    timed.end_when(lambda: timed.counts[2] == 1)
    timed.run()
    assert timed.answers() == {1: ("expired", "no such device")}
    assert timed.link.written == []


def test_a_link_that_was_away_for_long_is_open_within_a_second_of_its_return(timed):
    opened_ns = []
    outcomes = [LinkError("no such device")] * 6 + [None]
    now_ns, timed.link.open = timed.clock.monotonic_ns, lambda: tried(outcomes.pop(0))

    def tried(outcome):
        opened_ns.append(now_ns())
        if outcome is not None:
            raise outcome

    # Time passes whenever somebody looks.
    timed.clock.monotonic_ns = lambda: timed.clock.advance(100 * NS_PER_MS) or now_ns()
    timed.end_when(lambda: True)
    timed.run()
    assert len(opened_ns) == 7
    assert np.diff(opened_ns).max() < NS_PER_S


def test_a_bus_that_confirms_nothing_gets_one_frame_and_is_given_up_after_a_while(timed):
    timed.request(1, SPEED=25)
    timed.request(2, SPEED=30)
    timed.link.confirming = False
    begin_ns = timed.clock.monotonic_ns()

    timed.link.each_round = lambda: timed.clock.advance(500 * NS_PER_MS)
    timed.link.at_close = lambda: timed.alarms.close()
    timed.run()
    assert timed.link.written == [50]
    assert timed.clock.monotonic_ns() - begin_ns > STALL_NS
    assert {ticket: outcome for ticket, (outcome, _) in timed.answers().items()} == {
        1: "expired",
        2: "expired",
    }


def test_where_nothing_confirms_what_the_adapter_took_is_sent(bench):
    bench.link.confirms = bench.link.confirming = False
    bench.request(1, SPEED=25)
    bench.request(2, SPEED=30)
    bench.end_when(lambda: bench.counts[1] == 2)
    bench.run()
    assert bench.link.written == [50, 60]


def test_values_that_make_no_frame_are_refused(bench):
    bench.request(1, SPEED=101)
    bench.end_when(lambda: bench.counts[2] == 1)
    bench.run()
    assert bench.answers() == {1: ("refused", "SPEED: got 101, expected 0 to 100 %")}


def test_at_the_end_what_still_waits_is_refused_and_everybody_is_answered(bench):
    bench.link.takes = [False]
    bench.request(1, SPEED=25)
    bench.end_when(lambda: bench.counts[0] == 1)
    bench.run()
    assert bench.answers() == {1: ("refused", "the gateway is stopping")}
    assert bench.counts == (1, 0, 1)


def test_a_successor_counts_on_and_takes_what_was_held_for_lost(bench):
    numbers = bench.row.numbers
    numbers["received"], numbers["delivered"], numbers["lost"] = 10, 5, 3
    bench.row.write_facts({"lost": {"expired": 2}, "late": 1, "outages": 4})
    bench.request(1, SPEED=25)
    bench.end_when(lambda: bench.counts[1] == 6)
    bench.run()
    assert bench.counts == (11, 6, 5)
    facts = bench.row.read_facts()
    assert facts["lost"] == {"expired": 2, "before restart": 1, "process ended": 2}
    assert (facts["late"], facts["outages"]) == (1, 4)
