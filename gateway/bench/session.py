"""The bench of a pytest session: chosen, started once, described in the report's head."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.bench.bench import Bench
from gateway.bench.bench_file import BenchFile, load_bench_file
from gateway.bench.choice import Choice, parse_choice
from gateway.bench.errors import BenchError
from gateway.bench.rig import Rig
from gateway.bench.versions import firmware_versions, versions
from gateway.clock import SYSTEM_CLOCK

_MARKS = {
    "bus_errors": Bench.expect_bus_errors,
    "drops": Bench.expect_drops,
    "leaks": Bench.expect_leaks,
}


class Session:
    """Owns the rig of this process, which starts when the first test needs it.

    Args:
        config: pytest's.

    Attributes:
        firmware: What the devices said about their versions, once the rig has run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rig: Rig | None = None
        self.firmware: list[str] = []

    def head(self, default: Path) -> list[str]:
        """Return lines for the report's head; start the bench if a device is asked its version."""
        choice = self._choice()
        file = self._file(choice, default)
        lines = versions(choice, file, file.configuration())
        asked = any(address.version for address in file.isotp.values())
        option = self._config.option
        if asked and not option.collectonly and not getattr(option, "numprocesses", None):
            self.rig(default)
            lines += self.firmware
        return lines

    def rig(self, default: Path) -> Rig:
        """Return the running rig; start it, in place of that of another file, if it does not run.

        Raises:
            GatewayError: It cannot be had, in one line.
        """
        choice = self._choice()
        if self._rig is not None and self._rig.file.file != (choice.file or default):
            self.stop()
        if self._rig is None:
            file = self._file(choice, default)
            other = load_bench_file(default) if choice.file and default.is_file() else None
            rig = Rig(file, choice, SYSTEM_CLOCK, other.named() if other else ())
            rig.start()
            self._rig = rig
            self.firmware = firmware_versions(rig)
        return self._rig

    def stop(self) -> None:
        """Stop the rig, if there is one."""
        rig, self._rig = self._rig, None
        if rig is not None:
            rig.stop()

    def _choice(self) -> Choice:
        choice = parse_choice(
            self._config.getoption("--bench") or "sim", self._config.invocation_params.dir
        )
        worker = getattr(self._config, "workerinput", {}).get("workerid", "gw0")
        return choice.for_worker(int(worker.removeprefix("gw")))

    @staticmethod
    def _file(choice: Choice, default: Path) -> BenchFile:
        return load_bench_file(choice.file or default)


def begin(rig: Rig, item: pytest.Item) -> Bench:
    """Return the bench for a test, as its marks ask for it; the devices are ready.

    Raises:
        BenchError: They did not get ready, or a mark is wrong.
    """
    needs: list[str] = []
    expected: set[str] = set(rig.file.tolerates)
    for mark in item.iter_markers("bench"):
        needed = mark.kwargs.get("needs", ())
        # One text would be as many needs as it has letters, and the test be skipped for the first.
        wrong = mark.args or isinstance(needed, str)
        if wrong or mark.kwargs.keys() - _MARKS.keys() - {"needs"}:
            allowed = ", ".join(["needs=[...]", *(f"{name}=True" for name in _MARKS)])
            raise BenchError(f"@pytest.mark.bench: got {mark}, expected {allowed}")
        needs += needed
        expected |= {name for name in _MARKS if mark.kwargs.get(name)}
    for capability in needs:
        if reason := rig.lacks(capability):
            pytest.skip(f"bench {rig.choice.name} cannot {capability}: {reason}")
    rig.get_ready()
    bench = Bench(rig)
    for name in expected:
        _MARKS[name](bench)
    return bench


def end(bench: Bench) -> list[str]:
    """Bring the bench back to how it was; return what is not as it should be after a test."""
    try:
        return bench.health.findings()
    finally:
        bench.rig.undo(bench.touched)
