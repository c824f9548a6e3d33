"""Ways to move records between processes, behind one interface, for `ipc.py`.

Each is used as its own documentation would have it, at its best for this job: no pickling where it
can be had without, a batch as one message, a lock only where it is needed.
"""

# A peer that is not installed must not keep the others from being measured, and not every channel
# cares which of its ends it makes, or has anything to do at its end.
# ruff: noqa: PLC0415, ARG002, B027

from __future__ import annotations

import ctypes
import functools
import itertools
import mmap
import multiprocessing
import os
import select
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from gateway.ring import Partition, ReaderSpec, Ring

RECORD = np.dtype([("t_ns", "i8"), ("value", "f8"), ("key", "u8"), ("more", "u8", (3,))])
CAPACITY = 1 << 15
"""Records under way at most from a producer, where that can be chosen: the gateway's default."""

Send = Callable[[], object]
Receive = Callable[[], int]


class Channel(ABC):
    """One way of moving batches of *size* records. Made before its processes are forked.

    Attributes:
        is_shared: Any consumer takes any batch, until it finds an end mark. Otherwise producer p
            sends to consumer p modulo the number of consumers.
    """

    name = ""
    is_shared = False

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        self.producers, self.consumers, self.size = producers, consumers, size
        self.depth = max(CAPACITY // size, 8)
        self.records = np.zeros(size, RECORD)
        self.records["key"] = np.arange(size) % 256
        self.blob = self.records.tobytes()
        self.stack = ExitStack()

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:  # noqa: ARG003
        """Why it cannot do that at all; "" if it can."""
        return ""

    @abstractmethod
    def sender(self, producer: int) -> Send:
        """In a producer: return what sends one batch."""

    def flush(self) -> None:
        """In a producer: everything has been given to `sender`'s function."""

    @abstractmethod
    def receiver(self, consumer: int) -> Receive:
        """In a consumer: return what waits for a batch, copies it, returns its size (0: end)."""

    def leave(self) -> None:
        """In a producer or consumer, at its end: leave nothing behind."""

    def send_ends(self) -> None:
        """In the parent, for a shared channel, when all is sent: one end mark a consumer."""

    def close(self) -> None:
        """In the parent, at the end."""
        self.stack.close()


class GatewayRing(Channel):
    """A lane per producer; each reader takes the lanes of its own, all there is at a time."""

    name = "ring (this project)"

    def specs(self) -> list[ReaderSpec]:
        """Return the readers of the ring."""
        return [
            ReaderSpec(name=str(c), lanes=range(c, self.producers, self.consumers))
            for c in range(self.consumers)
        ]

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        ring = Ring.create(RECORD, CAPACITY, producers, self.specs())
        self.ring = self.stack.enter_context(ring)

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        put, records = self.ring.writer(producer).put, self.records
        return lambda: put(records)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get = self.ring.reader(str(consumer)).get
        return lambda: len(get().records)


class TwoPhaseRing(GatewayRing):
    """The same, as a process reads that must not lose what it has taken when it is killed."""

    name = "ring, peek and commit"

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        reader = self.ring.reader(str(consumer))

        def receive() -> int:
            count = len(reader.peek().records)
            reader.commit()
            return count

        return receive


class StrictRing(GatewayRing):
    """The same, but a reader takes only as much at a time as was put at a time."""

    name = "ring, one batch a get"

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get, size = self.ring.reader(str(consumer)).get, self.size
        return lambda: len(get(size).records)


class PartitionedRing(GatewayRing):
    """Every reader sees all lanes and keeps its share of the records, by a field of them."""

    name = "ring, partition by field"

    def specs(self) -> list[ReaderSpec]:
        owner = (np.arange(256) % self.consumers).astype(np.uint8)
        return [
            ReaderSpec(name=str(c), partition=Partition("key", owner, c))
            for c in range(self.consumers)
        ]

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:  # noqa: ARG003
        """Leave out what has no parts."""
        return "" if consumers > 1 and size > 1 else "one reader, or one record, has no parts"


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """Compile a C file that lies here, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library.so"
        path = Path(__file__).with_name(source)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, path], check=True)
        return ctypes.CDLL(str(library))


class Memcpy(Channel):
    """The limit: each record is copied into shared memory and out of it, by a loop in C."""

    name = "memcpy, in C (the limit)"
    header = 128

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        self.library = compiled("_ipc_memcpy.c")
        lane = self.header + self.depth * len(self.blob)
        memory = mmap.mmap(-1, producers * lane)
        self.lanes = [
            (ctypes.c_char * lane).from_buffer(memory, p * lane) for p in range(producers)
        ]
        # A call from Python is no part of the limit: a lane's length at a time.
        self.size = size * self.depth

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:  # noqa: ARG003
        """Refuse where nothing can be compiled."""
        return "" if shutil.which("cc") else "no C compiler"

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        produce, blob = self.library.produce, self.blob
        lane, depth, size = self.lanes[producer], *map(ctypes.c_size_t, (self.depth, len(blob)))
        return lambda: produce(lane, depth, blob, size, depth)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        consume, own = self.library.consume, ctypes.create_string_buffer(len(self.blob))
        mine = [ctypes.addressof(lane) for lane in self.lanes[consumer :: self.consumers]]
        lanes = (ctypes.c_void_p * len(mine))(*mine)
        count, depth, size = map(ctypes.c_size_t, (len(mine), self.depth, len(self.blob)))
        records = self.size

        def receive() -> int:
            consume(lanes, count, depth, own, size, depth)
            return records

        return receive


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


class FasterFifo(Channel):
    """faster-fifo, a batch as one bytes object, not pickled."""

    name = "faster-fifo"
    is_shared = True

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        from faster_fifo import Queue as Fifo

        room = CAPACITY * producers * (RECORD.itemsize + 8)
        self.queue = Fifo(max_size_bytes=room, dumps=bytes, loads=bytes)

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        put, blob = self.queue.put, self.blob
        return lambda: put(blob, timeout=20)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get = self.queue.get
        return lambda: len(get(timeout=20)) // RECORD.itemsize

    def send_ends(self) -> None:
        """See `Channel`."""
        for _ in range(self.consumers):
            self.queue.put(b"", timeout=20)


class FasterFifoMany(FasterFifo):
    """The same, a consumer takes all the messages there are."""

    name = "faster-fifo, get_many"

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        get_many = self.queue.get_many
        ended = False

        def receive() -> int:
            nonlocal ended
            blobs = [] if ended else get_many(timeout=20, max_messages_to_get=1000)
            if b"" in blobs:
                ended = True
                for _ in range(blobs.count(b"") - 1):  # not meant for this consumer alone
                    self.queue.put(b"", timeout=20)
            return sum(map(len, blobs)) // RECORD.itemsize

        return receive


class Zmq(Channel):
    """pyzmq PUSH to PULL over ipc, in the abstract namespace."""

    name = "pyzmq ipc"

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        import zmq  # noqa: F401 - so that its absence shows here, not in a child

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        import zmq

        self.socket = zmq.Context().socket(zmq.PUSH)
        self.socket.set_hwm(self.depth)
        self.socket.connect(self._address(producer % self.consumers))
        send, blob = self.socket.send, self.blob
        return lambda: send(blob)

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        import zmq

        self.socket = zmq.Context().socket(zmq.PULL)
        self.socket.set_hwm(self.depth)
        self.socket.bind(self._address(consumer))
        receive = self.socket.recv
        return lambda: len(receive()) // RECORD.itemsize

    def _address(self, consumer: int) -> str:
        return f"ipc://@gateway-benchmark-{os.getppid()}-{consumer}"


class Iceoryx2(Channel):
    """iceoryx2, publish and subscribe without overflow; it has to be polled when empty."""

    name = "iceoryx2"

    serial = itertools.count()

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        super().__init__(producers, consumers, size)
        import iceoryx2  # noqa: F401 - so that its absence shows here, not in a child

        self.number = next(self.serial)

    def _service(self, consumer: int) -> Any:
        import iceoryx2 as iox2

        iox2.set_log_level(iox2.LogLevel.Error)
        self.node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
        return (
            self.node.service_builder(
                iox2.ServiceName.new(f"gateway/{os.getppid()}/{self.number}/{consumer}")
            )
            .publish_subscribe(iox2.Slice[ctypes.c_uint8])
            .enable_safe_overflow(False)
            .max_publishers(self.producers)
            .max_subscribers(1)
            .max_nodes(self.producers + 1)
            .subscriber_max_buffer_size(self.depth)
            .open_or_create()
        )

    def sender(self, producer: int) -> Send:
        """See `Channel`."""
        import iceoryx2 as iox2

        self.port = (
            self._service(producer % self.consumers)
            .publisher_builder()
            .initial_max_slice_len(len(self.blob))
            .backpressure_strategy(iox2.BackpressureStrategy.RetryUntilDelivered)
            .create()
        )
        loan, blob, size = self.port.loan_slice_uninit, self.blob, len(self.blob)

        def send() -> None:
            while True:
                sample = loan(size)
                ctypes.memmove(sample.payload_ptr, blob, size)
                # 0 receivers when it is full, although it was told to retry until delivered.
                if sample.assume_init().send():
                    return
                os.sched_yield()

        return send

    def receiver(self, consumer: int) -> Receive:
        """See `Channel`."""
        self.port = self._service(consumer).subscriber_builder().create()
        take, records, size = self.port.receive, self.size, len(self.blob)

        def receive() -> int:
            while True:
                sample = take()
                if sample is not None:
                    ctypes.string_at(sample.payload_ptr, size)
                    sample.delete()
                    return records
                os.sched_yield()

        return receive

    def leave(self) -> None:
        """See `Channel`."""
        self.port.delete()
        del self.node


CHANNELS: tuple[type[Channel], ...] = (
    Memcpy,
    GatewayRing,
    TwoPhaseRing,
    StrictRing,
    PartitionedRing,
    OsPipe,
    Iceoryx2,
    FasterFifo,
    FasterFifoMany,
    Zmq,
    ConnectionPipe,
    LockedArray,
    Queue,
    ManagerQueue,
)
"""In the order of the table."""
