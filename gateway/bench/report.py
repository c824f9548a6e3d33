"""What is left of a failed test: a text in the report, a picture, and a candump log."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np

from gateway.bench.bench import Bench
from gateway.bench.candump import candump_lines
from gateway.bench.observer import Observer
from gateway.bench.outcome import Outcome, span
from gateway.bench.picture import Moment, Trace, draw
from gateway.clock import NS_PER_MS
from gateway.record import AlarmKind, Frames

MARGIN_NS = 200 * NS_PER_MS
_LONGEST_NAME = 119


def file_name(node_id: str) -> str:
    """Return what the files of a test are called, the same at each run.

    Tests that differ only in what a file's name cannot hold are told apart by a checksum.
    """
    path, _, test = node_id.partition("::")
    stem = f"{Path(path).with_suffix('')}-{test}".replace("/", "-").replace("::", "-")
    stem = stem.replace("[", "_").removesuffix("]")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_.-")
    if name == stem and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{zlib.crc32(node_id.encode()):08x}"


def text_of(bench: Bench) -> str:
    """Return what was done and found, a line each, oldest first."""
    begin_ns = bench.timeline.begin_ns
    lines = [(t_ns, what) for t_ns, what in bench.timeline.stimuli]
    for outcome in bench.outcomes:
        at_ns = outcome.event_ns if outcome.event_ns is not None else outcome.until_ns
        lines.append((at_ns, f"{'ok  ' if outcome else 'FAIL'} {outcome.what}: {outcome.seen}"))
        if not outcome:
            lines += [(at_ns, f"     {detail}") for detail in outcome.details]
    for alarm in bench.rig.observer.alarms:
        rule = bench.rig.observer.rules[int(alarm["rule"])]
        kind = AlarmKind(alarm["kind"]).name.lower()
        lines.append((int(alarm["t_ns"]), f"alarm {rule.name} {kind}, {alarm['value']:.6g}"))
    lines.sort(key=lambda line: line[0])
    return "\n".join(f"{(t_ns - begin_ns) / 1e9:9.3f} s  {text}" for t_ns, text in lines)


def write_files(bench: Bench, folder: Path, node_id: str) -> list[Path]:
    """Write the picture and the log of a failed test; return their paths.

    Raises:
        OSError: One cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    log = folder / f"{file_name(node_id)}.log"
    observer = bench.rig.observer
    clock = bench.rig.clock
    offset_ns = clock.wall_ns() - clock.monotonic_ns()
    names = [source.name for source in observer.sources]
    with log.open("w", encoding="utf-8") as out:
        out.writelines(candump_lines(_in_order(observer), names, offset_ns))
    written.append(log)
    failed = next((each for each in reversed(bench.outcomes) if not each), None)
    shown = failed or next((each for each in reversed(bench.outcomes) if each.signals), None)
    if shown is not None and shown.signals:
        picture = folder / f"{file_name(node_id)}.svg"
        picture.write_text(_picture(bench, shown), encoding="utf-8")
        written.append(picture)
    return written


def _in_order(observer: Observer) -> list[Frames]:
    """Return the frames of all buses on one time line: they are kept as each bus was read."""
    batches = list(observer.frames.batches(0))
    if len(observer.buses) < 2 or not batches:
        return batches
    frames = np.concatenate(batches)
    return [frames[np.argsort(frames["t_ns"], kind="stable")]]


def _picture(bench: Bench, outcome: Outcome) -> str:
    observer = bench.rig.observer
    last_ns = max(outcome.since_ns + 1, min(outcome.until_ns, observer.seen_ns))
    if outcome.event_ns is not None:
        last_ns = max(outcome.since_ns + 1, outcome.event_ns)
    margin_ns = max(MARGIN_NS, (last_ns - outcome.since_ns) // 5)
    begin_ns = max(bench.timeline.begin_ns, outcome.since_ns - margin_ns)
    end_ns = max(min(last_ns + margin_ns, observer.seen_ns), outcome.since_ns + 1)
    traces = []
    batches = list(observer.samples.between(begin_ns, end_ns))
    for slot, signal in enumerate(outcome.signals):
        mine = [batch[batch["signal"] == signal.index] for batch in batches]
        samples = np.concatenate(mine) if mine else None
        t_ns = np.empty(0, np.int64) if samples is None else samples["t_ns"]
        values = np.empty(0) if samples is None else samples["value"]
        known = np.isfinite(values)
        limits = tuple(limit for position, limit in outcome.thresholds if position == slot)
        traces.append(Trace(signal.full_name, signal.unit, t_ns[known], values[known], limits))
    moments = [Moment(t_ns, what, "stimulus") for t_ns, what in bench.timeline.stimuli]
    if outcome.event_ns is not None:
        moments.append(Moment(outcome.event_ns, "here", "event"))
    else:
        moments.append(Moment(outcome.until_ns, span(outcome.until_ns - outcome.since_ns), "end"))
    for alarm in observer.alarms:
        name = observer.rules[int(alarm["rule"])].name
        moments.append(Moment(int(alarm["t_ns"]), f"alarm {name}", "event"))
    word = "ok" if outcome else "not so"
    title = f"{outcome.what}: {word}"
    return draw(title, traces, moments, (outcome.since_ns, outcome.until_ns), (begin_ns, end_ns))
