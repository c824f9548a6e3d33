"""Fault confinement by the rules of ISO 11898-1."""

import pytest

from firmware_sim.error_counters import ErrorCounters, ErrorState

ACTIVE, PASSIVE, BUS_OFF = ErrorState.ACTIVE, ErrorState.PASSIVE, ErrorState.BUS_OFF


@pytest.fixture
def counters():
    return ErrorCounters()


def times(count, what):
    for _ in range(count):
        what()


def test_a_failed_transmission_counts_eight_and_a_good_one_takes_one_off(counters):
    times(2, counters.failed_to_send)
    assert counters.tec == 16
    times(20, counters.sent)
    assert counters.tec == 0


def test_a_failed_reception_counts_one_and_a_good_one_takes_one_off(counters):
    times(2, counters.failed_to_receive)
    assert counters.rec == 2
    times(3, counters.received)
    assert counters.rec == 0


def test_sixteen_failed_transmissions_make_it_passive_and_sixteen_more_bus_off(counters):
    times(15, counters.failed_to_send)
    assert counters.state is ACTIVE
    counters.failed_to_send()
    assert (counters.tec, counters.state) == (128, PASSIVE)
    times(15, counters.failed_to_send)
    assert counters.state is PASSIVE
    counters.failed_to_send()
    assert (counters.tec, counters.state) == (256, BUS_OFF)


def test_a_missing_acknowledgement_alone_never_makes_it_bus_off(counters):
    times(1000, counters.missed_acknowledgement)
    assert (counters.tec, counters.state) == (128, PASSIVE)


def test_receive_errors_alone_never_make_it_bus_off(counters):
    times(1000, counters.failed_to_receive)
    assert (counters.rec, counters.state) == (255, PASSIVE)


def test_one_good_reception_makes_a_passive_receiver_active_again(counters):
    times(200, counters.failed_to_receive)
    counters.received()
    assert (counters.rec, counters.state) == (127, ACTIVE)


def test_it_is_active_again_when_both_counters_are_below_128(counters):
    times(16, counters.failed_to_send)
    times(128, counters.failed_to_receive)
    counters.received()
    assert counters.state is PASSIVE
    counters.sent()
    assert counters.state is ACTIVE


@pytest.mark.parametrize(("errors", "warns"), [(11, False), (12, True)])
def test_it_warns_from_96_on(counters, errors, warns):
    times(errors, counters.failed_to_send)
    assert counters.warning is warns


def test_a_state_that_a_fault_holds_does_not_wear_off(counters):
    counters.force(PASSIVE)
    times(200, counters.sent)
    assert counters.state is PASSIVE
    counters.force(None)
    assert (counters.tec, counters.rec, counters.state) == (0, 0, ACTIVE)


def test_letting_go_of_bus_off_leaves_it_to_the_recovery_sequence(counters):
    counters.force(BUS_OFF)
    counters.force(None)
    assert counters.state is BUS_OFF
    counters.reset()
    assert counters.state is ACTIVE
