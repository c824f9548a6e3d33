"""The machine under examination: its files, and what its commands say. All that checks know."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said.

    Attributes:
        code: Its exit status, 0 for success.
        out: Its standard output.
    """

    code: int
    out: str


Runner = Callable[[tuple[str, ...]], Answer | None]
"""Runs a command; None when there is no such command, or it does not come to an end."""


def run_command(command: tuple[str, ...]) -> Answer | None:
    """Run *command* on this machine, in the C locale. See `Runner`."""
    # A user's PATH on Debian lacks the folders in which the tools of an administrator are.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        done = subprocess.run(  # noqa: S603 - the commands are the checks' own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
            env={**os.environ, "PATH": path, "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Answer(done.returncode, done.stdout.decode(errors="replace"))


class Machine:
    """Files below a root folder, and commands.

    Paths are those of the machine (``/proc/self/status``), wherever its root is; a relative one, as
    a serial port may be, begins at the current folder.

    Args:
        root: The folder that stands for ``/``.
        runner: Runs commands.
        environment: The environment variables.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        runner: Runner = run_command,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._root = root
        self._runner = runner
        self.environment = environment

    def read(self, path: str) -> str | None:
        """Return the text of a file without blanks and NULs around it; None if it has none."""
        try:
            raw = self._at(path).read_bytes()
        except OSError:
            return None
        return raw.decode(errors="replace").strip().strip("\0")

    def exists(self, path: str) -> bool:
        """Tell whether there is something at *path*; a link that leads nowhere is nothing."""
        return os.path.exists(self._at(path))

    def find(self, pattern: str) -> list[str]:
        """Return the paths that match *pattern*, sorted; folders that may not be read are empty."""
        # Not Path.glob: it raises when a process ends while its folder in /proc is looked at.
        return sorted(f"/{path}" for path in glob.glob(pattern.lstrip("/"), root_dir=self._root))

    def link(self, path: str) -> str | None:
        """Return what the symbolic link *path* says; None if it is none, or may not be read."""
        try:
            return os.readlink(self._at(path))
        except OSError:
            return None

    def resolve(self, path: str) -> str | None:
        """Return where *path* leads when all links are followed, None if nowhere."""
        try:
            end = self._at(path).resolve(strict=True)
        except (OSError, RuntimeError):  # a loop of links is a RuntimeError before Python 3.13
            return None
        return f"/{end.relative_to(self._root.resolve())}"

    def run(self, *command: str) -> str | None:
        """Return what *command* prints; None when it is missing or fails."""
        answer = self._runner(command)
        return None if answer is None or answer.code != 0 else answer.out

    def succeeds(self, *command: str) -> bool | None:
        """Tell whether *command* succeeds; None when it is missing."""
        answer = self._runner(command)
        return None if answer is None else answer.code == 0

    @property
    def model(self) -> str:
        """The board's name as its firmware gives it, "" where none does (a PC)."""
        return self.read("/proc/device-tree/model") or ""

    @property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi."""
        return "Raspberry Pi" in self.model

    @property
    def user_id(self) -> int:
        """The effective user id."""
        return int(self._status("Uid").split()[1])

    @property
    def user_name(self) -> str:
        """The effective user's name, or number where it has none."""
        number = str(self.user_id)
        for line in (self.read("/etc/passwd") or "").splitlines():
            name, _, found, *_ = f"{line}::".split(":")
            if found == number:
                return name
        return number

    @property
    def groups(self) -> frozenset[str]:
        """The names of the groups that this process is in; a new one comes with the next login."""
        numbers = {self._status("Gid").split()[1], *self._status("Groups").split()}
        groups = set()
        for line in (self.read("/etc/group") or "").splitlines():
            name, _, number, *_ = f"{line}::".split(":")
            if number in numbers:
                groups.add(name)
        return frozenset(groups)

    def _status(self, field: str) -> str:
        text = self.read("/proc/self/status") or ""
        match = re.search(rf"^{field}:\s*(.*)$", text, re.MULTILINE)
        if match is None:
            raise ValueError(f"/proc/self/status has no {field}")
        return match[1]

    def _at(self, path: str) -> Path:
        return self._root / os.path.abspath(path).lstrip("/")
