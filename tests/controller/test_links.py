"""States that a controller's own driver tells of: bus-off and the restart, error counters."""

import numpy as np
import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.record import FRAME, CanId
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.socketcan.rtnetlink import ControllerState, ask_for_link

pytestmark = pytest.mark.controller

BUS_OFF, RESTARTED = 0x40, 0x100


class Reading:
    """A reader of the controller that is played, and what has come."""

    def __init__(self, name):
        self.reader = choose_reader(CanConfig(name="car", channel=name), SYSTEM_CLOCK, Counters())
        self.reader.open()
        self._frames = np.zeros(1000, FRAME)
        self._classes = 0

    def until(self, condition):
        """Read until it holds of the classes of error frames and the states; return the states."""
        until_ns = SYSTEM_CLOCK.monotonic_ns() + 30 * NS_PER_S
        while True:
            found = self._frames[: self.reader.read_into(self._frames, NS_PER_S // 10)]
            for can_id in found["can_id"].tolist():
                self._classes |= can_id & ~CanId.ERROR if can_id & CanId.ERROR else 0
            states = self.reader.link_states()
            if condition(self._classes, states):
                return states
            assert SYSTEM_CLOCK.monotonic_ns() < until_ns, (hex(self._classes), states)


@pytest.fixture
def reading(played):
    opened = []

    def reading(*settings):
        played.up_again(*settings)
        opened.append(Reading(played.name))
        return opened[-1]

    yield reading
    for each in opened:
        each.reader.close()


def fail(played):
    """Go bus-off."""
    played.tell(played.ERROR_WARNING_INTERRUPT, STATUS=played.BUS_OFF | played.WARNING)


def test_a_controller_that_is_bus_off_stays_so_without_restart_ms(reading, played):
    read = reading("restart-ms", "0")
    fail(played)
    states = read.until(lambda classes, states: classes & BUS_OFF and states)
    assert list(states) == [LinkState.BUS_OFF]
    assert states[LinkState.BUS_OFF].endswith("to restart it: ip link set can2 type can restart")
    assert "can state BUS-OFF" in played.details()
    assert ask_for_link("can2").state == ControllerState.BUS_OFF
    played.restart()
    read.until(lambda classes, states: classes & RESTARTED and not states)
    assert ask_for_link("can2").state == ControllerState.ERROR_ACTIVE


def test_a_controller_that_is_bus_off_is_restarted_after_restart_ms(reading, played):
    read = reading("restart-ms", "100")
    assert ask_for_link("can2").restart_ms == 100
    fail(played)
    read.until(lambda classes, states: classes & BUS_OFF and LinkState.BUS_OFF in states)
    read.until(lambda classes, states: classes & RESTARTED and not states)
    assert ask_for_link("can2").state == ControllerState.ERROR_ACTIVE


def test_a_controller_that_was_bus_off_before_is_so_when_the_link_is_opened(reading, played):
    read = reading("restart-ms", "0")
    read.reader.close()
    fail(played)
    read.reader.open()
    read.until(lambda _, states: list(states) == [LinkState.BUS_OFF])
    played.restart()


def test_missing_acknowledgements_are_told_of_with_berr_reporting(reading, played):
    read = reading("berr-reporting", "on")
    played.tell(played.BUS_ERROR_INTERRUPT, ERROR_CODE=played.MISSING_ACKNOWLEDGEMENT)
    read.until(lambda _, states: LinkState.NO_ACKNOWLEDGEMENT in states)


def test_many_bus_errors_are_a_flood(reading, played):
    read = reading("berr-reporting", "on")
    for _ in range(10):
        played.tell(played.BUS_ERROR_INTERRUPT, ERROR_CODE=played.STUFF_ERROR)
    states = read.until(lambda _, states: LinkState.ERROR_FLOOD in states)
    assert list(states) == [LinkState.ERROR_FLOOD]
    assert states[LinkState.ERROR_FLOOD].endswith("most about bus errors")
    read.until(lambda _, states: not states)


def test_the_driver_is_asked_for_the_error_counters(reading, played):
    reading()
    played.tell(0, SEND_ERRORS=128, RECEIVE_ERRORS=7)
    facts = ask_for_link("can2")
    assert (facts.send_errors, facts.receive_errors) == (128, 7)
    assert "berr-counter tx 128 rx 7" in played.details()
