"""Where the running gateway is asked: who asks how, and what comes back."""

import contextlib
import json
import selectors
import socket

import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, FakeClock
from gateway.config.model import CanConfig, TransmitConfig
from gateway.decode.database import read_database
from gateway.ring import Event
from gateway.supervisor.desk import LONGEST_QUESTION, MOST_CALLERS, PATIENCE_NS, Desk
from gateway.supervisor.orders import GRACE_NS, Orders
from gateway.transmit.arming import Armed, ArmedBus
from gateway.transmit.encoding import Encoder
from gateway.workers.transmitter import PACKET_SIZE

DBC = """VERSION ""
BU_: Gateway
BO_ 256 Fan: 1 Gateway
 SG_ SPEED : 0|8@1+ (1,0) [0|100] "%" Gateway
"""


class Bench:
    """A desk in a loop that the test turns by hand, and the far end of the transmitter's socket."""

    def __init__(self, folder, stack):
        (folder / "fan.dbc").write_text(DBC)
        self.clock = FakeClock(monotonic_ns=100 * NS_PER_S)
        self.stop = Event()
        stack.callback(self.stop.close)
        config = TransmitConfig(name="fan", source="can0", message="Fan", rate=1.0)
        message = read_database(folder / "fan.dbc").messages[0]
        source = CanConfig(name="can0", channel="can0")
        bus = ArmedBus(source, {"fan": Armed(config, Encoder(message, False))}, ())
        self.orders = Orders([bus], self.stop, self.clock)
        stack.callback(self.orders.close)
        self.transmitter = self.orders.ends["can0"]
        self._path = str(folder / "desk.sock")
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.setblocking(False)
        listener.bind(self._path)
        listener.listen()
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self.desk = Desk(listener, lambda: b'{"state":"running"}', self.orders, self.clock)
        self.desk.register(self._selector)
        stack.callback(self.desk.forget)
        self._stack = stack

    def turn(self):
        """Go round until nothing is ready any more."""
        while ready := self._selector.select(0):
            for key, _ in ready:
                key.data(key.fileobj)
        self.desk.turn(self.clock.monotonic_ns())

    def call(self, *said, hang_up=False):
        """Connect, say something, piece by piece, and perhaps close one's half."""
        caller = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        caller.settimeout(10)
        caller.connect(self._path)
        self.turn()
        for piece in said:
            caller.sendall(piece)
            self.turn()
        if hang_up:
            caller.shutdown(socket.SHUT_WR)
            self.turn()
        return caller

    def send(self, **more):
        return self.call(
            json.dumps({"request": "send", "transmit": "fan", **more}).encode() + b"\n"
        )

    def transmitter_says(self, **answer):
        self.transmitter.send(json.dumps(answer).encode())
        self.turn()

    def order(self):
        return json.loads(self.transmitter.recv(1 << 16))


def answer_to(caller):
    """All that was said to *caller*, whose connection must have ended; None if it has not."""
    caller.setblocking(False)
    said = b""
    try:
        while piece := caller.recv(1 << 16):
            said += piece
    except BlockingIOError:
        return None
    return json.loads(said)


