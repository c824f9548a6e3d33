"""OBD-II over CAN: what a control unit tells when it is asked.

Requests and answers go by ISO-TP (ISO 15765-2, with 8-byte classic frames), which is can-isotp's,
over any interface of python-can. Service 01 asks for current data by parameter; requests of the
maker's own, such as service 22 of UDS (ISO 14229-1), are written as the bytes that are sent.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import can

from gateway.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.config.obd_values import MIL, MONITOR_STATUS, OBD_VALUES, TROUBLE_CODES
from gateway.config.polled import ObdConfig
from gateway.decode.slot import Slot
from gateway.errors import LinkError, LinkLostError
from gateway.signals import Signal, SignalTable
from gateway.sources.link import LinkState
from gateway.sources.polled import Question, Unanswered, Value
from gateway.sources.readers.python_can import LOSS, reason, receive

if TYPE_CHECKING:
    import isotp

# can-isotp warns of every wrong frame; here the requests are counted that come to nothing by it.
logging.getLogger("isotp").setLevel(logging.ERROR)

CURRENT_DATA = 0x01
POSITIVE = 0x40
"""Added to the service's number in an answer."""
NEGATIVE = 0x7F
PENDING = 0x78
"""requestCorrectlyReceived-ResponsePending: the answer itself comes later."""

_STEP_S = 0.02
"""How long one look for frames waits; ISO-TP's own timers need to be looked after."""
_PADDING = 0x55
_FLOW_CONTROL = 0x3
"""The frame type of ISO-TP, in the upper half of the first byte, by which the rest is asked for."""
_CODES = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i",
    "u64": "Q", "i64": "q", "f32": "f", "f64": "d",
}  # fmt: skip


class _Part(NamedTuple):
    """A number in an answer: how it is stored, from which byte on, which bits, for which signal."""

    layout: struct.Struct
    at: int
    slot: Slot
    shift: int = 0
    mask: int = 0


def obd_signals(config: ObdConfig, table: SignalTable) -> tuple[Signal, ...]:
    """Register the signals of *config*: ``source.live.value``, ``source.request.field``."""
    signals = []
    for name in config.values:
        if name in (TROUBLE_CODES, MIL):
            signals.append(table.add(config.name, "live", name))
            continue
        value = OBD_VALUES[name]
        unit, low, high = value.unit, value.minimum, value.maximum
        signals.append(table.add(config.name, "live", name, unit, low, high))
    for request in config.requests:
        for each in request.fields:
            signals.append(
                table.add(
                    config.name, request.name, each.name, each.unit, each.minimum, each.maximum
                )
            )
    return tuple(signals)


