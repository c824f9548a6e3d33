import os
import select

import pytest

from gateway.clock import NS_PER_MS
from gateway.ring import Event, StartGate


@pytest.fixture
def event():
    event = Event()
    yield event
    event.close()


def test_an_event_is_not_set_until_somebody_sets_it(event):
    assert not event.is_set()
    event.set()
    assert event.is_set()


def test_an_event_stays_set_for_all_who_wait_until_it_is_cleared(event):
    event.set()
    event.set()
    assert event.wait(0)
    assert event.wait()
    event.clear()
    assert not event.wait(0)


def test_clearing_an_event_that_is_not_set_changes_nothing(event):
    event.clear()
    assert not event.is_set()


def test_waiting_for_an_event_ends_at_the_timeout(event):
    assert not event.wait(NS_PER_MS)


def test_an_event_can_be_waited_for_together_with_other_things(event):
    poll = select.poll()
    poll.register(event, select.POLLIN)
    assert poll.poll(0) == []
    event.set()
    assert poll.poll(0) == [(event.fileno(), select.POLLIN)]


def test_an_event_can_only_be_pickled_on_the_way_to_a_child(event):
    with pytest.raises(RuntimeError, match="inheritance"):
        event.__reduce_ex__(4)


def test_a_gate_opens_for_all_who_arrived_and_for_who_comes_later():
    gate = StartGate()
    assert gate.arrived() == 0
    assert not gate.wait(0)
    assert not gate.wait(0)
    assert gate.arrived() == 2
    gate.open()
    assert gate.wait(0)
    assert gate.arrived() == 3
    gate.close()


def test_a_process_that_died_at_the_gate_does_not_keep_it_shut():
    gate = StartGate()
    child = os.fork()
    if child == 0:
        gate.wait()
        os._exit(0)
    assert gate.arrived(None) == 1
    os.kill(child, 9)
    os.waitpid(child, 0)
    gate.open()
    assert gate.wait(0)
    gate.close()
