"""What a test asks of the links, as a function of what was seen on them and of when."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.bench.errors import BenchError, unknown
from gateway.bench.history import KEPT_NS, History
from gateway.bench.outcome import Latency, Outcome, Rate, plural, span
from gateway.bench.rig import Rig
from gateway.bench.tap import BusTap
from gateway.bench.watch import Watch
from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.record import Frames, Quality, Samples
from gateway.signals import Signal

SETTLE_NS = 20 * NS_PER_MS
"""How long a frame may be on its way to this process after the time that it bears: so much later
than the end of a stretch of time is it known what was in it."""


class Looker:
    """Looks at a rig's links, and waits for what is still to come.

    Args:
        rig: The bench.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def wait(self, until_ns: int, done: Callable[[], bool]) -> bool:
        """Take what comes until *done* or everything before *until_ns* was seen; tell which."""
        self._rig.pump(0)
        while not done():
            if self._rig.observer.seen_ns >= until_ns + SETTLE_NS:
                return False
            self._rig.pump(until_ns + SETTLE_NS)
        return True

    def expect(self, text: str, since_ns: int, within_ns: int, after: str) -> Outcome:
        """Look for the first moment at which an expression holds.

        Args:
            text: The expression.
            since_ns: What came before has no say.
            within_ns: Nanoseconds from there.
            after: What happened then, in words.
        """
        until_ns = since_ns + within_ns
        watch = self._watch(text, since_ns, until_ns)
        ok = self.wait(until_ns, watch.look)
        what = f"{text} within {span(within_ns)} of {after}"
        return _outcome(ok, what, _seen(watch) if not ok else _held(watch), watch)

    def never(self, text: str, since_ns: int, during_ns: int) -> Outcome:
        """Look whether an expression never holds; if there is nothing to judge, that is unknown."""
        until_ns = since_ns + during_ns
        watch = self._watch(text, since_ns, until_ns)
        held = self.wait(until_ns, watch.look)
        what = f"never {text} during {span(during_ns)}"
        if held:
            return _outcome(False, what, f"it was: {_held(watch)}", watch)
        if not watch.judged:
            return _outcome(False, what, _seen(watch), watch)
        return _outcome(True, what, f"judged {plural(watch.judged, 'time')}", watch)

    def steady(self, name: str, since_ns: int, during_ns: int, tolerance: float) -> Outcome:
        """Look whether a signal stays within *tolerance* of its first value."""
        signal = self._rig.signal(name)
        until_ns = since_ns + during_ns
        history = self._rig.observer.samples
        samples = self._collect(history, since_ns, until_ns, lambda batch: _valid(batch, signal))
        t_ns, values = samples["t_ns"], samples["value"]
        what = f"{name} steady to {tolerance:g} during {span(during_ns)}"
        if not len(values):
            seen = f"nothing came of {signal.full_name}"
            return Outcome(False, what, seen, (), since_ns, until_ns, None, (signal,))
        off = np.flatnonzero(np.abs(values - values[0]) > tolerance)
        low, high = float(values.min()), float(values.max())
        seen = f"{low:.10g} to {high:.10g} in {plural(len(values), 'sample')}"
        event_ns = None
        if len(off):
            event_ns = int(t_ns[off[0]])
            seen += f"; from {values[0]:.10g} to {values[off[0]]:.10g}"
            seen += f" after {span(event_ns - since_ns)}"
        limits = ((0, float(values[0]) - tolerance), (0, float(values[0]) + tolerance))
        return Outcome(
            not len(off), what, seen, (), since_ns, until_ns, event_ns, (signal,), limits
        )

    def rate(self, message: str, since_ns: int, during_ns: int) -> Rate:
        """Count the frames of a message, MESSAGE or SOURCE.MESSAGE.

        The rate is that from the first frame to the last, and so that of a cyclic message exactly.
        A silence before or after them that is longer than all others counts, too.
        """
        buses, name = self._buses(message), message.rpartition(".")[2]

        def carried(frames: Frames) -> Frames:
            found: Frames = frames[
                np.logical_or.reduce([bus.carried(frames, name) for bus in buses])
            ]
            return found

        until_ns = since_ns + during_ns
        frames = self._collect(self._rig.observer.frames, since_ns, until_ns, carried)
        t_ns = np.sort(frames["t_ns"])
        if len(t_ns) < 2:
            return Rate(len(t_ns) * NS_PER_S / max(during_ns, 1), len(t_ns), math.nan, math.nan)
        apart_ns = np.diff(t_ns)
        longest_ns = int(apart_ns.max())
        took_ns = int(apart_ns.sum())
        for edge_ns in (int(t_ns[0]) - since_ns, until_ns - int(t_ns[-1])):
            took_ns += max(edge_ns - longest_ns, 0)
        hz = len(apart_ns) * NS_PER_S / took_ns if took_ns else math.inf
        return Rate(hz, len(t_ns), int(apart_ns.min()) / NS_PER_S, longest_ns / NS_PER_S)

    def latency(
        self, stimulus: str | None, response: str, since_ns: int, within_ns: int, after: str
    ) -> Latency:
        """Measure from *since_ns*, or from when *stimulus* holds after it, to the response."""
        if stimulus is not None:
            cause = self.expect(stimulus, since_ns, within_ns, after)
            if cause.event_ns is None:
                return Latency(math.nan, cause)
            since_ns, after = cause.event_ns, stimulus
        effect = self.expect(response, since_ns, within_ns, after)
        return Latency(effect.after_s, effect)

    def latest(
        self, name: str, since_ns: int, within_ns: int, now_ns: int
    ) -> tuple[float, Outcome]:
        """Return a signal's latest value since *since_ns*; wait for the first one."""
        signal = self._rig.signal(name)
        history = self._rig.observer.samples
        cursor = history.at(since_ns)
        value = math.nan

        def came() -> bool:
            nonlocal cursor, value
            new, cursor = list(history.batches(cursor)), history.end
            for batch in reversed(new):
                samples = _valid(batch, signal)
                values = samples["value"][samples["t_ns"] >= since_ns]
                if len(values):
                    value = float(values[-1])
                    return True
            return False

        until_ns = now_ns + within_ns
        ok = self.wait(until_ns, came)
        what = f"a value of {name} within {span(within_ns)}"
        seen = f"{value:.10g}" if ok else f"nothing came of {signal.full_name}"
        return value, Outcome(ok, what, seen, (), since_ns, until_ns, None, (signal,))

    def _watch(self, text: str, since_ns: int, until_ns: int) -> Watch:
        history = self._rig.observer.samples
        _refuse_forgotten(history, since_ns)
        return Watch(self._rig.expression(text), history, since_ns, until_ns)

    def _collect(
        self,
        history: History,
        since_ns: int,
        until_ns: int,
        pick: Callable[[NDArray[np.void]], NDArray[np.void]],
    ) -> NDArray[np.void]:
        """Wait for the end of a stretch; return what *pick* takes of the batches in it.

        It takes it as it comes: a stretch may be longer than what the history keeps.
        """
        _refuse_forgotten(history, since_ns)
        cursor = history.at(since_ns)
        picked: list[NDArray[np.void]] = []

        def take() -> bool:
            nonlocal cursor
            for batch in history.batches(cursor):
                times = batch["t_ns"]
                found = pick(batch[(times >= since_ns) & (times <= until_ns)])
                if len(found):
                    picked.append(found)
            cursor = history.end
            return False

        self.wait(until_ns, take)
        return np.concatenate(picked) if picked else np.empty(0, [("t_ns", "i8"), ("value", "f8")])

    def _buses(self, message: str) -> list[BusTap]:
        """Return the buses on whose databases *message* is."""
        source, _, name = message.rpartition(".")
        buses = self._rig.observer.buses
        found = [bus for bus in buses if source in ("", bus.name) and name in bus.messages]
        if not found:
            known = {f"{bus.name}.{each}" if source else each: None
                     for bus in buses for each in bus.messages}  # fmt: skip
            raise unknown("rate", message, "a message of the databases", known)
        return found


