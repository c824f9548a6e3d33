"""What the running gateway is asked on its socket."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from pathlib import Path

from entries import Entry
from good import DBC, ORDERS

from gateway.clock import SystemClock
from gateway.config.model import CanConfig, TransmitConfig
from gateway.config.values import FieldError
from gateway.decode.database import read_database
from gateway.ring import Event
from gateway.supervisor.desk import Desk
from gateway.supervisor.orders import Orders
from gateway.transmit.arming import Armed, ArmedBus
from gateway.transmit.encoding import Encoder


class GatewayRequests(Entry):
    """Questions to a running gateway, and what its transmitter makes of them."""

    name, share = "gateway requests", 20_000

    def __init__(self, folder: Path) -> None:
        (folder / "armed.dbc").write_bytes(DBC)
        messages = {each.name: each for each in read_database(folder / "armed.dbc").messages}
        self._armed = {
            name: Armed(
                TransmitConfig(name=name, source="can0", message=message, rate=1.0),
                Encoder(messages[message], False),
            )
            for name, message in (("fan", "Engine"), ("mode", "Mode"))
        }
        bus = ArmedBus(CanConfig(name="can0", channel="can0"), self._armed, ())
        orders = Orders([bus], Event(), SystemClock())
        self._transmitter = orders.ends["can0"]
        self._address = str(folder / "desk.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.setblocking(False)
        listener.bind(self._address)
        listener.listen()
        self._selector = selectors.DefaultSelector()
        Desk(listener, lambda: b"{}", orders, SystemClock()).register(self._selector)
        self.good = list(ORDERS)

    def __call__(self, data: bytes) -> bool:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(self._address)
            caller.sendall(data + b"\n")
            self._turn()
            caller.setblocking(False)
            answer = json.loads(caller.recv(1 << 16))
        assert len(answer.get("error", "").splitlines()) <= 1, answer
        return answer.get("outcome") == "sent" or answer == {}

    def _turn(self) -> None:
        """Go round until all is said, the transmitter's part taken by what it makes frames with."""
        while ready := self._selector.select(0):
            for key, _ in ready:
                key.data(key.fileobj)
            with contextlib.suppress(BlockingIOError):
                order = json.loads(self._transmitter.recv(1 << 16))
                try:
                    self._armed[order["transmit"]].frame(order["values"])
                    answer = {"outcome": "sent", "reason": ""}
                except FieldError as error:
                    answer = {"outcome": "refused", "reason": str(error)}
                answer["ticket"] = order["ticket"]
                self._transmitter.send(json.dumps(answer).encode())

    def still_works(self) -> None:
        assert self(ORDERS[0])
        assert self(ORDERS[2])
