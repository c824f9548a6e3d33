import mmap
import os
import select
import signal
import time
import traceback

import pytest

from gateway.ring import StartGate


class Children:
    """Processes forked by a test, started together. One that fails prints why and ends with 1."""

    def __init__(self):
        self.pids = []
        self._gate = StartGate()
        self._running = mmap.mmap(-1, mmap.PAGESIZE)

    def fork(self, run, *args):
        """Fork a process that calls run(*args) once `go` is called; return its pid."""
        number = len(self.pids)
        self._running[number] = False
        pid = os.fork()
        if pid == 0:
            try:
                self._gate.wait()
                self._running[number] = True
                run(*args)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - whatever it is, the parent sees the status
                traceback.print_exc()
            finally:
                os._exit(1)
        self.pids.append(pid)
        return pid

    def go(self):
        """Let them begin, at the same time."""
        while self._gate.arrived(None) < len([pid for pid in self.pids if pid is not None]):
            pass
        self._gate.open()

    def join(self):
        """Wait for them, and assert that they all ended well."""
        for number, pid in enumerate(self.pids):
            if pid is not None:
                status = os.waitpid(pid, 0)[1]
                self.pids[number] = None
                assert os.waitstatus_to_exitcode(status) == 0

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.pids[self.pids.index(pid)] = None

    def await_sleep(self, pid):
        """Wait until that process has begun, and sleeps in the kernel."""
        number = self.pids.index(pid)
        while not (self._running[number] and state_of(pid) == "S"):
            os.sched_yield()

    def close(self):
        self._gate.close()
        for pid in self.pids:
            if pid is not None:
                self.kill(pid)


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


@pytest.fixture
def children():
    children = Children()
    yield children
    children.close()


@pytest.fixture
def cpu_ns_in_a_second():
    """Return the processor time that a process uses in the second that follows, in nanoseconds."""

    def measure(pid):
        clock = ~pid << 3 | 2  # as clock_getcpuclockid(3) makes it
        before = time.clock_gettime_ns(clock)
        select.poll().poll(1000)
        return time.clock_gettime_ns(clock) - before

    return measure
