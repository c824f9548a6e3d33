"""Packages, each measured where it is installed."""

# One that is not installed must not keep the others from being measured, and not every channel
# cares which of its ends it makes.
# ruff: noqa: PLC0415, ARG002

from __future__ import annotations

import ctypes
import itertools
import os
from typing import Any

from _ipc_channel import CAPACITY, RECORD, Channel, Receive, Send


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
