"""How the gateway is: what `gateway status` shows, and the ledger at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from gateway.clock import NS_PER_S, Clock, format_utc
from gateway.config.show import as_text
from gateway.ring import RingStatistics
from gateway.supervisor.assembly import VIEW, Assembly
from gateway.supervisor.child import Child, ChildState
from gateway.supervisor.ledger import Entry
from gateway.supervisor.table import Stage
from gateway.workers.board import RowState

RATE_SPAN_NS = NS_PER_S
"""Rates are means over at least this long."""


class StatusReport:
    """Describes a running gateway, as `gateway status` shows it.

    Args:
        assembly: The gateway.
        children: Its processes.
        clock: For the time since the start, and for rates.
    """

    def __init__(self, assembly: Assembly, children: Sequence[Child], clock: Clock) -> None:
        self._assembly = assembly
        self._children = children
        self._clock = clock
        self._began_ns = clock.monotonic_ns()
        self._counts: dict[str, int] = {}
        self._counted_ns = self._began_ns
        self._rates: dict[str, float] = {}
        # Becomes the reader of alarms, before anybody could be in the way.
        assembly.active_alarms.read_events()

    def measure_rates(self) -> None:
        """Take the rates anew if it is time; called now and then."""
        now_ns = self._clock.monotonic_ns()
        span_ns = now_ns - self._counted_ns
        if span_ns < RATE_SPAN_NS:
            return
        for child in self._children:
            name = child.spec.name
            count = int(self._assembly.board[name].numbers["received"])
            self._rates[name] = (count - self._counts.get(name, 0)) * NS_PER_S / span_ns
            self._counts[name] = count
        self._counted_ns = now_ns
        self._assembly.active_alarms.read_events()

    def to_json(self) -> bytes:
        """Return the whole status as one JSON object; docs/status.md describes it."""
        return msgspec.json.encode(self.describe())

    def describe(self) -> dict[str, Any]:
        """Return the status as plain Python objects."""
        config = self._assembly.plan.config
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        return {
            "name": config.gateway.name,
            "config": as_text(config.file.resolve()),
            "pid": os.getpid(),
            "state": "stopping" if self._assembly.stop.is_set() else "running",
            "time": format_utc(wall_ns),
            "clock": {
                "monotonic_ns": now_ns,
                "wall_ns": wall_ns,
                "synchronised": self._clock.is_synchronised(),
            },
            "uptime_s": (now_ns - self._began_ns) / NS_PER_S,
            "processes": [self._process(child) for child in self._children],
            "ledger": [asdict(entry) for entry in ledger(self._assembly)],
            "alarms": [
                {
                    "rule": rule.name,
                    "signal": rule.signal.full_name,
                    "value": None if value is None or np.isnan(value) else value,
                    "unit": rule.signal.unit,
                    "severity": rule.severity,
                    "message": rule.message,
                }
                for rule, value in self._assembly.active_alarms.current()
            ],
        }

    def line(self) -> str:
        """Return the whole in one line: the links, what does not run, losses, alarms."""
        parts = []
        for process in map(self._process, self._children):
            if process["stage"] == Stage.PRODUCER.name.lower():
                rate = f", {process['rate']:,.0f} {process['unit']}/s" if process["rate"] else ""
                named = process["link"]["states"]
                matter = f" ({', '.join(named)})" if named else ""
                parts.append(f"{process['name']} {process['state']}{matter}{rate}")
            elif process["state"] != RowState.RUNNING.name.lower():
                parts.append(f"{process['name']} {process['state']}")
        lost = sum(entry.lost for entry in ledger(self._assembly))
        alarms = len(self._assembly.active_alarms.current())
        return "; ".join([*parts, f"{lost:,} lost", f"{alarms} alarm{'s' * (alarms != 1)} active"])

    def _process(self, child: Child) -> dict[str, Any]:
        spec = child.spec
        row = self._assembly.board[spec.name]
        state = child.state.value
        if child.state is ChildState.RUNNING:
            row_state = row.state
            state = "link lost" if row_state is RowState.WAITING else row_state.name.lower()
        unit = {Stage.ANALYZER: "samples", Stage.SINK: "alarms"}.get(spec.stage)
        if spec.name in self._assembly.buses:
            unit = "commands"
        link = None
        does = spec.does
        if spec.stage is Stage.PRODUCER:
            facts = row.read_facts()
            link = facts.get("link", {"states": {}, "entered": {}})
            if tier := facts.get("tier"):
                does += f" ({tier})"
        return {
            "name": spec.name,
            "stage": spec.stage.name.lower(),
            "does": does,
            "state": state,
            "link": link,
            "pid": child.pid,
            "restarts": child.restarts,
            "rate": self._rates.get(spec.name),
            "unit": unit or self._assembly.unit_of(spec.name),
        }


def ledger(assembly: Assembly, ended: bool = False) -> list[Entry]:
    """Return every stage from the links to the sinks, with what it received, delivered and lost.

    Between a source and the ring frames become samples, so the numbers begin anew there.

    Args:
        assembly: The gateway.
        ended: Whether all processes have ended, so that what still waits waits for nobody.
    """
    entries = list(_sources(assembly, ended))
    samples, alarms = assembly.samples.statistics(), assembly.alarms.statistics()
    readers = [*assembly.analyzers, *([VIEW] if assembly.has_view else [])]
    entries += [_through("samples", samples, name, "samples") for name in readers]
    readers = [each.name for each in assembly.outputs]
    readers += [*assembly.buses, *([VIEW] if assembly.has_view else [])]
    entries += [_through("alarms", alarms, name, "alarms") for name in readers]
    entries += _outputs(assembly)
    entries += _transmitters(assembly, ended)
    return entries


def _sources(assembly: Assembly, ended: bool) -> Iterator[Entry]:
    published = [lane.published for lane in assembly.samples.statistics().lanes]
    for index, source in enumerate(assembly.plan.sources):
        row = assembly.board[source.name]
        numbers, facts = row.numbers, row.read_facts()
        delivered, lost = int(numbers["delivered"]), int(numbers["lost"])
        notes = {
            "unknown ids": facts.get("unknown_total", 0),
            "error frames": facts.get("error_frames", 0),
            "outages": facts.get("outages", 0),
            "late us": facts.get("late_ns", 0) // 1000,
        }
        yield Entry(
            stage=source.name,
            unit=source.unit,
            received=delivered + lost,
            delivered=delivered,
            lost=lost,
            waiting=max(0, int(numbers["received"]) - delivered - lost),
            reasons=facts.get("lost", {}),
            notes=notes,
        )
        # In the hands of the producer: on their way, or gone with it if it was killed.
        held = max(0, int(numbers["produced"]) - published[index])
        yield Entry(
            stage=f"{source.name} > samples",
            unit="samples",
            received=published[index] + held * ended,
            delivered=published[index],
            lost=held * ended,
            waiting=held * (not ended),
            reasons={"process ended": held * ended},
        )


def _through(ring: str, statistics: RingStatistics, name: str, unit: str) -> Entry:
    """Return the way through a ring to one reader; what it was not given is lost to it."""
    account = statistics.reader(name)
    return Entry(
        stage=f"{ring} > {name}",
        unit=unit,
        received=account.delivered + account.lost,
        delivered=account.delivered,
        lost=account.lost,
        waiting=account.waiting,
    )


def _outputs(assembly: Assembly) -> Iterator[Entry]:
    for output in assembly.outputs:
        row = assembly.board[output.name]
        facts = row.read_facts()
        delivered, lost = int(row.numbers["delivered"]), int(row.numbers["lost"])
        yield Entry(
            stage=output.name,
            unit="alarms",
            received=delivered + lost,
            delivered=delivered,
            lost=lost,
            waiting=facts.get("waiting", 0),
            notes={"overtaken": facts.get("missed", 0), "repeated": facts.get("repeated", 0)},
        )


def _transmitters(assembly: Assembly, ended: bool) -> Iterator[Entry]:
    for name in assembly.buses:
        row = assembly.board[name]
        facts = row.read_facts()
        requested, sent = int(row.numbers["received"]), int(row.numbers["delivered"])
        lost = int(row.numbers["lost"])
        # With a process that was killed and not started again: nobody will send them.
        held = max(0, requested - sent - lost)
        reasons = {"expired": 0, "refused": 0, "process ended": 0, **facts.get("lost", {})}
        reasons["process ended"] += held * ended
        yield Entry(
            stage=name,
            unit="commands",
            received=sent + lost + held * ended,
            delivered=sent,
            lost=lost + held * ended,
            waiting=held * (not ended),
            reasons=reasons,
            notes={"late": facts.get("late", 0), "outages": facts.get("outages", 0)},
        )
