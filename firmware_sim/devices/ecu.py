"""An electronic control unit: boots, measures, sends, obeys, finds faults, and answers testers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic

from cantools.database.can import Database

from firmware_sim import wire
from firmware_sim.devices import ecu_commands, obd
from firmware_sim.devices.cyclic import CyclicMessages, Sensors, State, records
from firmware_sim.devices.dtc import Monitor, TroubleCodes
from firmware_sim.devices.ecu_commands import Command, Opcode, Status
from firmware_sim.devices.inputs import Inputs
from firmware_sim.devices.isotp import IsoTp, single
from firmware_sim.records import of_ids

MS = 1_000_000
BOOT_NS = 30 * MS
"""From power-on or reset to the first frame."""
SELF_TEST_NS = 50 * MS
"""From the first frame to normal operation."""
WATCHDOG_NS = 200 * MS
"""How long an ECU may hang before its watchdog resets it."""

_MOVES_KMH = 5.0
_RPM_LIMITS = range(4_000, 15_001)


class EcuState(IntEnum):
    """As the signal ECU_STATE has it; an ECU that hangs sends nothing."""

    BOOT = 0
    SELF_TEST = 1
    NORMAL = 2
    LIMP_HOME = 3
    HUNG = 4


_DEAF = (EcuState.BOOT, EcuState.HUNG)


class ResetCause(IntEnum):
    """Why an ECU booted last."""

    POWER_ON = 0
    RESET = 1
    WATCHDOG = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EcuSpec:
    """What makes an ECU this one.

    Attributes:
        name: The node's name in the database, and on the bus.
        number: From 0: the target of its commands, and its place among OBD-II's ids.
        version: Of its software, 256 times the major number and the minor one.
        monitors: The faults that it watches for.
        pids: What it tells by OBD-II.
        vin: The vehicle's number, if it knows it.
        limits_rpm: Whether it takes SET_RPM_LIMIT.
    """

    name: str
    number: int
    version: int = 0x0102
    monitors: tuple[Monitor, ...] = ()
    pids: Mapping[int, obd.Pid] = field(default_factory=dict)
    vin: str | None = None
    limits_rpm: bool = False


class Ecu(Generic[State]):
    """Sends every cyclic message that the database says its node sends, and answers.

    It starts with its boot, in which it is silent and deaf, then tests itself, then works. A fault
    that asks for it turns it to limp-home, from which only a command or a reset leads back.

    Args:
        spec: Which one it is.
        database: Says what it sends, how that is encoded, and how often (``GenMsgCycleTime``).
        sensors: What it measures; asked once a step.
        inputs: Between the sensors and the ECU; several may share them, as they share a bus.
        seed: Of the noise.
        actuate: Told, when it changes, whether it is in limp-home and the limit of the engine's
            speed in 1/min, None for none.

    Attributes:
        name: See `Device`.
        inputs: See `Adjustable`.
        accepts: See `Selective`: commands, and a tester's requests.

    Raises:
        ValueError: *database* has no cyclic message that the node sends.
    """

    def __init__(
        self,
        spec: EcuSpec,
        database: Database,
        sensors: Sensors[State],
        inputs: Inputs,
        *,
        seed: int | str = 0,
        actuate: Callable[[bool, int | None], None] | None = None,
    ) -> None:
        self._cyclic = CyclicMessages(spec.name, database, sensors, inputs, seed)
        self.name = spec.name
        self.inputs = inputs
        self._spec = spec
        self._actuate = actuate or (lambda _limp_home, _rpm_limit: None)
        self._codes = TroubleCodes(spec.monitors)
        self._obd = obd.ObdServer(
            spec.name,
            {0x1C: _standard, 0x1F: self._run_time, **spec.pids},
            vin=spec.vin,
            calibration=f"{spec.name} {spec.version >> 8}.{spec.version & 0xFF}",
            codes=self._codes,
        )
        request_id = obd.FIRST_REQUEST_ID + spec.number
        self.accepts = frozenset((ecu_commands.COMMAND_ID, obd.FUNCTIONAL_ID, request_id))
        self.reset(0, ResetCause.POWER_ON)

    @property
    def state(self) -> str:
        """``boot``, ``self_test``, ``normal``, ``limp_home`` or ``hung``."""
        return self._state.name.lower()

    @property
    def codes(self) -> TroubleCodes:
        """Its trouble codes."""
        return self._codes

    def reset(self, now_ns: int, cause: ResetCause = ResetCause.RESET) -> None:
        """See `Resettable`. Stored trouble codes stay."""
        self._state = EcuState.BOOT
        self._until_ns: int | None = now_ns + BOOT_NS
        self._cause = cause
        self._started_ns = self._now_ns = now_ns
        self._codes.restart()
        self._transport = IsoTp()
        self._heard: list[tuple[int, bytes]] = []
        self._heard_ns = 0
        self._cyclic.stop()
        self._rpm_limit: int | None = None
        self._limits: tuple[bool, int | None] = (False, None)
        self._actuate(*self._limits)
        self.due_ns: int = now_ns + BOOT_NS

    def hear(self, data: bytes, now_ns: int) -> None:
        """See `Listener`."""
        if self._state in _DEAF:
            return
        for record in wire.FRAME.iter_unpack(of_ids(data, self.accepts)):
            _t_ns, can_id, length, _flags, _reserved, payload = record
            if not self._heard:
                self._heard_ns = now_ns
                self.due_ns = max(min(self.due_ns, now_ns), self._now_ns)
            self._heard.append((can_id, payload[:length]))

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        self._now_ns = now_ns
        self._go_through_states()
        sent = self._answer() + self._send_cyclic()
        self.due_ns = self._next_ns()
        return b"".join(sent)

    def _next_ns(self) -> int:
        moments = [
            self._cyclic.due_ns,
            self._until_ns,
            self._transport.due_ns,
            self._heard_ns if self._heard else None,
        ]
        return max(min([moment for moment in moments if moment is not None]), self._now_ns)

    # States

    def _go_through_states(self) -> None:
        while self._until_ns is not None and self._until_ns <= self._now_ns:
            moment_ns = self._until_ns
            match self._state:
                case EcuState.BOOT:
                    self._state, self._until_ns = EcuState.SELF_TEST, moment_ns + SELF_TEST_NS
                    self._cyclic.start(moment_ns)
                case EcuState.HUNG:
                    self.reset(moment_ns, ResetCause.WATCHDOG)
                case _:
                    self._state, self._until_ns = EcuState.NORMAL, None

    def _supervise(self) -> None:
        self._codes.watch(self.inputs.last, self._now_ns)
        if self._state is EcuState.NORMAL and self._codes.limp_home:
            self._state = EcuState.LIMP_HOME
        limits = (self._state is EcuState.LIMP_HOME, self._rpm_limit)
        if limits != self._limits:
            self._limits = limits
            self._actuate(*limits)

    # Cyclic messages

    def _send_cyclic(self) -> list[bytes]:
        sampled = self._cyclic.sample(self._now_ns)
        if not sampled:
            return []
        # Between measuring and sending, so that what is sent tells how the ECU took it.
        self._supervise()
        return records(
            sampled,
            {
                "ECU_STATE": self._state,
                "LIMP_HOME": self._state is EcuState.LIMP_HOME,
                "MIL": bool(self._codes.stored),
            },
        )

    # Commands and testers

    def _answer(self) -> list[bytes]:
        sent: list[bytes] = []
        if not self._heard and self._transport.due_ns is None:
            return sent
        heard, self._heard = self._heard, []
        for can_id, data in heard:
            if can_id != ecu_commands.COMMAND_ID:
                self._serve(data, functional=can_id == obd.FUNCTIONAL_ID)
            elif self._is_meant(command := ecu_commands.parse(data)):
                sent.append(self._obey(command))
                if self._state in _DEAF:
                    return sent
        answer_id = obd.FIRST_ANSWER_ID + self._spec.number
        sent += [wire.pack_frame(answer_id, d) for d in self._transport.step(self._now_ns)]
        return sent

    def _is_meant(self, command: Command) -> bool:
        return command.target in (self._spec.number, ecu_commands.ALL)

    def _serve(self, data: bytes, *, functional: bool) -> None:
        request = single(data) if functional else self._transport.hear(data, self._now_ns)
        if request is None or self._transport.busy:
            return
        answer = self._obd.answer(request, self.inputs.last, functional=functional)
        if answer is not None:
            self._transport.send(answer, self._now_ns)

    def _obey(self, command: Command) -> bytes:
        status, value = self._do(command)
        if status is Status.OK and command.opcode == Opcode.RESET:
            self.reset(self._now_ns)
        elif status is Status.OK and command.opcode == Opcode.HANG:
            self._state, self._until_ns = EcuState.HUNG, self._now_ns + WATCHDOG_NS
            self._cyclic.stop()
            self._transport = IsoTp()
        reply_id = ecu_commands.FIRST_REPLY_ID + self._spec.number
        return wire.pack_frame(reply_id, ecu_commands.reply(command, status, value))

    def _do(self, command: Command) -> tuple[Status, int]:
        """Carry out *command*, but for RESET and HANG; return status and value for the reply."""
        if not command.whole:
            return Status.BAD_LENGTH, 0
        if command.opcode != Opcode.SET_RPM_LIMIT and command.value:
            known = command.opcode in Opcode.__members__.values()
            return (Status.BAD_VALUE if known else Status.UNKNOWN_OPCODE), 0
        status, value = Status.OK, 0
        match command.opcode:
            case Opcode.VERSION:
                value = self._spec.version
            case Opcode.STATUS:
                stored = min(len(self._codes.stored), 0xFF)
                value = self._state | self._cause << 4 | stored << 8
            case Opcode.CLEAR_LIMP_HOME:
                status = self._leave_limp_home()
            case Opcode.SET_RPM_LIMIT if self._spec.limits_rpm:
                status = self._limit_rpm(command.value)
            case Opcode.ENTER_SELF_TEST:
                status = self._enter_self_test()
            case Opcode.LEAVE_SELF_TEST:
                status, value = self._leave_self_test(), len(self._codes.pending)
            case Opcode.RESET | Opcode.HANG:
                pass
            case _:
                status = Status.UNKNOWN_OPCODE
        return status, value

    def _leave_limp_home(self) -> Status:
        if not self._codes.recover():
            return Status.WRONG_STATE
        if self._state is EcuState.LIMP_HOME:
            self._state = EcuState.NORMAL
        return Status.OK

    def _limit_rpm(self, limit: int) -> Status:
        if limit and limit not in _RPM_LIMITS:
            return Status.BAD_VALUE
        self._rpm_limit = limit or None
        return Status.OK

    def _enter_self_test(self) -> Status:
        if self.inputs.last.get("SPEED", 0.0) > _MOVES_KMH:
            return Status.WRONG_STATE
        self._state, self._until_ns = EcuState.SELF_TEST, None
        return Status.OK

    def _leave_self_test(self) -> Status:
        if self._state is not EcuState.SELF_TEST or self._until_ns is not None:
            return Status.WRONG_STATE
        self._state = EcuState.NORMAL
        return Status.OK

    def _run_time(self, _values: Mapping[str, float]) -> bytes:
        seconds = (self._now_ns - self._started_ns) // 1_000_000_000
        return min(seconds, 0xFFFF).to_bytes(2, "big")


def _standard(_values: Mapping[str, float]) -> bytes:
    return b"\x07"  # OBD and OBD II
