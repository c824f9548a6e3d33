"""The python-can interface ``firmware_sim``: any python-can program joins a simulated bus by it."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

import can
from can.typechecking import AutoDetectedConfig, CanFilters

from firmware_sim import wire
from firmware_sim.client import connect, running_buses
from firmware_sim.errors import BusError
from firmware_sim.wall_clock import WallClock


class SimBus(can.BusABC):
    """A node on a simulated bus.

    Frames come in the bus's order, and with its time stamps. While another node's queue is full,
    `send` waits. A node that sends only, and never reads, misses frames after a while; should it
    read after all, an error frame (class 4, data[1] = 1) says how many, as SocketCAN's do.

    Args:
        channel: The bus's name.
        receive_own_messages: Whether frames sent by this node come back to it, with `is_rx` False.
        listen_only: Promise never to send, nor to acknowledge; `state` is PASSIVE then.
        fd: Whether CAN FD frames may be sent. They are received in any case.
        node_name: How the bus's ledger calls this node; the program and its process id if empty.
        can_filters: See `can.BusABC.set_filters`.
        kwargs: What other interfaces need, such as *bitrate*, has no meaning here.

    Raises:
        can.CanInitializationError: No such bus is running.
    """

    def __init__(
        self,
        channel: str,
        *,
        receive_own_messages: bool = False,
        listen_only: bool = False,
        fd: bool = True,
        node_name: str = "",
        can_filters: CanFilters | None = None,
        **kwargs: Any,  # noqa: ANN401 - python-can's own signature
    ) -> None:
        flags = wire.HelloFlag(0)
        if receive_own_messages:
            flags |= wire.HelloFlag.OWN_FRAMES
        if listen_only:
            flags |= wire.HelloFlag.LISTEN_ONLY
        name = node_name or f"{Path(sys.argv[0]).name or 'python'}[{os.getpid()}]"
        try:
            self._socket, self._welcome = connect(channel, wire.Hello(name, flags))
        except BusError as error:
            raise can.CanInitializationError(str(error)) from None
        self._socket.setblocking(False)
        self._partial = b""
        self._wall = WallClock()
        self._fd = fd
        self._listen_only = listen_only
        self.channel = channel
        self._state = can.BusState.ACTIVE
        rate = f", {self._welcome.bit_rate} bit/s" if self._welcome.bit_rate else ""
        self.channel_info = f"firmware_sim bus {channel!r}{rate}"
        self._can_protocol = can.CanProtocol.CAN_FD if fd else can.CanProtocol.CAN_20
        super().__init__(channel, can_filters, **kwargs)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Put *msg* on the bus.

        Args:
            msg: Any frame, an error frame too.
            timeout: Seconds to wait while the bus is held up; None waits as long as it takes, 0
                not at all.

        Raises:
            can.CanTimeoutError: The bus was held up for *timeout*; nothing was sent.
            can.CanOperationError: The bus is gone, or this node only listens.
            ValueError: *msg* is not a frame that CAN has.
        """
        if self._listen_only:
            raise can.CanOperationError(f"{self.channel_info}: this node only listens")
        record = self._record(msg)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                # One record goes in whole or not at all: the kernel copies a write this small into
                # one buffer before it queues any of it.
                self._socket.send(record, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                if not self._wait(select.POLLOUT, deadline):
                    raise can.CanTimeoutError(
                        f"{self.channel_info} took no frame for {timeout:g} s"
                    ) from None
            except OSError as error:
                raise self._gone() from error
            else:
                return

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                # One record a call, not a bufferful: whoever waits for `fileno` must find it
                # readable for as long as there is a frame to get.
                data = self._socket.recv(wire.RECORD_SIZE - len(self._partial))
            except BlockingIOError:
                if not self._wait(select.POLLIN, deadline):
                    return None, False
                continue
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            self._partial += data
            if len(self._partial) == wire.RECORD_SIZE:
                record, self._partial = self._partial, b""
                return self._message(record), False

    def fileno(self) -> int:
        """The socket: readable when there is a frame, or when the bus is gone."""
        return self._socket.fileno()

    @property
    def state(self) -> can.BusState:
        """ACTIVE, PASSIVE (error-passive, or only listening), or ERROR (bus-off).

        As the error frames say that have been received so far: on a bus with a bit rate it changes
        as the node's error counters do.
        """
        return can.BusState.PASSIVE if self._listen_only else self._state

    @state.setter
    def state(self, new_state: can.BusState) -> None:
        # As can.BusABC has it for a bus whose state its user cannot choose.
        raise NotImplementedError(f"got {new_state}; give listen_only when joining instead")

    def shutdown(self) -> None:
        """Leave the bus. What was sent is still carried."""
        super().shutdown()
        self._socket.close()

    @staticmethod
    def _detect_available_configs() -> list[AutoDetectedConfig]:
        return [{"interface": "firmware_sim", "channel": name} for name in running_buses()]

    def _wait(self, event: int, deadline: float | None) -> bool:
        poll = select.poll()  # not select: a program may have more than 1,024 descriptors
        try:
            poll.register(self._socket, event)
        except ValueError:
            raise can.CanOperationError(f"{self.channel_info} was shut down") from None
        wait_ms = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1e3
        return bool(poll.poll(wait_ms))

    def _gone(self) -> can.CanOperationError:
        if self._socket.fileno() < 0:
            return can.CanOperationError(f"{self.channel_info} was shut down")
        return can.CanOperationError(f"{self.channel_info} went away")

    def _record(self, msg: can.Message) -> bytes:
        can_id = msg.arbitration_id
        limit = 0x1FFFFFFF if msg.is_extended_id or msg.is_error_frame else 0x7FF
        if not 0 <= can_id <= limit:
            raise ValueError(f"got id {can_id:#x}, expected 0..{limit:#x}")
        if msg.is_fd:
            if not self._fd:
                raise ValueError("got a CAN FD frame on a bus opened with fd=False")
            if msg.is_remote_frame:
                raise ValueError("got a remote CAN FD frame, which CAN does not have")
        longest = 64 if msg.is_fd else 8
        length = msg.dlc if msg.is_remote_frame else len(msg.data)
        if not 0 <= length <= longest:
            raise ValueError(f"got {length} bytes, expected 0..{longest}")
        can_id |= wire.EXTENDED * msg.is_extended_id if not msg.is_error_frame else wire.ERROR
        can_id |= wire.REMOTE * msg.is_remote_frame
        flags = (
            wire.FD * msg.is_fd
            | wire.BIT_RATE_SWITCH * msg.bitrate_switch
            | wire.ERROR_STATE * msg.error_state_indicator
        )
        data = b"" if msg.is_remote_frame else bytes(msg.data)
        return wire.pack_frame(can_id, data, flags=flags, length=length)

    def _message(self, record: bytes) -> can.Message:
        t_ns, can_id, length, flags, _, data = wire.FRAME.unpack(record)
        if can_id & wire.ERROR:
            self._note_state(can_id, data)
        remote = bool(can_id & wire.REMOTE)
        return can.Message(
            timestamp=self._wall.ns(t_ns) / 1e9,
            arbitration_id=can_id & 0x1FFFFFFF,
            is_extended_id=bool(can_id & wire.EXTENDED),
            is_remote_frame=remote,
            is_error_frame=bool(can_id & wire.ERROR),
            channel=self.channel,
            dlc=length,
            data=b"" if remote else data[:length],
            is_fd=bool(flags & wire.FD),
            is_rx=not flags & wire.ECHO,
            bitrate_switch=bool(flags & wire.BIT_RATE_SWITCH),
            error_state_indicator=bool(flags & wire.ERROR_STATE),
        )

    def _note_state(self, can_id: int, data: bytes) -> None:
        if can_id & wire.ERR_BUS_OFF:
            self._state = can.BusState.ERROR
        elif can_id & wire.ERR_RESTARTED:
            self._state = can.BusState.ACTIVE
        elif can_id & wire.ERR_CONTROLLER and data[1] & wire.ERR_STATES:
            passive = data[1] & (wire.ERR_TX_PASSIVE | wire.ERR_RX_PASSIVE)
            self._state = can.BusState.PASSIVE if passive else can.BusState.ACTIVE
