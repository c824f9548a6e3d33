"""What the service manager is told, and when: by a socket in its place."""

from __future__ import annotations

import os
import socket

import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, FakeClock
from gateway.supervisor.child import Child, ChildState
from gateway.supervisor.notify import ServiceNotifier, send
from gateway.supervisor.table import ProcessSpec, Stage
from gateway.workers.board import Board, RowState

NAMES = ("can0", "gps", "analyzer-0")
WATCHDOG_S = 10


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(address.replace("@", "\0", 1))

    def heard(self) -> list[str]:
        """Every line since the last call."""
        lines = []
        while True:
            try:
                lines += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify")
    manager = Manager(path if request.param == "path" else f"@{path}")
    yield manager
    manager.close()


class Gateway:
    """Three processes as a supervisor has them, at the moment after their start."""

    def __init__(self, address: str) -> None:
        self.clock = FakeClock(monotonic_ns=1_000 * NS_PER_S)
        self.board = Board(NAMES)
        self.stopping = False
        self.children = {name: self._child(name) for name in NAMES}
        self.environment = {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000),
            "WATCHDOG_PID": str(os.getpid()),
        }
        self.notifier = self.new_notifier()

    def _child(self, name: str) -> Child:
        spec = ProcessSpec(name=name, stage=Stage.PRODUCER, does="", main=lambda: None)
        return Child(spec, ChildState.RUNNING, pidfd=99, started_ns=self.clock.monotonic_ns())

    def new_notifier(self) -> ServiceNotifier:
        return ServiceNotifier(
            list(self.children.values()),
            self.board,
            self.clock,
            describe=lambda: "can0 running",
            stopping=lambda: self.stopping,
            environment=self.environment,
        )

    def say(self, **states: RowState) -> None:
        """Let processes say of themselves how they are; - is written _."""
        for name, state in states.items():
            self.board[name.replace("_", "-")].state = state

    def pass_time(self, seconds: float, beating: tuple[str, ...] = NAMES) -> None:
        """Let time pass, turn by turn as the supervisor's loop does."""
        for _ in range(round(seconds * 2)):
            self.clock.advance(500 * NS_PER_MS)
            for name in beating:
                self.board[name].beat(self.clock.monotonic_ns())
            self.notifier.turn()


@pytest.fixture
def gateway(manager):
    gateway = Gateway(manager.address)
    yield gateway
    gateway.board.close()


def test_ready_is_said_when_every_link_is_open(gateway, manager):
    gateway.say(can0=RowState.RUNNING, gps=RowState.READY, analyzer_0=RowState.RUNNING)
    gateway.notifier.turn()
    assert "READY=1" not in manager.heard()
    gateway.say(gps=RowState.RUNNING)
    gateway.notifier.turn()
    assert "READY=1" in manager.heard()


def test_ready_is_said_when_a_link_is_known_to_be_absent(gateway, manager):
    gateway.say(can0=RowState.WAITING, gps=RowState.RUNNING, analyzer_0=RowState.RUNNING)
    gateway.notifier.turn()
    assert "READY=1" in manager.heard()


@pytest.mark.parametrize("state", [ChildState.RESTARTING, ChildState.FAILED, ChildState.DONE])
def test_ready_does_not_wait_for_a_process_that_does_not_run(gateway, manager, state):
    gateway.say(can0=RowState.RUNNING, gps=RowState.READY, analyzer_0=RowState.RUNNING)
    gateway.children["gps"].state = state
    gateway.notifier.turn()
    assert "READY=1" in manager.heard()


def test_ready_is_said_once(gateway, manager):
    gateway.say(can0=RowState.RUNNING, gps=RowState.RUNNING, analyzer_0=RowState.RUNNING)
    gateway.pass_time(20)
    gateway.say(gps=RowState.READY)
    gateway.pass_time(20)
    gateway.say(gps=RowState.RUNNING)
    gateway.pass_time(20)
    assert manager.heard().count("READY=1") == 1


