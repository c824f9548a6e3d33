"""The board: every process says how it is, and nobody is blocked by one that died saying it."""

import os
import signal
import threading

import pytest

from gateway.clock import NS_PER_MS
from gateway.ring.lock import wait_at_most
from gateway.workers.board import FACTS_SIZE, Board, RowState


@pytest.fixture
def board():
    board = Board(["can0", "gps"])
    yield board
    board.close()


def in_child(function):
    """Run *function* in a forked process and return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_a_child_writes_its_parent_reads(board):
    def child():
        board["gps"].state = RowState.RUNNING
        board["gps"].beat(42)
        board["gps"].write_facts({"lost": {"checksum": 3}})

    assert in_child(child) == 0
    assert board["gps"].state is RowState.RUNNING
    assert board["gps"].numbers["heartbeat_ns"] == 42
    assert board["gps"].read_facts() == {"lost": {"checksum": 3}}
    assert board["can0"].read_facts() == {}


def test_facts_of_one_that_was_stopped_while_it_wrote_them_are_those_read_before(board):
    board["can0"].write_facts({"a": 1})
    assert board["can0"].read_facts() == {"a": 1}
    held, told = threading.Event(), threading.Event()

    def stopped():
        with board["can0"]._lock:
            held.set()
            told.wait()

    thread = threading.Thread(target=stopped)
    thread.start()
    held.wait()
    wait_at_most(NS_PER_MS)  # as the supervisor does, who is to kill whoever was stopped
    try:
        assert board["can0"].read_facts() == {"a": 1}
    finally:
        wait_at_most(None)
        told.set()
        thread.join()


def test_a_child_killed_while_it_writes_facts_blocks_nobody(board):
    board["can0"].write_facts({"a": 1})

    def child():
        board["can0"]._lock.acquire()
        board["can0"]._facts[:3] = bytes(3)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(child) == -signal.SIGKILL
    assert board["can0"].read_facts() == {}  # torn, and so nothing
    board["can0"].write_facts({"a": 2})
    assert board["can0"].read_facts() == {"a": 2}


def test_facts_that_do_not_fit_say_so(board):
    board["can0"].write_facts({"long": "x" * FACTS_SIZE})
    assert "do not fit" in board["can0"].read_facts()["note"]
