"""The ledger of a gateway: what its processes say of themselves, and what the rings know."""

from types import SimpleNamespace

import numpy as np
import pytest

from gateway.record import ALARM, SAMPLE
from gateway.ring import ReaderSpec, Ring
from gateway.supervisor.ledger import format_ledger
from gateway.supervisor.status import ledger
from gateway.workers.board import Board


@pytest.fixture
def assembly():
    """A gateway with a source, an analyzer and an armed bus, whose processes the test plays."""
    with (
        Ring.create(SAMPLE, 64, 1, [ReaderSpec(name="analyzer-0")]) as samples,
        Ring.create(ALARM, 64, 1, [ReaderSpec(name="can0.tx")]) as alarms,
    ):
        board = Board(["can0", "can0.tx"])
        yield SimpleNamespace(
            plan=SimpleNamespace(sources=[SimpleNamespace(name="can0", unit="frames")]),
            board=board,
            samples=samples,
            alarms=alarms,
            analyzers=("analyzer-0",),
            outputs=(),
            buses={"can0.tx": None},
            has_view=False,
        )
        board.close()


def entry(entries, stage):
    return next(each for each in entries if each.stage == stage)


def test_samples_in_the_hands_of_a_producer_wait_and_are_lost_if_they_never_get_further(assembly):
    numbers = assembly.board["can0"].numbers
    numbers["received"] = numbers["delivered"] = numbers["produced"] = 10
    with assembly.samples.writer(0) as writer:
        writer.put(np.zeros(7, SAMPLE))
    running = entry(ledger(assembly), "can0 > samples")
    assert (running.received, running.delivered, running.lost, running.waiting) == (7, 7, 0, 3)
    ended = entry(ledger(assembly, ended=True), "can0 > samples")
    assert (ended.received, ended.delivered, ended.lost, ended.waiting) == (10, 7, 3, 0)
    assert ended.reasons == {"process ended": 3}


def test_commands_in_the_hands_of_a_transmitter_wait_and_are_lost_if_nobody_sends_them(assembly):
    numbers = assembly.board["can0.tx"].numbers
    numbers["received"], numbers["delivered"], numbers["lost"] = 9, 4, 2
    assembly.board["can0.tx"].write_facts({"lost": {"expired": 2}})
    running = entry(ledger(assembly), "can0.tx")
    assert (running.received, running.delivered, running.lost, running.waiting) == (6, 4, 2, 3)
    ended = entry(ledger(assembly, ended=True), "can0.tx")
    assert (ended.received, ended.delivered, ended.lost, ended.waiting) == (9, 4, 5, 0)
    assert ended.reasons == {"expired": 2, "refused": 0, "process ended": 3}


def test_a_ledger_with_losses_adds_up(assembly):
    assembly.board["can0"].numbers["produced"] = 10
    assert format_ledger(ledger(assembly, ended=True)).endswith(
        "every stage adds up: received = delivered + lost"
    )
