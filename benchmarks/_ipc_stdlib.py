"""What comes with Python, and with the system."""

# Not every channel cares which of its ends it makes.
# ruff: noqa: ARG002

from __future__ import annotations

import ctypes
import multiprocessing
import os
import select
from typing import Any

from _ipc_channel import RECORD, Channel, Receive, Send


class OsPipe(Channel):
    """A pipe per consumer, in which the producers' writes do not mix up to PIPE_BUF bytes."""

    name = "os.pipe"

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        self.pipes = [os.pipe() for _ in range(consumers)]

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:
        """Refuse several writers of more than PIPE_BUF bytes."""
        mixed = producers > consumers and size * RECORD.itemsize > select.PIPE_BUF
        return "writes beyond PIPE_BUF mix" if mixed else ""

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        descriptor, blob = self.pipes[producer % self.consumers][1], self.blob
        if len(blob) <= select.PIPE_BUF:
            return lambda: os.write(descriptor, blob)
        file = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115

        def send() -> None:
            view = memoryview(blob)
            while view:
                view = view[file.write(view) :]

        return send

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        descriptor, wanted = self.pipes[consumer][0], len(self.blob)
        left = 0

        def receive() -> int:
            # A stream of bytes: what is left of a record is counted when the rest has come.
            nonlocal left
            count, left = divmod(left + len(os.read(descriptor, wanted)), RECORD.itemsize)
            return count

        def receive_at_least_one() -> int:
            count = 0
            while not count:
                count = receive()
            return count

        return receive_at_least_one

    def close(self) -> None:
        """See `Channel`."""
        for ends in self.pipes:
            for descriptor in ends:
                os.close(descriptor)


class ConnectionPipe(Channel):
    """multiprocessing.Pipe, a lock where several producers send into one."""

    name = "multiprocessing.Pipe"

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        self.pipes = [multiprocessing.Pipe(duplex=False) for _ in range(consumers)]
        self.lock = multiprocessing.Lock() if producers > consumers else None

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        send, blob, lock = self.pipes[producer % self.consumers][1].send_bytes, self.blob, self.lock
        if lock is None:
            return lambda: send(blob)

        def send_alone() -> None:
            with lock:
                send(blob)

        return send_alone

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        receive = self.pipes[consumer][0].recv_bytes
        return lambda: len(receive()) // RECORD.itemsize

    def close(self) -> None:
        """See `Channel`."""
        for ends in self.pipes:
            for end in ends:
                end.close()


class Queue(Channel):
    """multiprocessing.Queue, a batch as one bytes object."""

    name = "multiprocessing.Queue"
    is_shared = True

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        self.queue: Any = multiprocessing.Queue()

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        put, blob = self.queue.put, self.blob
        return lambda: put(blob)

    def flush(self) -> None:
        """See `Channel`."""
        self.queue.close()
        self.queue.join_thread()

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get = self.queue.get
        return lambda: len(get()) // RECORD.itemsize

    def send_ends(self) -> None:
        """See `Channel`."""
        for _ in range(self.consumers):
            self.queue.put(b"")

    def close(self) -> None:
        """See `Channel`."""
        self.queue.close()
        self.queue.join_thread()


class ManagerQueue(Channel):
    """multiprocessing.Manager().Queue: every call is a message to a server process."""

    name = "Manager().Queue"
    is_shared = True

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        self.manager = self.stack.enter_context(multiprocessing.Manager())
        self.queue = self.manager.Queue(self.depth)

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        put, blob = self.queue.put, self.blob
        return lambda: put(blob)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get = self.queue.get
        return lambda: len(get()) // RECORD.itemsize

    def send_ends(self) -> None:
        """See `Channel`."""
        for _ in range(self.consumers):
            self.queue.put(b"")


class LockedArray(Channel):
    """multiprocessing.Array with its lock, as a ring; who finds it full or empty looks again."""

    name = "multiprocessing.Array"

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        data = self.depth * len(self.blob)
        self.arrays = [multiprocessing.Array(ctypes.c_uint8, 16 + data) for _ in range(consumers)]

    def _parts(self, index: int) -> tuple[Any, memoryview, memoryview]:
        array = self.arrays[index]
        view = memoryview(array.get_obj()).cast("B")
        return array.get_lock(), view[:16].cast("Q"), view[16:]

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        lock, positions, slots = self._parts(producer % self.consumers)
        blob, size, depth = self.blob, len(self.blob), self.depth

        def send() -> None:
            while True:
                with lock:
                    head, tail = positions
                    if head - tail < depth:
                        at = head % depth * size
                        slots[at : at + size] = blob
                        positions[0] = head + 1
                        return
                os.sched_yield()

        return send

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        lock, positions, slots = self._parts(consumer)
        records, size, depth = self.size, len(self.blob), self.depth

        def receive() -> int:
            while True:
                with lock:
                    head, tail = positions
                    if head > tail:
                        at = tail % depth * size
                        bytes(slots[at : at + size])
                        positions[1] = tail + 1
                        return records
                os.sched_yield()

        return receive