class Obd:
    """The `Inquirer` of one control unit.

    Args:
        config: The bus, the unit, and what it is asked.
        signals: What `obd_signals` returned for it.
        clock: For the time an answer may take.
    """

    def __init__(
        self, config: ObdConfig, signals: Sequence[Signal], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._config = config
        self._clock = clock
        self._bus: can.BusABC | None = None
        self._lost: BaseException | None = None
        self.questions: Sequence[Question] = list(_questions(self, config, signals))

    def open(self) -> None:
        """See `Inquirer`.

        Raises:
            LinkError: The adapter is absent, busy, or refuses the settings; or can-isotp, which
                is optional, is not installed.
        """
        try:
            import isotp  # noqa: PLC0415 - optional
        except ImportError:
            raise LinkError(
                "can-isotp is not installed: pip install 'embedded-gateway[obd]'", LinkState.REFUSED
            ) from None
        config = self._config
        extended = max(config.request_id, config.answers) > 0x7FF
        settings = dict(config.options)
        if config.bitrate is not None:
            settings["bitrate"] = config.bitrate
        try:
            self._bus = can.Bus(
                interface=config.interface,
                channel=config.channel,
                ignore_config=True,
                # Kept by the kernel, where the interface can: a busy bus costs nothing here.
                can_filters=[
                    {
                        "can_id": config.answers,
                        "can_mask": 0x1FFFFFFF if extended else 0x7FF,
                        "extended": extended,
                    }
                ],
                **settings,  # type: ignore[arg-type]
            )
        except Exception as error:  # backends raise whatever their drivers do
            raise LinkError(f"{self._name}: {reason(error)}") from error
        mode = isotp.AddressingMode
        self._lost = None
        self._transport = isotp.TransportLayerLogic(
            self._receive,
            self._send,
            isotp.Address(
                mode.Normal_29bits if extended else mode.Normal_11bits,
                txid=config.request_id,
                rxid=config.answers,
            ),
            error_handler=self._garbled,
            params={"tx_padding": _PADDING, "blocking_send": False},
        )

    def close(self) -> None:
        """See `Inquirer`."""
        bus, self._bus = self._bus, None
        if bus is not None:
            # An adapter that is gone cannot be told so; there is nothing left to save.
            with contextlib.suppress(Exception):
                bus.shutdown()

    def request(self, data: bytes) -> bytes:
        """Send *data* and return what follows its repetition in the answer.

        An answer that does not repeat it is to something else, such as an earlier request to
        which it came late, and is passed over.

        Raises:
            Unanswered: "no answer", "answer to something else", "refused" or "garbled answer".
            LinkLostError: The adapter is gone.
        """
        transport = self._transport
        transport.reset()  # what an earlier request still has to come is not this one's answer
        self._drain()
        self._failed = False
        transport.send(data)
        begins = bytes([data[0] | POSITIVE]) + data[1:]
        loss = "no answer"
        until_ns = self._clock.monotonic_ns() + self._config.timeout
        while (left_ns := until_ns - self._clock.monotonic_ns()) > 0:
            transport.process(rx_timeout=min(_STEP_S, left_ns / NS_PER_S))
            if self._lost is not None:
                gone = f"{self._name} is gone: {reason(self._lost)}"
                raise LinkLostError(gone, LinkState.UNPLUGGED) from self._lost
            if self._failed:
                raise Unanswered("garbled answer")
            answer = bytes(transport.recv() or b"")
            if answer.startswith(begins):
                return answer[len(begins) :]
            if answer[:2] == bytes([NEGATIVE, data[0]]):
                if answer[2:3] != bytes([PENDING]):
                    raise Unanswered("refused")
                until_ns = self._clock.monotonic_ns() + self._config.timeout
            elif answer:
                loss = "answer to something else"
        raise Unanswered(loss)

    @property
    def _name(self) -> str:
        return f"{self._config.interface} {self._config.channel}"

    def _drain(self) -> None:
        """Pass over what has come since the last request, on a busy bus for so long at most."""
        until_ns = self._clock.monotonic_ns() + self._config.timeout
        while self._next(0.0) is not None and self._clock.monotonic_ns() < until_ns:
            pass

    def _receive(self, timeout_s: float) -> isotp.CanMessage | None:
        """Return the next frame with the id of the answers, None if none came in time."""
        import isotp  # noqa: PLC0415 - optional; it is there, or nothing is open

        until_ns = self._clock.monotonic_ns() + round(timeout_s * NS_PER_S)
        left_s = timeout_s
        # Many interfaces filter nothing, and a busy bus is to delay nobody's time-outs.
        while left_s >= 0 and (message := self._next(left_s)) is not None:
            is_data = not (message.is_error_frame or message.is_remote_frame)
            if is_data and message.arbitration_id == self._config.answers:
                return isotp.CanMessage(
                    arbitration_id=message.arbitration_id,
                    data=bytes(message.data),
                    extended_id=message.is_extended_id,
                )
            left_s = (until_ns - self._clock.monotonic_ns()) / NS_PER_S
        return None

    def _next(self, timeout_s: float) -> can.Message | None:
        """Return the next frame, whoever sent it; None if none came in time."""
        if self._bus is None or self._lost is not None:
            return None
        try:
            return receive(self._bus, timeout_s)
        except (ValueError, IndexError):  # a torn or garbled line of a serial adapter
            return None
        except LOSS as error:
            self._lost = error
            return None

    def _send(self, message: isotp.CanMessage) -> None:
        if self._bus is None:
            return
        config = self._config
        # A request may go to all units; what asks for the rest of an answer, to the one it is of.
        to_all = message.data[0] >> 4 != _FLOW_CONTROL
        try:
            self._bus.send(
                can.Message(
                    arbitration_id=config.request_id if to_all else config.unit_id,
                    is_extended_id=message.is_extended_id,
                    data=message.data,
                ),
                timeout=config.timeout / NS_PER_S,
            )
        except LOSS as error:
            self._lost = error

    def _garbled(self, _error: BaseException) -> None:
        self._failed = True


class _Request:
    """The `Question` of one request."""

    def __init__(self, unit: Obd, data: bytes, parts: Sequence[_Part], every_ns: int) -> None:
        self.every_ns = every_ns
        self.signals: Collection[int] = [part.slot.signal for part in parts]
        self._unit = unit
        self._data = data
        self._parts = parts

    def ask(self) -> list[Value]:
        """See `Question`."""
        data = self._unit.request(self._data)
        values = []
        for part in self._parts:
            if part.at + part.layout.size > len(data):
                raise Unanswered("answer too short")
            (raw,) = part.layout.unpack_from(data, part.at)
            if part.mask:
                raw = raw >> part.shift & part.mask
            values.append(Value(part.slot, raw))
        return values


def _questions(unit: Obd, config: ObdConfig, signals: Sequence[Signal]) -> Iterator[_Request]:
    remaining = iter(signals)
    byte = struct.Struct("B")
    for name in config.values:
        slot = Slot.of(next(remaining))
        if name == TROUBLE_CODES:
            pid, part = MONITOR_STATUS, _Part(byte, 0, slot, 0, 0x7F)
        elif name == MIL:
            pid, part = MONITOR_STATUS, _Part(byte, 0, slot, 7, 1)
        else:
            value = OBD_VALUES[name]
            pid, layout = value.pid, struct.Struct(">H" if value.size == 2 else "B")
            part = _Part(layout, 0, slot._replace(scale=value.scale, offset=value.offset))
        yield _Request(unit, bytes([CURRENT_DATA, pid]), [part], config.every)
    for request in config.requests:
        order = ">" if request.byte_order == "big" else "<"
        parts = [
            _Part(
                struct.Struct(order + _CODES[each.type]),
                each.at,
                Slot.of(next(remaining), each.scale, each.offset),
            )
            for each in request.fields
        ]
        yield _Request(unit, bytes.fromhex(request.data), parts, config.every)
