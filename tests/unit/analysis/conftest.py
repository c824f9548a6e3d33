"""Stories: samples written as ``time:value``, and the events they cause written likewise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.analysis.engine import Engine
from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_S
from gateway.config.model import Duration, RuleConfig
from gateway.record import SAMPLE, TICK, AlarmKind, Quality
from gateway.signals import SignalTable

SOURCE = 0
DURATIONS = ("on_delay", "off_delay", "stale_after")


def make_rule(index=0, signal_index=0, source=SOURCE, **keys):
    """A rule on signal number *signal_index*; durations are written in seconds."""
    table = SignalTable()
    for number in range(signal_index + 1):
        signal = table.add("can0", "M", f"s{number}", "degC")
    keys = {k: Duration(round(v * NS_PER_S)) if k in DURATIONS else v for k, v in keys.items()}
    config = RuleConfig(**{"name": f"r{index}", "signal": signal.name, **keys})
    return Rule.from_config(config, index, signal, source)


def samples_of(story):
    """``1.5:80`` a sample of signal 0, ``nan`` or ``bad`` invalid, ``80!`` out of range, ``tick``.

    A name before the value sends another signal (``2:s1=80``).
    """
    samples = np.zeros(len(words := story.split()), SAMPLE)
    for row, word in zip(samples, words, strict=True):
        time, _, value = word.partition(":")
        row["t_ns"] = round(float(time) * NS_PER_S)
        row["source"] = SOURCE
        if value == "tick":
            row["signal"] = TICK
            continue
        name, _, value = value.rpartition("=")
        row["signal"] = int(name.removeprefix("s") or 0)
        if value == "bad":
            row["quality"] = Quality.INVALID
            row["value"] = 999.0  # whatever the bits were; nobody may look at them
        else:
            row["quality"] = Quality.OUT_OF_RANGE if value.endswith("!") else Quality.GOOD
            row["value"] = float(value.rstrip("!"))
    return samples


def told(alarms):
    """Events as ``time:KIND``, with the rule's index before it where there are several rules."""
    several = len({int(rule) for rule in alarms["rule"]}) > 1
    words = []
    for alarm in alarms:
        name = f"r{alarm['rule']}=" if several else ""
        words.append(f"{alarm['t_ns'] / NS_PER_S:g}:{name}{AlarmKind(alarm['kind']).name}")
    return " ".join(words)


@pytest.fixture(scope="session")
def rule():
    return make_rule


@pytest.fixture(scope="session")
def samples():
    return samples_of


@pytest.fixture(scope="session")
def heard():
    """Tell a story to a rule with these keys, or to these rules; return what they report."""

    def heard(story, *rules, **keys):
        return told(Engine(rules or [make_rule(**keys)]).feed(samples_of(story)))

    return heard


class Reference:
    """The same rules, sample by sample and with plain ifs: what the engine is compared with.

    Written from docs/rules.md alone. It shares no code with the engine but the rule itself.
    """

    def __init__(self, rules):
        self.rules = rules
        self.rows = [{"state": "NORMAL", "since": 0, "last": None} for _ in rules]

    def feed(self, samples, start=0):
        events = []
        for position, sample in enumerate(samples, start):
            for rule, row in sorted(
                zip(self.rules, self.rows, strict=True), key=lambda pair: pair[0].index
            ):
                for event in self._one(rule, row, sample):
                    events.append((position, rule.index, *event))
        return events

    def _one(self, rule, row, sample):
        t, value = int(sample["t_ns"]), float(sample["value"])
        valid = sample["quality"] != Quality.INVALID and not math.isnan(value)
        own = sample["signal"] == rule.signal.index
        if rule.condition == "stale_after":
            sign = sample["signal"] == TICK and sample["source"] == rule.source
            return self._silence(rule, row, t, value, own and valid) if own or sign else []
        if not own or not valid:
            return []
        if rule.condition != "rate_above":
            return [(*event, value, None) for event in self._step(rule, row, t, value)]
        rate = self._rate(row, t, value)
        if math.isnan(rate):
            return []
        return [(*event, value, rate) for event in self._step(rule, row, t, rate)]

    def _rate(self, row, t, value):
        before, rate = row["last"], math.nan
        if before is not None and t == before[0]:
            return math.nan
        if before is not None and t > before[0]:
            rate = (value - before[1]) / ((t - before[0]) / NS_PER_S)
        row["last"] = (t, value)
        return rate

    def _step(self, rule, row, t, x):
        if x > rule.high or x < rule.low:
            zone = "HIGH"
        elif rule.clear_low <= x <= rule.clear_high:
            zone = "LOW"
        else:
            zone = "BAND"
        return self._decide(rule, row, t, zone)

    def _decide(self, rule, row, t, zone):
        was = row["state"]
        if was in ("NORMAL", "PENDING"):
            row["state"] = "PENDING" if zone == "HIGH" else "NORMAL"
        else:
            row["state"] = "CLEARING" if zone == "LOW" else "ACTIVE"
        if row["state"] != was or t < row["since"]:
            row["since"] = t
        held = t - row["since"]
        if row["state"] == "PENDING" and held >= rule.on_delay_ns:
            row["state"], row["since"] = "ACTIVE", t
            return [(AlarmKind.RAISED, t)]
        if row["state"] == "CLEARING" and held >= rule.off_delay_ns:
            row["state"], row["since"] = "NORMAL", t
            return [(AlarmKind.CLEARED, t)]
        return []

    def _silence(self, rule, row, t, value, valid):
        events = []
        since, last = row["last"] or (t, math.nan)
        since = min(since, t)
        due = since + rule.stale_after_ns
        if t >= due:
            events += self._decide(rule, row, due, "HIGH")
            if row["state"] == "PENDING" and t >= row["since"] + rule.on_delay_ns:
                events += self._decide(rule, row, row["since"] + rule.on_delay_ns, "HIGH")
        events = [(*event, last, None) for event in events]
        if valid:
            since, last = t, value
            events += [(*event, last, None) for event in self._decide(rule, row, t, "LOW")]
        row["last"] = (since, last)
        return events


@pytest.fixture(scope="session")
def reference():
    return Reference
