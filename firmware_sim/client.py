"""Joining a bus from any process: the handshake, and nothing more."""

from __future__ import annotations

import socket

from firmware_sim import wire
from firmware_sim.errors import BusError, BusNotRunning, WireError
from firmware_sim.listener import names_after

HANDSHAKE_TIMEOUT_S = 10.0
"""A bus answers at once; this only ends the wait for one whose process is stopped."""


def connect(bus: str, hello: wire.Hello) -> tuple[socket.socket, wire.Welcome]:
    """Join *bus*; return the connected, blocking socket and what the bus said.

    Raises:
        BusNotRunning: There is no such bus on this machine, or it went away just now.
        BusError: Something answered, but not as a bus of this protocol version does.
        ValueError: *bus* cannot be a bus's name.
    """
    address = wire.address(bus)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(HANDSHAKE_TIMEOUT_S)
        sock.connect(address)
        sock.sendall(hello.pack())
        welcome = wire.Welcome.unpack(_receive(sock, wire.GREETING.size))
        sock.settimeout(None)
    except (ConnectionError, FileNotFoundError):
        sock.close()
        raise BusNotRunning(
            f"no bus {bus!r} is running; `firmware-sim bus {bus}` starts one"
        ) from None
    except TimeoutError:
        sock.close()
        raise BusError(f"bus {bus!r} has not answered for {HANDSHAKE_TIMEOUT_S:g} s") from None
    except WireError as error:
        sock.close()
        raise BusError(f"bus {bus!r}: {error}") from None
    except BaseException:
        sock.close()
        raise
    return sock, welcome


def _receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def running_buses() -> list[str]:
    """Return the names of the buses on this machine (in this network namespace), sorted."""
    return names_after(wire.address("x")[:-1])
