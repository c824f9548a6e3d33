"""A serial port, or a pty, as a source."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import NamedTuple, Self

import serial

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.config.model import SerialConfig
from gateway.counters import Counters
from gateway.decode.slot import NO_SAMPLES
from gateway.decode.stream import make_stream_decoder
from gateway.errors import LinkClosedError, LinkError, LinkLostError
from gateway.record import Origin, Samples
from gateway.signals import SignalTable
from gateway.sources.link import LinkState
from gateway.sources.link_noise import NoiseWatch
from gateway.sources.port_errors import PORT_ERRORS, port_trouble

READ_SIZE = 65536
"""Bytes asked for at once: more than any driver holds, so one read empties it."""

LISTEN_MS = 30
"""How long a line must have been silent to be between two lines of text. USB adapters pass
bytes on in bursts up to 16 ms apart (FTDI's latency timer)."""

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

    Of an open port it tells two states: `LinkState.MUTE` when no byte has come for ``mute_after``,
    and `LinkState.WRONG_BAUD_RATE`, see `NoiseWatch`.

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
        self._counts: _LineCounts | None = None
        self._noise = NoiseWatch(config.baudrate, config.protocol != "framed", self.unit)
        self._heard_ns = 0

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
            self._counts = _line_counts(port.fileno())
        except PORT_ERRORS as error:
            port.close()
            state, reason = port_trouble(error)
            raise LinkError(f"cannot open {config.port}: {reason}", state) from error
        self._decoder.reset(midway)
        self._noise.reset()
        self._heard_ns = self._clock.monotonic_ns()
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
        counters = self.counters
        # Half a line, or one that nobody asked for, is not what the caller waits for.
        while data := self._take(left_ns):
            errors = self._count_line()
            received, delivered = counters.received, counters.delivered
            self._heard_ns = t_ns = self._clock.monotonic_ns()
            samples = self._decoder.feed(data, t_ns, Origin.USER, counters)
            self._noise.take(
                data, counters.received - received, counters.delivered - delivered, errors
            )
            left_ns = until_ns - t_ns
            if len(samples) or left_ns <= 0:
                return samples
        return NO_SAMPLES

    def link_states(self) -> Mapping[LinkState, str]:
        """See `Source`."""
        states: dict[LinkState, str] = {}
        if self._port is None:
            return states
        limit_ns = self._config.mute_after
        if limit_ns and self._clock.monotonic_ns() - self._heard_ns >= limit_ns:
            states[LinkState.MUTE] = f"nothing has come for {limit_ns / NS_PER_S:g} s or longer"
        if self._noise.finding:
            states[LinkState.WRONG_BAUD_RATE] = self._noise.finding
        return states

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
            gone = f"{self._config.port} is gone: {port_trouble(error)[1]}"
            raise LinkLostError(gone, LinkState.UNPLUGGED) from error
        if not data:
            gone = f"{self._config.port} is gone: it was unplugged or closed"
            raise LinkLostError(gone, LinkState.UNPLUGGED)
        return data

    def _count_line(self) -> int:
        """Count what the driver dropped since the last time; return how many bytes had errors."""
        if self._port is None or self._counts is None:
            return 0
        before, now = self._counts, _line_counts(self._port.fileno())
        if now is None:
            return 0
        self._counts = now
        self._lose((now.dropped - before.dropped) % 2**32, "overrun")
        return (now.wrong - before.wrong) % 2**32

    def _lose(self, units: int, reason: str) -> None:
        if units:
            self.counters.received += units
            self.counters.lost[reason] += units


class _LineCounts(NamedTuple):
    """Bytes since the driver was loaded: *dropped*, and *wrong* in framing or parity."""

    dropped: int
    wrong: int


def _line_counts(descriptor: int) -> _LineCounts | None:
    """Return what the driver counts; None where it does not, as for ptys and some USB adapters."""
    try:
        counts = fcntl.ioctl(descriptor, termios.TIOCGICOUNT, bytes(_ICOUNTER.size))
    except OSError:
        return None
    *_, frame, in_uart, parity, _, in_kernel = _ICOUNTER.unpack(counts)
    return _LineCounts(dropped=in_uart + in_kernel, wrong=frame + parity)
