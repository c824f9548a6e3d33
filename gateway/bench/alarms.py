"""The alarms that the gateway would raise from what is on the bench's links."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gateway.analysis.rules import Condition, Rule
from gateway.bench.errors import unknown
from gateway.bench.looking import Looker
from gateway.bench.outcome import Outcome, span
from gateway.bench.rig import Rig
from gateway.bench.timeline import Timeline
from gateway.clock import parse_duration
from gateway.record import AlarmKind

_ON_VALUE = (Condition.ABOVE, Condition.BELOW, Condition.OUTSIDE)


class Alarms:
    """The rules, at rest when the test began, fed with all that came since.

    Args:
        rig: The bench.
        timeline: The test's moments.
        note: Called with each outcome.
    """

    def __init__(self, rig: Rig, timeline: Timeline, note: Callable[[Outcome], Outcome]) -> None:
        self._rig = rig
        self._looker = Looker(rig)
        self._timeline = timeline
        self._note = note
        self._rules = {rule.name: rule for rule in rig.observer.rules}

    @property
    def active(self) -> list[str]:
        """The names of the rules whose alarm is on, by all that has come."""
        self._rig.pump(0)
        return self._active_before(1 << 62)

    def raised(self, rule: str, within: str = "1s") -> Outcome:
        """Tell whether the alarm is on, or goes on, within a time from the last stimulus.

        Args:
            rule: Its name.
            within: It counts as for `Bench.expect`, on the samples' own times.
        """
        return self._look(rule, within, AlarmKind.RAISED)

    def cleared(self, rule: str, within: str = "1s") -> Outcome:
        """Tell whether the alarm, which was on in this test, is off or goes off likewise."""
        return self._look(rule, within, AlarmKind.CLEARED)

    def none(self, *rules: str, during: str = "0s") -> Outcome:
        """Tell whether no alarm has been on since the test began, nor goes on *during* a time.

        Args:
            rules: The names of those that count; all where none is given.
            during: From now on.
        """
        meant = {self._rule(name).index for name in rules or self._rules}
        until_ns = self._rig.clock.monotonic_ns() + parse_duration(during)

        def raised() -> list[np.void]:
            return [
                alarm
                for alarm in self._rig.observer.alarms
                if alarm["kind"] == AlarmKind.RAISED and alarm["rule"] in meant
            ]

        if parse_duration(during):
            self._looker.wait(until_ns, lambda: bool(raised()))
        else:
            self._rig.pump(0)
        found = raised()
        begin_ns = self._timeline.begin_ns
        what = f"no alarm {', '.join(rules)}".rstrip()
        if not found:
            return self._note(self._outcome(True, what, "none", begin_ns, until_ns, None, None))
        seen = ", ".join(map(self._text, found[:5]))
        first_ns, rule = int(found[0]["t_ns"]), self._rig.observer.rules[int(found[0]["rule"])]
        return self._note(self._outcome(False, what, seen, begin_ns, until_ns, first_ns, rule))

    def _look(self, name: str, within: str, kind: AlarmKind) -> Outcome:
        rule = self._rule(name)
        since_ns = self._timeline.for_expectation(self._rig.clock.monotonic_ns())
        until_ns = since_ns + parse_duration(within)

        def found() -> int | None:
            was_on = any(each["rule"] == rule.index for each in self._before(since_ns))
            is_on = name in self._active_before(since_ns)
            if is_on if kind is AlarmKind.RAISED else was_on and not is_on:
                return since_ns
            for alarm in self._rig.observer.alarms:
                mine = alarm["rule"] == rule.index and alarm["kind"] == kind
                if mine and since_ns <= alarm["t_ns"] <= until_ns:
                    return int(alarm["t_ns"])
            return None

        ok = self._looker.wait(until_ns, lambda: found() is not None)
        what = f"alarm {name} {kind.name.lower()} within {span(until_ns - since_ns)}"
        events = [each for each in self._rig.observer.alarms if each["rule"] == rule.index]
        if ok:
            seen = f"after {span((found() or 0) - since_ns)}"
        else:
            seen = ", ".join(map(self._text, events[-3:])) or "it was never on in this test"
        return self._note(
            self._outcome(ok, what, seen, since_ns, until_ns, found() if ok else None, rule)
        )

    def _active_before(self, t_ns: int) -> list[str]:
        on: dict[int, None] = {}
        for alarm in self._before(t_ns):
            if alarm["kind"] == AlarmKind.RAISED:
                on[int(alarm["rule"])] = None
            else:
                on.pop(int(alarm["rule"]), None)
        return [self._rig.observer.rules[index].name for index in on]

    def _before(self, t_ns: int) -> list[np.void]:
        return [alarm for alarm in self._rig.observer.alarms if alarm["t_ns"] < t_ns]

    def _rule(self, name: str) -> Rule:
        if name not in self._rules:
            raise unknown("alarms", name, "the name of a rule", self._rules)
        return self._rules[name]

    def _text(self, alarm: np.void) -> str:
        rule = self._rig.observer.rules[int(alarm["rule"])]
        when = span(int(alarm["t_ns"]) - self._timeline.begin_ns)
        kind = AlarmKind(alarm["kind"]).name.lower()
        return f"{rule.name} {kind} at {when} ({rule.signal.name} = {alarm['value']:.6g})"

    @staticmethod
    def _outcome(
        ok: bool,
        what: str,
        seen: str,
        since_ns: int,
        until_ns: int,
        event_ns: int | None,
        rule: Rule | None,
    ) -> Outcome:
        on_value = rule is not None and rule.condition in _ON_VALUE
        limits = (rule.low, rule.high) if rule is not None and on_value else ()
        return Outcome(
            ok,
            what,
            seen,
            (),
            since_ns,
            until_ns,
            event_ns,
            (rule.signal,) if rule is not None else (),
            tuple((0, limit) for limit in limits if math.isfinite(limit)),
        )
