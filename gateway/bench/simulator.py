"""``firmware-sim`` as a bench has it: a process, and requests to it.

The bench knows the simulator by its command line and its control socket alone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from gateway.bench.errors import BenchError

START_TIMEOUT_S = 120.0
"""An emulated machine takes a minute."""
STOP_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 10.0
_ADDRESS = "\0firmware-sim-control/"


class Refused(BenchError):  # noqa: N818 - the simulator works, and says no
    """What was asked for makes no sense there."""


class Simulator:
    """A running scenario.

    Args:
        scenario: What it runs.
        namespace: Goes before the names of its buses, with a dot; no other run has it.

    Attributes:
        namespace: As given.
        ports: The folder of its serial ports.
    """

    def __init__(self, scenario: Path, namespace: str) -> None:
        self.namespace = namespace
        self._scenario = scenario
        self._processes: list[subprocess.Popen[bytes]] = []
        self._control: socket.socket | None = None
        self._unread = b""
        self._owed = 0  # answers that are still to come
        self._folder = tempfile.TemporaryDirectory(prefix="gateway-bench-")
        self.ports = Path(self._folder.name)

    def start(self) -> None:
        """Start it; everything is there when this returns.

        Raises:
            BenchError: It did not start, with what it said.
        """
        try:
            self._run("run", str(self._scenario), "--namespace", self.namespace,
                      "--control", self.namespace, "--ports", str(self.ports))  # fmt: skip
            self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._control.settimeout(ANSWER_TIMEOUT_S)
            self._control.connect(_ADDRESS + self.namespace)
        except OSError as error:
            self.stop()
            raise BenchError(f"the simulator cannot be controlled: {error}") from None
        except BaseException:
            self.stop()
            raise

    def bridge(self, bus: str, interface: str) -> None:
        """Join *bus*, by the name that other processes know, and an interface of this machine.

        Raises:
            BenchError: That did not work, with the reason.
        """
        self._run("bridge", bus, interface)

    def stop(self) -> None:
        """Stop it. May be called twice."""
        if self._control is not None:
            self._control.close()
            self._control = None
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes):
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._folder.cleanup()

    def ask(self, do: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON can carry
        """Send a request; return the answer.

        Raises:
            Refused: By the simulator, with the reason.
            BenchError: It is gone, or stands still.
        """
        if self._control is None:
            raise BenchError("the simulator is not running")
        try:
            self._control.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
            self._owed += 1
            while self._owed:  # one that comes too late is not taken for the answer to this
                line = self._line(self._control)
                self._owed -= 1
            answer: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            raise BenchError(f"the simulator does not answer: {error}") from None
        if not answer.pop("ok"):
            raise Refused(f"{do}: {answer['error']}")
        return answer

    def _line(self, control: socket.socket) -> bytes:
        while b"\n" not in self._unread:
            more = control.recv(1 << 16)
            if not more:
                ended = self._processes[0].poll()
                raise ConnectionResetError(f"it ended with status {ended}")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _run(self, *arguments: str) -> None:
        ready, told = os.pipe()
        log = self.ports / f"{arguments[0]}-{len(self._processes)}.log"
        with log.open("wb") as output, open(ready, "rb") as announcement:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own package, by our own interpreter
                    [
                        *(sys.executable, "-m", "firmware_sim", *arguments),
                        *("--ready-fd", str(told), "--die-with-parent"),
                    ],
                    pass_fds=[told],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    process_group=0,  # Ctrl-C is pytest's, which stops it in order
                )
            finally:
                os.close(told)
            self._processes.append(process)
            poll = select.poll()
            poll.register(announcement, select.POLLIN)
            if not poll.poll(START_TIMEOUT_S * 1000):
                self._fail(process, arguments[0], f"was not ready within {START_TIMEOUT_S:g} s")
            if not announcement.read():
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                self._fail(process, arguments[0], last[0] if last else "it said nothing")

    @staticmethod
    def _fail(process: subprocess.Popen[bytes], command: str, why: str) -> NoReturn:
        process.kill()
        process.wait()
        raise BenchError(f"firmware-sim {command} did not start: {why}")
