"""A serial port, or a pty, as a source."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios
from collections.abc import Collection
from types import TracebackType
from typing import Self

import serial

from gateway.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from gateway.config.model import SerialConfig
from gateway.counters import Counters
from gateway.decode.slot import NO_SAMPLES
from gateway.decode.stream import make_stream_decoder
from gateway.errors import LinkClosedError, LinkError, LinkLostError
from gateway.record import Origin, Samples
from gateway.signals import SignalTable

READ_SIZE = 65536
"""Bytes asked for at once: more than any driver holds, so one read empties it."""

LISTEN_MS = 30
"""How long a line must have been silent to be between two lines of text. USB adapters pass
bytes on in bursts up to 16 ms apart (FTDI's latency timer)."""

PORT_ERRORS = (OSError, termios.error, ValueError)
"""Everything that pyserial and the kernel raise for a port: `serial.SerialException` (an OSError),
bare OSError, `termios.error` (which is not one), ValueError for settings that it cannot have."""

_ADVICE = {
    errno.ENOENT: "there is no such device; is it plugged in?",
    errno.ENXIO: "there is no device behind it; is it plugged in?",
    errno.ENODEV: "there is no device behind it; is it plugged in?",
    errno.EIO: "the device does not answer; is it plugged in?",
    errno.EACCES: "permission denied; is this user in the group that owns it, such as dialout?",
    errno.EBUSY: "another program has it open for itself alone",
    errno.EWOULDBLOCK: "another program has it open for itself alone",
    errno.ENOTTY: "it is not a serial port",
    errno.EISDIR: "it is not a serial port",
}


_ICOUNTER = struct.Struct("11i36x")
"""struct serial_icounter_struct of <linux/serial.h>: cts, dsr, rng, dcd, rx, tx, frame, overrun,
parity, brk, buf_overrun, and nine reserved."""


class SerialSource:
    """The `Source` that reads a serial port. Samples are stamped when a read has returned.

    The port is opened anew by its path at every entry, so a stable name follows its device from
    one number to another. It is locked (flock, which other programs on pyserial and most terminal
    programs respect); a port that another program has locked cannot be opened.

    Bytes that the UART or the kernel had to drop are counted as lost, "overrun", one unit a byte:
    what they were part of is not known.

    Args:
        config: The port and its protocol.
        table: Where the signals are registered.
        index: The source's position in the configuration.
        clock: What stamps the samples.
    """

    live = True

    def __init__(
        self, config: SerialConfig, table: SignalTable, index: int, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.name = config.name
        self.counters = Counters()
        self._config = config
        self._clock = clock
        self._decoder = make_stream_decoder(config, table, index)
        self.signals = self._decoder.signals
        self.unit = self._decoder.unit
        self._port: serial.Serial | None = None
        self._ready = select.poll()
        self._overruns: int | None = None

    def select(self, wanted: Collection[int]) -> None:
        """See `Source`."""
        self._decoder.select(wanted)

    def __enter__(self) -> Self:
        """See `Source`."""
        config = self._config
        if self._port is not None:
            raise ValueError(f"{config.port}: got a second entry, expected one at a time")
        port = serial.Serial(
            baudrate=config.baudrate,
            bytesize=config.bytesize,
            parity=config.parity,
            stopbits=config.stopbits,
            timeout=0,
            exclusive=True,
        )
        port.port = config.port
        try:
            port.open()
            self._ready = select.poll()
            self._ready.register(port.fileno(), select.POLLIN)
            # The port starts to listen at any moment, also in the middle of a line, and a line
            # of text cut at the front can be a good line with a wrong number in it.
            midway = bool(self._ready.poll(max(LISTEN_MS, 20_000 // config.baudrate)))
            self._overruns = _overruns(port.fileno())
        except PORT_ERRORS as error:
            port.close()
            raise LinkError(f"cannot open {config.port}: {_reason(error)}") from error
        self._decoder.reset(midway)
        self._port = port
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port; a unit of which only a part had come counts as lost, "incomplete"."""
        if self._port is None:
            return
        self._lose(self._decoder.reset(), "incomplete")
        port, self._port = self._port, None
        port.close()

    def fileno(self) -> int | None:
        """See `Source`."""
        return None if self._port is None else self._port.fileno()

    def read(self, timeout_ns: int) -> Samples | None:
        """See `Source`."""
        until_ns = self._clock.monotonic_ns() + timeout_ns
        left_ns = timeout_ns
        # Half a line, or one that nobody asked for, is not what the caller waits for.
        while data := self._take(left_ns):
            t_ns = self._clock.monotonic_ns()
            samples = self._decoder.feed(data, t_ns, Origin.USER, self.counters)
            left_ns = until_ns - t_ns
            if len(samples) or left_ns <= 0:
                return samples
        return NO_SAMPLES

    def _take(self, timeout_ns: int) -> bytes:
        """Return the bytes that are there, waiting for the first; b"" when none came in time."""
        if self._port is None:
            raise LinkClosedError(f"{self._config.port} is not open")
        try:
            # Asked first: a serial port without data also reads as b"", as one that is gone does.
            if not self._ready.poll(-(-timeout_ns // NS_PER_MS)):
                return b""
            data = os.read(self._port.fileno(), READ_SIZE)
        except BlockingIOError:
            return b""
        except PORT_ERRORS as error:
            raise LinkLostError(f"{self._config.port} is gone: {_reason(error)}") from error
        if not data:
            raise LinkLostError(f"{self._config.port} is gone: it was unplugged or closed")
        if self._overruns is not None and (total := _overruns(self._port.fileno())) is not None:
            self._lose((total - self._overruns) % 2**32, "overrun")
            self._overruns = total
        return data

    def _lose(self, units: int, reason: str) -> None:
        if units:
            self.counters.received += units
            self.counters.lost[reason] += units


def _overruns(descriptor: int) -> int | None:
    """Return how many bytes were dropped since the driver was loaded, None if nobody counts.

    Ptys and some USB adapters do not count.
    """
    try:
        counts = fcntl.ioctl(descriptor, termios.TIOCGICOUNT, bytes(_ICOUNTER.size))
    except OSError:
        return None
    _, _, _, _, _, _, _, in_uart, _, _, in_kernel = _ICOUNTER.unpack(counts)
    return int(in_uart + in_kernel)


def _reason(error: BaseException) -> str:
    """Return in words what keeps a port from working."""
    # pyserial wraps some errors and leaves their number behind in the wrapped one.
    for each in (error, error.__context__):
        if isinstance(each, OSError | termios.error) and each.args and each.args[0] in _ADVICE:
            return _ADVICE[each.args[0]]
    return str(error)
