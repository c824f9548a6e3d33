"""One instance a configuration: the lock that holds it, and where others find the running one.

    <runtime folder>/<name>-<hash of the configuration's path>.lock    flock, held while running
    <runtime folder>/<name>-<hash of the configuration's path>.sock    answers `gateway status`

The lock is the truth: the kernel frees it with the process, however that ends, so a lock file or
socket that a killed process left behind means nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.errors import GatewayError

STATUS_TIMEOUT_S = 3.0
"""A supervisor answers within milliseconds; one that has not by then is stopped or wedged."""


SYSTEM_FOLDER = Path("/run/gateway")
"""Of root's instances; a service has a folder of its own in it, gateway@car "car"."""


class AlreadyRunningError(GatewayError):
    """Another process runs this configuration.

    Attributes:
        pid: Its process id, 0 if it could not be told.
    """

    def __init__(self, file: Path, pid: int) -> None:
        self.pid = pid
        super().__init__(f"{file}: already running" + (f" as process {pid}" if pid else ""))


def runtime_folder(environment: Mapping[str, str] = os.environ, user_id: int | None = None) -> Path:
    """Return the folder in which a user's instances are found; it may not exist yet.

    Args:
        environment: The user's environment variables.
        user_id: Who it is; None for this process's own user.
    """
    uid = os.geteuid() if user_id is None else user_id
    if given := environment.get("RUNTIME_DIRECTORY"):  # systemd's RuntimeDirectory=
        return Path(given.split(":")[0])
    if uid == 0:
        return SYSTEM_FOLDER
    if given := environment.get("XDG_RUNTIME_DIR"):
        return Path(given) / "gateway"
    return Path(f"/tmp/gateway-{uid}")  # noqa: S108 - made with mode 0700, owner checked


def _search_folders() -> list[Path]:
    """Where a running instance may be: one's own folder, root's, and those of the services."""
    services = sorted(SYSTEM_FOLDER.glob("*/"))
    return list(dict.fromkeys([runtime_folder(), SYSTEM_FOLDER, *services]))


class Instance:
    """The right to run one configuration on this machine, held while the ``with`` block lasts.

    Args:
        name: The gateway's name.
        file: The configuration file.
    """

    def __init__(self, name: str, file: Path) -> None:
        self._file = file.resolve()
        self._stem = f"{name}-{_digest(self._file)}"
        self.listener: socket.socket | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Take the lock and listen.

        Raises:
            AlreadyRunningError: Somebody else holds it.
        """
        folder = runtime_folder()
        folder.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise GatewayError(f"{folder}: got a folder of another user, expected one's own")
        self._lock_path = folder / f"{self._stem}.lock"
        lock = _take_lock(self._lock_path)
        if lock is None:
            raise AlreadyRunningError(self._file, _read_lock(self._lock_path).get("pid", 0))
        self._lock = lock
        if other := self._other_holder():
            self._let_go()
            raise AlreadyRunningError(self._file, _read_lock(other).get("pid", 0))
        text = json.dumps({"pid": os.getpid(), "config": str(self._file)})
        os.ftruncate(lock, 0)
        os.pwrite(lock, text.encode(), 0)
        self._socket_path = folder / f"{self._stem}.sock"
        self._socket_path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with _short_address(self._socket_path) as address:
            self.listener.bind(address)
        # The service's group may ask, too; a user's own folder lets nobody else in.
        self._socket_path.chmod(0o660)
        self.listener.listen(16)
        return self

    def forget(self) -> None:
        """Give up the descriptors without ending the instance: for a child after a fork.

        A flock belongs to the open file that parent and child share, so a child that kept it
        would hold the lock beyond its parent's death.
        """
        if self.listener is not None:
            self.listener.close()
        if self._lock is not None:
            os.close(self._lock)
        self._lock = self.listener = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.listener is not None:
            self._socket_path.unlink(missing_ok=True)
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock_path.unlink(missing_ok=True)  # while it is held: see `_take_lock`
        self.forget()

    def _other_holder(self) -> Path | None:
        """Return the lock file of an instance of another user or name, such as the service's."""
        for folder in _search_folders():
            for path in folder.glob(f"*-{_digest(self._file)}.lock"):
                if path != self._lock_path and _is_held(path):
                    return path
        return None


def _take_lock(path: Path) -> int | None:
    """Lock the file *path*, made where it is missing; return its descriptor, None if it is held.

    An instance that ends unlinks its file while it still holds it. So a file without a name was
    that of one which has just ended, and locks nobody out: the next one is tried.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)


def _is_held(path: Path) -> bool:
    """Whether somebody holds the lock file *path*; False where one may not look."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _digest(file: Path) -> str:
    return hashlib.sha256(os.fsencode(file)).hexdigest()[:12]


@contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """Yield another path of the socket *path*, since a socket's has to fit into 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _read_lock(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


@dataclass(frozen=True, slots=True)
class Running:
    """A running instance.

    Attributes:
        socket: Where it can be asked.
        status: What it said of itself.
    """

    socket: Path
    status: dict[str, Any]


def running_instances(config: Path | None = None) -> Iterator[Running]:
    """Ask every running instance that can be found for its status.

    Args:
        config: Only those of this configuration: others, which may hang, are not asked.
    """
    pattern = "*.sock" if config is None else f"*-{_digest(config.resolve())}.sock"
    for folder in _search_folders():
        for path in sorted(folder.glob(pattern)):
            status = ask(path, {"request": "status"})
            if status is not None:
                yield Running(path, status)


def the_instance(config: str | None) -> Running:
    """Return the one running instance that is meant.

    Args:
        config: Path of its configuration; None where only one can be meant.

    Raises:
        GatewayError: None is running, or several are.
    """
    found = list(running_instances(None if config is None else Path(config)))
    if not found:
        raise GatewayError("no gateway is running" + (f" with {config}" if config else ""))
    if len(found) > 1:
        names = ", ".join(each.status["config"] for each in found)
        raise GatewayError(f"several gateways are running; name the configuration: one of {names}")
    return found[0]


def ask(
    path: Path, question: dict[str, Any], timeout_s: float = STATUS_TIMEOUT_S
) -> dict[str, Any] | None:
    """Ask the instance that listens at *path*, see `gateway.supervisor.desk`.

    Returns:
        Its answer; None if no instance is there, or if it ended before it answered.

    Raises:
        GatewayError: It does not answer, or one is not allowed to ask it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            with _short_address(path) as address:
                client.connect(address)
            client.sendall(json.dumps(question).encode() + b"\n")
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        except (ConnectionError, FileNotFoundError):
            return None  # left behind by an instance that was killed
        except TimeoutError:
            raise GatewayError(f"{path}: the running gateway does not answer") from None
        except PermissionError:
            raise GatewayError(f"{path}: not allowed to ask; run as the gateway's user") from None
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:
        return None  # it ended before its answer did
    return found
