"""`gateway run CONFIG` with a producer that somebody can make hang in a way that a test cannot.

python held.py run CONFIG      when the file `hang` is there, the producer stops for ever:
                               "with locks": while it holds its lane's lock and its row's
                               "unkillable": and SIGKILL does not end it, as if a driver held it
"""

import os
import signal
import sys
from pathlib import Path

from gateway.cli import main
from gateway.supervisor.child import Child
from gateway.workers.producer import Producer

HANG = Path("hang")
beat, kill = Producer._beat, Child.kill


def beat_or_hang(producer):
    beat(producer)
    if HANG.exists():
        if HANG.read_text() == "with locks":
            HANG.unlink()  # its successor lives
            producer._writer._lane.guard.acquire()
            producer._row._lock.acquire()
        os.kill(os.getpid(), signal.SIGSTOP)


def kill_if_possible(child):
    if not (HANG.exists() and child.spec.name == "can0"):
        kill(child)


if __name__ == "__main__":
    Producer._beat = beat_or_hang
    Child.kill = kill_if_possible
    sys.exit(main())
