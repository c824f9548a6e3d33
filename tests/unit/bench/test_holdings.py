"""What a test has left behind, and what came with the bench's links."""

import os
import subprocess
import threading

import pytest

from gateway.bench.holdings import Holdings, LinkHoldings


@pytest.fixture
def asking():
    """Opens a pipe and starts a thread, as a source that asks does."""
    done = threading.Event()
    threads, pipes = [], []

    def start(name):
        threads.append(threading.Thread(target=done.wait, name=name))
        threads[-1].start()
        pipes.append(os.pipe())

    yield start
    done.set()
    for thread in threads:
        thread.join()
    for pipe in pipes:
        for end in pipe:
            os.close(end)


def test_what_a_link_opens_and_starts_is_not_left_behind(asking):
    before, link = Holdings(), LinkHoldings()
    with link.gathering():
        asking("plant asks")
    assert Holdings().beyond(before, link) == []
    asking("somebody else's")
    left = Holdings().beyond(before, link)
    assert [line.partition(":")[0] for line in left] == ["left open", "still running"]
    assert "2 descriptors" in left[0]
    assert left[1] == "still running: 1 thread: somebody else's"


def test_processes_that_run_on_are_left_behind():
    before = Holdings()
    started = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(2)]
    pids = sorted(process.pid for process in started)
    left = Holdings().beyond(before)
    for process in started:
        process.communicate()
    assert f"still running: 2 processes: {pids}" in left
    assert Holdings().beyond(before) == []
