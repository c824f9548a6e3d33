"""What should be zero after each test: errors on the buses, what was lost, what was left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.bench.holdings import Holdings
from gateway.bench.outcome import plural
from gateway.bench.rig import Rig


class Health:
    """Counts from here to `findings`.

    Args:
        rig: The bench; what it counted before is no fault of this test.

    Attributes:
        bus_errors_expected: Whether error frames and lost links are part of the test.
        drops_expected: Whether losses are.
        leaks_expected: Whether descriptors, threads or processes may be left behind.
    """

    def __init__(self, rig: Rig) -> None:
        self.bus_errors_expected = False
        self.drops_expected = False
        self.leaks_expected = False
        self._rig = rig
        self._holdings = Holdings()
        self._errors = {each.name: each.counters.error_frames for each in rig.observer.sources}
        self._lost = {each.name: Counter(each.counters.lost) for each in rig.observer.sources}
        self._dropped = self._ports()

    def findings(self) -> list[str]:
        """Return what is not zero and was not expected, a line each."""
        self._rig.pump(0)
        found: list[str] = []
        if not self.bus_errors_expected:
            found += self._bus_errors()
        if not self.drops_expected:
            found += self._drops()
        if not self.leaks_expected:
            links = self._rig.observer.holdings, self._rig.sender.holdings
            found += Holdings().beyond(self._holdings, *links)
        return found

    def _bus_errors(self) -> Iterator[str]:
        for source in self._rig.observer.sources:
            errors = source.counters.error_frames - self._errors[source.name]
            if errors:
                yield f"{source.name}: {plural(errors, 'error frame')}"
            if outages := self._rig.observer.outages[source.name]:
                times = plural(len(outages), "time")
                yield f"{source.name}: the link was lost {times}: {outages[-1]}"

    def _drops(self) -> Iterator[str]:
        for source in self._rig.observer.sources:
            lost = Counter(source.counters.lost)
            lost.subtract(self._lost[source.name])
            for reason, count in lost.items():
                if count > 0:
                    yield f"{source.name}: lost {count} {source.unit} ({reason})"
        for device, dropped in self._ports().items():
            if dropped > (before := self._dropped.get(device, 0)):
                yield f"port of {device}: dropped {plural(dropped - before, 'byte')}"

    def _ports(self) -> dict[str, int]:
        if self._rig.simulator is None:
            return {}
        ports = self._rig.simulator.ask("state")["ports"]
        watched = {getattr(each, "port", "") for each in self._rig.observer.config.source}
        # One that nobody on this bench reads drops everything.
        return {name: port["dropped"] for name, port in ports.items() if port["path"] in watched}
