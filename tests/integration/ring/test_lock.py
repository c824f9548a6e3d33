import mmap
import os

import numpy as np
import pytest

from gateway.ring import RobustLock
from gateway.ring.memory import SharedMemory

COUNTER = 8  # the word after the lock


def make_lock():
    """Return a lock, and the words of the memory in which it is."""
    memory = SharedMemory(128, 128)
    lock, words = RobustLock(memory, 0, create=True), memory.words
    memory.close()
    return lock, words


def count_up(lock, words, times):
    for _ in range(times):
        with lock:
            words[COUNTER] = words[COUNTER] + 1


def test_only_one_process_at_a_time_has_the_lock(children):
    lock, words = make_lock()
    for _ in range(4):
        children.fork(count_up, lock, words, 50_000)
    children.go()
    children.join()
    assert words[COUNTER] == 200_000


def test_a_lock_that_is_held_is_not_taken_twice():
    lock, _ = make_lock()
    lock.acquire()
    assert not lock.try_acquire()
    lock.release()
    assert lock.try_acquire()
    lock.release()


def release_anothers(lock):
    lock.release()
    assert not lock.try_acquire()


def test_a_lock_is_not_released_by_who_does_not_hold_it(children):
    lock, _ = make_lock()
    with lock:
        children.fork(release_anothers, lock)
        children.go()
        children.join()


def test_an_exception_between_taking_and_trying_does_not_lock_the_owner_out():
    lock, _ = make_lock()
    lock.acquire()
    lock.acquire()
    lock.release()
    assert lock.try_acquire()
    lock.release()


@pytest.mark.slow
def test_a_lock_passes_on_to_those_who_wait_when_its_holder_is_killed(children):
    lock, _ = make_lock()
    steps = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64, 3)

    def work(mine):
        while True:
            with lock:
                # Nearly always the holder is here when it is killed.
                for _ in range(500):
                    steps[mine] += 1

    workers = {mine: children.fork(work, mine) for mine in range(3)}
    children.go()
    for kill in range(30):
        victim = kill % 3
        await_steps(steps, range(3))
        children.kill(workers[victim])
        await_steps(steps, set(range(3)) - {victim})
        workers[victim] = children.fork(work, victim)


def await_steps(steps, which):
    goal = steps + 1
    while any(steps[mine] < goal[mine] for mine in which):
        os.sched_yield()