def test_the_status_line_comes_with_ready_and_every_two_seconds(gateway, manager):
    gateway.notifier.turn()
    manager.heard()
    gateway.say(can0=RowState.RUNNING, gps=RowState.RUNNING, analyzer_0=RowState.RUNNING)
    gateway.notifier.turn()
    assert manager.heard() == ["READY=1", "STATUS=can0 running"]
    gateway.pass_time(20)
    assert manager.heard().count("STATUS=can0 running") == 10


def test_the_watchdog_is_fed_twice_in_its_interval(gateway, manager):
    gateway.pass_time(60)
    assert manager.heard().count("WATCHDOG=1") == 12


def test_the_watchdog_is_fed_while_a_link_is_away_and_its_process_knows(gateway, manager):
    gateway.say(can0=RowState.WAITING)
    gateway.pass_time(60)
    assert manager.heard().count("WATCHDOG=1") == 12


def test_the_watchdog_goes_hungry_while_a_process_is_held_beyond_its_kill(gateway, manager):
    gateway.pass_time(60)
    manager.heard()
    gateway.pass_time(5, beating=("can0", "analyzer-0"))
    assert "WATCHDOG=1" in manager.heard()  # the supervisor kills it after five seconds
    gateway.pass_time(60, beating=("can0", "analyzer-0"))
    assert "WATCHDOG=1" not in manager.heard()
    gateway.pass_time(5)
    assert "WATCHDOG=1" in manager.heard()


def test_the_watchdog_is_fed_while_one_hangs_that_the_data_does_not_need(gateway, manager):
    spec = ProcessSpec(name="gps", stage=Stage.SINK, does="", main=lambda: None, essential=False)
    gateway.children["gps"].spec = spec
    gateway.pass_time(60, beating=("can0", "analyzer-0"))
    assert manager.heard().count("WATCHDOG=1") == 12


@pytest.mark.parametrize("state", [ChildState.RESTARTING, ChildState.FAILED, ChildState.DONE])
def test_the_watchdog_does_not_wait_for_a_process_that_is_not_there(gateway, manager, state):
    gateway.children["gps"].state, gateway.children["gps"].pidfd = state, -1
    gateway.pass_time(60, beating=("can0", "analyzer-0"))
    assert manager.heard().count("WATCHDOG=1") == 12


@pytest.mark.parametrize(
    "change", [{"WATCHDOG_USEC": ""}, {"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}]
)
def test_a_watchdog_that_is_not_ours_is_not_fed(gateway, manager, change):
    gateway.environment |= change
    gateway.notifier = gateway.new_notifier()
    gateway.pass_time(60)
    heard = manager.heard()
    assert "WATCHDOG=1" not in heard
    assert "STATUS=can0 running" in heard


def test_stopping_is_said_once_and_the_watchdog_is_fed_to_the_end(gateway, manager):
    gateway.pass_time(1)
    assert "STOPPING=1" not in manager.heard()
    gateway.stopping = True
    gateway.pass_time(10)
    heard = manager.heard()
    assert heard.count("STOPPING=1") == 1
    assert "WATCHDOG=1" in heard


def test_without_a_service_manager_nothing_is_sent(gateway, manager):
    gateway.environment["NOTIFY_SOCKET"] = ""
    gateway.notifier = gateway.new_notifier()
    gateway.say(can0=RowState.RUNNING, gps=RowState.RUNNING, analyzer_0=RowState.RUNNING)
    gateway.pass_time(60)
    assert manager.heard() == []


def test_a_service_manager_that_is_gone_or_slow_holds_nobody_up(manager, tmp_path):
    send("STATUS=nobody", str(tmp_path / "nobody"))
    for _ in range(10_000):  # more than the kernel keeps for a reader
        send("STATUS=slow", manager.address)
    assert "STATUS=slow" in manager.heard()
