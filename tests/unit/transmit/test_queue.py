"""What becomes of a command: sent, expired or refused, and never sent late or in a burst."""

import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, FakeClock
from gateway.transmit.queue import CAPACITY, Command, TransmitQueue


class Bench:
    def __init__(self, transmit):
        self.clock = FakeClock(monotonic_ns=NS_PER_S)
        self.queue = TransmitQueue([transmit(rate=10, burst=1000), transmit("lamp", rate=2)])
        self._asked = 0

    @property
    def now_ns(self):
        return self.clock.monotonic_ns()

    def ask(self, transmit="fan", within_ms=1000):
        """Ask for something; commands are numbered from 1."""
        self._asked += 1
        deadline_ns = self.now_ns + within_ms * NS_PER_MS
        self.queue.ask(Command(transmit, "", deadline_ns, None, self._asked), self.now_ns)
        return self._asked

    def hand_over(self):
        """Hand over what may go; return its number."""
        command = self.queue.next(self.now_ns)
        if command is None:
            return None
        self.queue.handed_over(self.now_ns)
        return command.ticket

    def outcomes(self):
        return {each.command.ticket: str(each.outcome) for each in self.queue.take_settled()}

    def pass_ms(self, ms):
        self.clock.advance(ms * NS_PER_MS)
        self.queue.expire(self.now_ns, "the link is down")


@pytest.fixture
def bench(transmit):
    bench = Bench(transmit)
    yield bench
    queue = bench.queue
    assert queue.requested == queue.sent + queue.expired + queue.refused + len(queue)


def test_a_command_is_sent_when_the_bus_has_confirmed_it(bench):
    bench.ask()
    assert bench.hand_over() == 1
    assert bench.outcomes() == {}
    bench.queue.confirmed()
    assert bench.outcomes() == {1: "sent"}


def test_commands_leave_in_their_order_one_at_a_time(bench):
    for _ in range(3):
        bench.ask()
    assert (bench.hand_over(), bench.hand_over()) == (1, None)
    bench.queue.confirmed()
    assert (bench.hand_over(), bench.hand_over()) == (2, None)


def test_a_command_expires_at_its_deadline_and_is_not_sent_any_more(bench):
    bench.ask(within_ms=1000)
    bench.pass_ms(999)
    assert bench.outcomes() == {}
    bench.pass_ms(1)
    assert bench.outcomes() == {1: "expired"}
    assert bench.hand_over() is None


def test_a_command_past_its_deadline_does_not_go_even_if_nobody_expired_it(bench):
    bench.ask(within_ms=10)
    bench.clock.advance(10 * NS_PER_MS)
    assert bench.queue.next(bench.now_ns) is None


def test_one_that_comes_too_late_expires_at_once(bench):
    bench.ask(within_ms=0)
    assert bench.outcomes() == {1: "expired"}


def test_after_an_outage_nothing_old_goes_out(bench):
    for _ in range(20):
        bench.ask(within_ms=1000)
        bench.pass_ms(200)
    went = []
    while (number := bench.hand_over()) is not None:
        went.append(number)
        bench.queue.confirmed()
    assert went == [17, 18, 19, 20]
    assert bench.outcomes() == {n: "expired" if n <= 16 else "sent" for n in range(1, 21)}


def test_while_a_frame_is_out_and_unconfirmed_no_other_follows_it(bench):
    bench.ask()
    bench.hand_over()
    for _ in range(10):
        bench.pass_ms(500)
        bench.ask()
        assert bench.hand_over() is None
    assert bench.queue.in_flight_ns(bench.now_ns) == 5 * NS_PER_S


def test_a_frame_that_is_confirmed_after_it_expired_counts_as_expired_and_as_late(bench):
    bench.ask()
    bench.hand_over()
    bench.pass_ms(1000)
    assert bench.outcomes() == {1: "expired"}
    bench.queue.confirmed()
    assert bench.outcomes() == {}
    assert (bench.queue.sent, bench.queue.expired, bench.queue.late) == (0, 1, 1)


def test_a_frame_whose_link_is_lost_has_expired_and_the_next_may_go(bench):
    bench.ask()
    bench.ask()
    bench.hand_over()
    bench.queue.link_lost()
    assert bench.outcomes() == {1: "expired"}
    assert bench.hand_over() == 2


def test_more_often_than_the_rate_is_refused_and_told_when_it_is_possible_again(bench):
    bench.ask("lamp")
    bench.ask("lamp")
    [refused] = bench.queue.take_settled()
    assert (refused.command.ticket, refused.outcome) == (2, "refused")
    assert refused.reason == "more often than 2 a second; possible again in 0.5 s"


def test_each_message_has_a_rate_of_its_own(bench):
    bench.ask("lamp")
    bench.ask("fan")
    assert bench.outcomes() == {}


def test_the_queue_is_bounded_and_what_finds_no_place_is_refused(bench):
    for _ in range(CAPACITY + 1):
        bench.ask()
    assert bench.outcomes() == {CAPACITY + 1: "refused"}
    assert len(bench.queue) == CAPACITY


def test_at_the_end_what_waits_is_refused_and_what_is_out_has_expired(bench):
    bench.ask()
    bench.ask()
    bench.hand_over()
    bench.queue.refuse_waiting("the gateway is stopping")
    assert bench.outcomes() == {1: "expired", 2: "refused"}
    assert len(bench.queue) == 0


def test_it_knows_when_something_will_expire_next(bench):
    assert bench.queue.next_deadline_ns() is None
    bench.ask(within_ms=500)
    bench.ask(within_ms=200)
    assert bench.queue.next_deadline_ns() == bench.now_ns + 200 * NS_PER_MS
