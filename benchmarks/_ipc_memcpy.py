"""The limit: memory copied by C."""

from __future__ import annotations

import ctypes
import functools
import mmap
import shutil
import subprocess
import tempfile
from pathlib import Path

from _ipc_channel import Channel, Receive, Send


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
