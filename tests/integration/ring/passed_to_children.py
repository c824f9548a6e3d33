"""Pass a ring, an event and a gate to multiprocessing children; print what came through.

Usage: passed_to_children.py fork|forkserver|spawn
"""

import multiprocessing
import os
import sys

import numpy as np

from gateway.clock import NS_PER_S
from gateway.errors import RingClosed
from gateway.ring import Event, Partition, ReaderSpec, Ring, StartGate

NUMBER = np.dtype([("number", "u4")])
OWNER = np.arange(10, dtype=np.uint8) % 2


def produce(ring, gate, lane):
    gate.wait()
    with ring.writer(lane) as writer:
        writer.put((np.arange(1000, dtype=np.uint32) % 10).view(NUMBER))


def consume(ring, gate, name, done):
    with ring.reader(name) as reader:
        gate.wait()
        total = 0
        try:
            while True:
                total += int(reader.get().records["number"].sum())
        except RingClosed:
            os.write(1, f"{name} {total}\n".encode())  # whole: children share the descriptor
    done.set()


def main(method):
    context = multiprocessing.get_context(method)
    specs = [ReaderSpec(name=f"r{m}", partition=Partition("number", OWNER, m)) for m in range(2)]
    gate, done = StartGate(), [Event(), Event()]
    with Ring.create(NUMBER, 64, 2, specs) as ring:
        children = [context.Process(target=produce, args=(ring, gate, lane)) for lane in range(2)]
        children += [
            context.Process(target=consume, args=(ring, gate, f"r{m}", done[m])) for m in range(2)
        ]
        for child in children:
            child.start()
        while gate.arrived(30 * NS_PER_S) < len(children):
            pass
        gate.open()
        for child in children:
            child.join(30)
        print("published", ring.statistics().published, [event.is_set() for event in done])


if __name__ == "__main__":
    main(sys.argv[1])
