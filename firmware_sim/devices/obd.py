"""OBD-II as SAE J1979 (ISO 15031-5) has it: the answers of one ECU to whole requests.

Services 01 current data, 02 freeze frame, 03 stored and 07 pending trouble codes, 04 clear them,
09 vehicle information. A request to one ECU that it cannot serve gets a negative answer
(``7F service reason``), one to all of them none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from firmware_sim.devices.dtc import TroubleCodes, code_bytes
from firmware_sim.devices.inputs import nearest

FUNCTIONAL_ID = 0x7DF
"""The CAN id of requests to all ECUs."""
FIRST_REQUEST_ID, FIRST_ANSWER_ID = 0x7E0, 0x7E8
"""The CAN ids of requests to the first ECU and of its answers; the others' follow."""

POSITIVE = 0x40
NEGATIVE = 0x7F
SERVICE_NOT_SUPPORTED, NOT_SUPPORTED, WRONG_LENGTH, OUT_OF_RANGE = 0x11, 0x12, 0x13, 0x31

_MOST_PIDS = 6
_STATUS, _FREEZE_CODE = 0x01, 0x02
_VIN, _CALIBRATION, _NAME = 0x02, 0x04, 0x0A

Values = Mapping[str, float]
Pid = Callable[[Values], bytes]
"""One parameter of services 01 and 02: from the inputs' values to the bytes of the answer."""


def scaled(signal: str, length: int = 1, *, scale: float = 1.0, offset: float = 0.0) -> Pid:
    """Return the parameter ``(signal - offset) / scale`` in *length* bytes, or the nearest."""

    def answer(values: Values) -> bytes:
        raw = (values.get(signal, offset) - offset) / scale
        return nearest(raw, 0, (1 << 8 * length) - 1).to_bytes(length, "big")

    return answer


def bitmap(base: int, supported: Collection[int]) -> bytes:
    """Return which of the 32 numbers after *base* are in *supported*, highest bit first.

    The last bit says whether there is any beyond them, too: then the next bitmap is worth asking.
    """
    bits = sum(1 << 32 - (n - base) for n in supported if base < n < base + 32)
    beyond = any(n >= base + 32 for n in supported)
    return (bits | beyond).to_bytes(4, "big")


class ObdServer:
    """Answers for one ECU.

    Args:
        name: Of the ECU, at most 19 ASCII characters.
        pids: What services 01 and 02 tell, besides the monitor status and the bitmaps.
        vin: The vehicle's number, 17 ASCII characters; None where the ECU does not know it.
        calibration: The software's name, at most 16 ASCII characters.
        codes: The ECU's trouble codes.
    """

    def __init__(
        self,
        name: str,
        pids: Mapping[int, Pid],
        *,
        vin: str | None,
        calibration: str,
        codes: TroubleCodes,
    ) -> None:
        self._codes = codes
        self._pids = {_STATUS: self._status, **pids}
        self._info = {
            _CALIBRATION: calibration.encode("ascii").ljust(16, b"\0"),
            _NAME: name.encode("ascii").ljust(20, b"\0"),
        }
        if vin is not None:
            self._info[_VIN] = vin.encode("ascii")
        self._services: dict[int, Callable[[bytes, Values], bytes | int]] = {
            0x01: self._current,
            0x02: self._frozen,
            0x03: lambda request, _values: self._listed(request, self._codes.stored),
            0x04: self._clear,
            0x07: lambda request, _values: self._listed(request, self._codes.pending),
            0x09: self._about,
        }

    def answer(self, request: bytes, values: Values, *, functional: bool) -> bytes | None:
        """Return the answer to *request*, None for none.

        Args:
            request: Service and what it asks for, at least a byte.
            values: The inputs' values now.
            functional: Whether all ECUs were asked.
        """
        service = self._services.get(request[0])
        result = service(request[1:], values) if service else SERVICE_NOT_SUPPORTED
        if isinstance(result, bytes):
            return bytes((request[0] + POSITIVE,)) + result
        return None if functional else bytes((NEGATIVE, request[0], result))

    def _current(self, request: bytes, values: Values) -> bytes | int:
        if not 1 <= len(request) <= _MOST_PIDS:
            return WRONG_LENGTH
        found = [_numbered(pid, _one(pid, self._pids, values)) for pid in request]
        return b"".join(found) or NOT_SUPPORTED

    def _frozen(self, request: bytes, _values: Values) -> bytes | int:
        if len(request) != 2:
            return WRONG_LENGTH
        pid, frame = request
        if frame != 0:
            return OUT_OF_RANGE
        frozen = {n: p for n, p in self._pids.items() if n != _STATUS}
        frozen[_FREEZE_CODE] = self._freeze_code
        # Without a frame only the code that caused it is told: none.
        if pid != _FREEZE_CODE and pid % 32 and not self._codes.freeze_frame:
            return NOT_SUPPORTED
        data = _one(pid, frozen, self._codes.freeze_frame)
        return NOT_SUPPORTED if data is None else bytes((pid, frame)) + data

    def _listed(self, request: bytes, codes: Iterable[str]) -> bytes | int:
        if request:
            return WRONG_LENGTH
        listed = [code_bytes(code) for code in codes]
        return bytes((len(listed),)) + b"".join(listed)

    def _clear(self, request: bytes, _values: Values) -> bytes | int:
        if request:
            return WRONG_LENGTH
        self._codes.clear()
        return b""

    def _about(self, request: bytes, _values: Values) -> bytes | int:
        if len(request) != 1:
            return WRONG_LENGTH
        number = request[0]
        if number % 32 == 0:
            return request + bitmap(number, self._info)
        if number not in self._info:
            return NOT_SUPPORTED
        return request + b"\x01" + self._info[number]

    def _status(self, _values: Values) -> bytes:
        count = min(len(self._codes.stored), 0x7F)
        lamp = 0x80 if count else 0
        # Comprehensive components are watched at all times, and nothing that must be waited for.
        return bytes((lamp | count, 0x04, 0, 0))

    def _freeze_code(self, _values: Values) -> bytes:
        stored = self._codes.stored
        return code_bytes(stored[0]) if stored else bytes(2)


def _one(number: int, pids: Mapping[int, Pid], values: Values) -> bytes | None:
    if number % 32 == 0:
        # The first bitmap is always there, a later one if it says something.
        if number == 0 or any(n > number for n in pids):
            return bitmap(number, pids)
        return None
    pid = pids.get(number)
    return pid(values) if pid else None


def _numbered(number: int, data: bytes | None) -> bytes:
    return b"" if data is None else bytes((number,)) + data