def _valid(samples: Samples, signal: Signal) -> Samples:
    """Return those of *signal* that are not invalid."""
    mine = samples["signal"] == signal.index
    found: Samples = samples[mine & (samples["quality"] != np.uint8(Quality.INVALID))]
    return found


def _refuse_forgotten(history: History, since_ns: int) -> None:
    """Refuse to judge a stretch of time without its beginning."""
    if since_ns <= history.forgotten_ns:
        raise BenchError(
            f"got a question about what began more than {span(KEPT_NS)} ago,"
            " expected it sooner after the last stimulus; mark() begins anew"
        )


def _outcome(ok: bool, what: str, seen: str, watch: Watch) -> Outcome:
    lines = [f"{signal.full_name} = {value:.10g} {signal.unit}".rstrip()
             for signal, value in zip(watch.expression.signals, watch.latest, strict=True)
             if value == value]  # fmt: skip
    return Outcome(
        ok,
        what,
        seen,
        (*lines, f"judged {plural(watch.judged, 'time')}"),
        watch.since_ns,
        watch.until_ns,
        watch.held_ns,
        watch.expression.signals,
        watch.expression.thresholds,
    )


def _held(watch: Watch) -> str:
    assert watch.held_ns is not None  # noqa: S101 - asked only then
    return f"{_pairs(watch, watch.latest)} after {span(watch.held_ns - watch.since_ns)}"


def _seen(watch: Watch) -> str:
    """Return what there was in place of what was looked for."""
    if watch.missing:
        return f"nothing came of {', '.join(watch.missing)}"
    seen = f"not in {plural(watch.judged, 'frame')}; last {_pairs(watch, watch.latest)}"
    if watch.nearest_values and list(watch.nearest_values) != watch.latest:
        moment = span(watch.nearest_ns - watch.since_ns)
        seen += f"; nearest {_pairs(watch, watch.nearest_values)} after {moment}"
    return seen


def _pairs(watch: Watch, values: Sequence[float]) -> str:
    signals = watch.expression.signals
    return ", ".join(
        f"{signal.name} = {value:.6g}" for signal, value in zip(signals, values, strict=True)
    )