@pytest.fixture
def bench(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Bench(tmp_path, stack)


STATUS = {"state": "running"}


def test_a_question_for_the_status_is_answered_with_it(bench):
    assert answer_to(bench.call(b'{"request": "status"}\n')) == STATUS


def test_a_question_may_come_in_pieces(bench):
    assert answer_to(bench.call(b'{"request"', b': "status"}', b"\n")) == STATUS


def test_whoever_closes_their_half_without_a_word_gets_the_status(bench):
    assert answer_to(bench.call(hang_up=True)) == STATUS


def test_whoever_says_nothing_gets_the_status_after_a_while(bench):
    caller = bench.call()
    assert answer_to(caller) is None
    bench.clock.advance(PATIENCE_NS + 1)
    bench.turn()
    assert answer_to(caller) == STATUS


def test_a_line_need_not_end_where_the_question_does(bench):
    assert answer_to(bench.call(b'{"request": "status"}', hang_up=True)) == STATUS


@pytest.mark.parametrize(
    "nonsense",
    [
        b"status\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"request": "stop"}\n',
        b"\xff\xfe\n",
        b"[" * 30000 + b"\n",
    ],
    ids=["text", "list", "number", "nothing asked", "unknown", "no UTF-8", "too deep"],
)
def test_nonsense_is_answered_with_what_would_make_sense(bench, nonsense):
    assert answer_to(bench.call(nonsense)) == {
        "error": "expected a JSON object on one line of at most 32768 bytes,"
        ' with "request": "status" or "send"'
    }


def test_a_line_without_end_is_not_listened_to_for_ever(bench):
    assert "error" in answer_to(bench.call(b"x" * LONGEST_QUESTION, b"x"))


def ask_for(size):
    """A question of *size* bytes; most are of letters for which JSON takes three times as many."""
    question = '{"request":"send","transmit":"fan","values":{"%s":1}}'
    letters, rest = divmod(size - len(question % ""), 2)
    return (question % ("é" * letters + "x" * rest)).encode() + b"\n"


def test_the_longest_question_reaches_the_transmitter_whole_and_its_answer_comes_back(bench):
    caller = bench.call(ask_for(LONGEST_QUESTION))
    order = json.loads(bench.transmitter.recv(PACKET_SIZE))
    [name] = order["values"]
    bench.transmitter_says(ticket=order["ticket"], outcome="refused", reason=f"{name}: unknown")
    assert answer_to(caller)["reason"] == f"{name}: unknown"


def test_a_longer_question_is_not_passed_on_cut_short(bench):
    assert "at most 32768 bytes" in answer_to(bench.call(ask_for(LONGEST_QUESTION + 1)))["error"]
    with pytest.raises(BlockingIOError):
        bench.order()


def test_a_caller_who_hangs_up_is_forgotten(bench):
    bench.call(b'{"requ').close()
    bench.turn()
    assert answer_to(bench.call(b'{"request": "status"}\n')) == STATUS


def test_an_order_goes_to_the_transmitter_with_the_time_at_which_it_was_asked_for(bench):
    asked_ns = bench.clock.monotonic_ns() - 400 * NS_PER_MS
    caller = bench.send(values={"SPEED": 70, "MODE": "an"}, asked_ns=asked_ns)
    order = bench.order()
    assert (order["transmit"], order["values"]) == ("fan", {"SPEED": 70, "MODE": "an"})
    assert order["asked_ns"] == asked_ns
    assert answer_to(caller) is None


def test_a_name_that_no_encoding_has_is_passed_on_like_any_other(bench):
    bench.send(values={"\ud800": 1})
    assert bench.order()["values"] == {"\ud800": 1}


def test_nobody_can_ask_in_the_future(bench):
    bench.send(asked_ns=bench.clock.monotonic_ns() + NS_PER_S)
    assert bench.order()["asked_ns"] == bench.clock.monotonic_ns()


def test_the_outcome_goes_to_the_one_who_asked(bench):
    callers = [bench.send() for _ in range(3)]
    tickets = [bench.order()["ticket"] for _ in callers]
    bench.transmitter_says(ticket=tickets[1], outcome="sent", reason="")
    assert [answer_to(caller) for caller in callers] == [
        None,
        {"transmit": "fan", "outcome": "sent", "reason": ""},
        None,
    ]
    bench.transmitter_says(ticket=tickets[2], outcome="refused", reason="too often")
    assert answer_to(callers[2])["reason"] == "too often"


def test_while_somebody_waits_others_are_answered(bench):
    bench.send()
    assert answer_to(bench.call(b'{"request": "status"}\n')) == STATUS


def test_a_transmitter_that_says_nothing_is_not_waited_for_for_ever(bench):
    caller = bench.send()
    bench.clock.advance(NS_PER_S + GRACE_NS - 1)
    bench.turn()
    assert answer_to(caller) is None
    bench.clock.advance(1)
    bench.turn()
    assert answer_to(caller)["outcome"] == "unknown"


def test_what_is_not_armed_is_refused_at_once_and_told_what_is(bench):
    assert answer_to(bench.send(transmit="fun")) == {
        "transmit": "fun",
        "outcome": "refused",
        "reason": "got 'fun', expected what the configuration arms: fan",
    }


@pytest.mark.parametrize("values", [[], {"SPEED": None}, {"SPEED": True}, {"SPEED": [1]}, "x"])
def test_values_that_are_no_values_are_refused_at_once(bench, values):
    answer = answer_to(bench.send(values=values))
    assert answer["outcome"] == "refused"
    assert "numbers or words" in answer["reason"]


def test_a_number_that_json_does_not_have_is_refused(bench):
    caller = bench.call(b'{"request":"send","transmit":"fan","values":{"SPEED":NaN}}\n')
    assert answer_to(caller)["outcome"] == "refused"


def test_nothing_is_passed_on_once_the_gateway_is_stopping(bench):
    bench.stop.set()
    assert answer_to(bench.send()) == {
        "transmit": "fan",
        "outcome": "refused",
        "reason": "the gateway is stopping",
    }


def test_a_transmitter_that_takes_nothing_any_more_does_not_hold_up_the_desk(bench):
    answers = [answer_to(bench.send(values={"X": "y" * 20_000})) for _ in range(40)]
    assert answers[0] is None
    assert answers[-1]["reason"] == "the transmitter does not take requests"


def test_a_caller_too_many_is_turned_away_and_the_others_are_answered(bench):
    callers = [bench.call() for _ in range(MOST_CALLERS)]
    assert bench.call().recv(1) == b""
    bench.clock.advance(PATIENCE_NS + 1)
    bench.turn()
    assert [answer_to(caller) for caller in callers] == [STATUS] * MOST_CALLERS
