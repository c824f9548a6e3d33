"""Requests by ISO 15765-2 (ISO-TP), through what the bench sees and sends anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.bench.bench_file import IsoTpConfig
from gateway.bench.errors import BenchError, NoAnswer, unknown
from gateway.bench.history import History
from gateway.bench.outcome import span
from gateway.bench.rig import Rig
from gateway.decode.database import format_id
from gateway.record import CanId

if TYPE_CHECKING:
    import isotp

PADDING = 0xCC
"""ISO 15765-2 recommends it: no long run of equal bits, so few stuff bits."""

LONGEST_PAUSE_NS = 5_000_000
"""A transfer goes on after this at the latest, with what its own times ask for."""

_SHORT = 0x7FF
NEGATIVE = 0x7F
"""An answer that begins with it refuses the request (ISO 14229-1)."""
_PENDING = 0x78


def ask(
    rig: Rig, to: IsoTpConfig, data: bytes, within_ns: int, source: str = ""
) -> tuple[bytes, int]:
    """Send *data*; return the answer, and when the first frame of the request was sent.

    Args:
        rig: The bench.
        to: The addresses.
        data: 1 to 4,095 bytes.
        within_ns: How long the whole may take, from now.
        source: The bus, by its source's name; "" for that of *to*, or the first.

    Raises:
        NoAnswer: None came in time, or what came was no whole answer.
        BenchError: There is no such bus, it takes nothing, or the library is missing.
    """
    try:
        import isotp  # noqa: PLC0415 - an extra, which only this needs
    except ImportError:
        raise BenchError(
            "request: needs can-isotp: pip install 'embedded-gateway[isotp]'"
        ) from None
    buses = rig.sender.sources
    source = source or to.source or (buses[0] if buses else "")
    if source not in buses:
        raise unknown("request: source", source, "the name of a CAN source", buses)
    channel = [each.name for each in rig.observer.sources].index(source)
    if not 0 < len(data) <= 4095:
        raise BenchError(f"request: got {len(data)} bytes, expected 1 to 4095")
    extended = to.request > _SHORT
    flag = CanId.EXTENDED if extended else 0
    errors: list[str] = []
    first_ns = 0

    def transmit(message: isotp.CanMessage) -> None:
        nonlocal first_ns
        sent_ns = rig.sender.send_raw(source, message.arbitration_id | flag, bytes(message.data))
        first_ns = first_ns or sent_ns

    rig.pump(0)
    started_ns = rig.observer.seen_ns
    incoming = _Incoming(rig.observer.frames, to.response | flag, channel, started_ns)
    mode = isotp.AddressingMode.Normal_29bits if extended else isotp.AddressingMode.Normal_11bits
    stack = isotp.TransportLayerLogic(
        incoming.next,
        transmit,
        isotp.Address(mode, rxid=to.response, txid=to.request),
        error_handler=lambda error: errors.append(str(error)),
        params={"tx_padding": PADDING, "tx_data_min_length": 8},
    )
    stack.send(data)
    while True:
        stack.process()
        if (answer := stack.recv()) and not _is_pending(answer):
            return bytes(answer), first_ns
        if rig.observer.seen_ns > started_ns + within_ns:
            who = f"{format_id(to.request | flag)} > {format_id(to.response | flag)}"
            why = f": {errors[-1]}" if errors else ""
            raise NoAnswer(
                f"no answer to {data[:8].hex(' ')} ({who}) within {span(within_ns)}{why}"
            )
        rig.pump(rig.observer.seen_ns + LONGEST_PAUSE_NS)


def _is_pending(answer: bytes | bytearray) -> bool:
    """Tell whether an answer only says that the answer itself comes later (ISO 14229-1)."""
    return len(answer) == 3 and answer[0] == NEGATIVE and answer[2] == _PENDING


class _Incoming:
    """The frames with one id, one after the other, as can-isotp asks for them."""

    def __init__(self, frames: History, can_id: int, channel: int, since_ns: int) -> None:
        self._frames = frames
        self._can_id = can_id
        self._channel = channel
        self._since_ns = since_ns
        self._cursor = frames.end
        self._waiting: list[bytes] = []

    def next(self, _timeout: float) -> isotp.CanMessage | None:
        """Return the next frame, None if none has come."""
        import isotp  # noqa: PLC0415 - see `ask`

        for batch in self._frames.batches(self._cursor):
            mine = (batch["can_id"] == self._can_id) & (batch["channel"] == self._channel)
            for frame in batch[mine & (batch["t_ns"] >= self._since_ns)]:
                self._waiting.append(frame["data"][: frame["len"]].tobytes())
        self._cursor = self._frames.end
        if not self._waiting:
            return None
        data = self._waiting.pop(0)
        return isotp.CanMessage(
            arbitration_id=self._can_id & 0x1FFFFFFF,
            dlc=len(data),
            data=data,
            extended_id=bool(self._can_id & CanId.EXTENDED),
        )
