"""No request to stop is lost, whenever it comes."""

import os
import signal

import pytest

from gateway.supervisor.stop_signals import STOP_SIGNALS, stop_signals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_is_a_byte_on_the_socket(number):
    with stop_signals() as asked:
        os.kill(os.getpid(), number)
        assert asked.recv(16) == bytes([number])


def test_one_that_comes_as_soon_as_it_no_longer_kills_is_heard(monkeypatch):
    install, before = signal.signal, {each: signal.getsignal(each) for each in STOP_SIGNALS}

    def install_and_send(number, handler):
        previous = install(number, handler)
        if number in before and handler is not before[number]:
            os.kill(os.getpid(), number)
        return previous

    monkeypatch.setattr(signal, "signal", install_and_send)
    with stop_signals() as asked:
        assert asked.recv(16) == bytes(STOP_SIGNALS)


def test_what_the_signals_did_before_they_do_again_afterwards():
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with stop_signals():
        assert [signal.getsignal(each) for each in STOP_SIGNALS] != before
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before
