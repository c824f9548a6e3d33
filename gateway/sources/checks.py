"""Everything that `Source` promises, as a check to run on any of them, yours included."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gateway.counters import Counters
from gateway.errors import LinkClosedError
from gateway.record import SAMPLE, TICK, Origin, Quality, Samples
from gateway.sources.base import Source

MOST_READS = 100_000
"""A recording must have ended within so many reads; a live source is read less often."""

WAIT_NS = 20_000_000


def check_source(make: Callable[[], Source], send: Callable[[], None] | None = None) -> None:
    """Assert what `Source` promises.

    Args:
        make: Returns a new source each time, all of the same configuration, whose device is there
            (or whose recording can be read). A replay should be quick.
        send: Has something sent to the open source that it decodes to at least one sample; None
            where samples come by themselves, as from a recording.

    Raises:
        AssertionError: With the promise that was broken.
    """
    before = _descriptors()
    source = make()
    _promise(_descriptors() <= before, "a constructor must not open a device")
    _promise(bool(source.name) and bool(source.unit), "a source has a name and a unit")
    _promise(_is_closed(source), "read() before the with block must raise LinkClosedError")
    indices = [signal.index for signal in source.signals]
    _promise(len(set(indices)) == len(indices), "a source must list each signal once")

    source.select(indices)
    first = _received(source, send)
    _promise(_is_closed(source), "read() after the with block must raise LinkClosedError")
    source.__exit__(None, None, None)  # closing twice is allowed
    if send is None:  # else the far end may be in this process, and have opened what it likes
        _promise(_descriptors() <= before, "nothing may stay open after the with block")
    values = first[first["signal"] != TICK]
    _promise(len(values) > 0, "what is sent must come out as samples")
    _check_samples(source, first)
    received = source.counters.received
    _promise(received > 0, "what arrived must be counted")

    again = _received(source, send)
    _promise(len(again[again["signal"] != TICK]) > 0, "a source must be usable again after close")
    _promise(source.counters.received > received, "counters must count on when it is used again")

    source.select([])
    silent = _received(source, send, expect=False)
    _promise((silent["signal"] == TICK).all(), "nothing that was not selected may be delivered")
    one = int(values["signal"][0])
    source.select([one])
    some = _received(source, send)
    chosen = set(some["signal"].tolist()) - {TICK}
    _promise(chosen == {one}, "what was selected, and only that, must be delivered")


def _received(source: Source, send: Callable[[], None] | None, expect: bool = True) -> Samples:
    """Return what *source* delivers in one with block."""
    parts = [np.empty(0, SAMPLE)]
    with source as entered:
        _promise(entered is source, "entering a source must return it")
        descriptor = source.fileno()
        _promise(descriptor is None or descriptor >= 0, "fileno() must be a descriptor or None")
        behind = _behind(descriptor)
        if send:
            quiet = source.read(0)
            _promise(quiet is not None and len(quiet) == 0, "a silent link has an empty batch")
            already = source.counters.received
            send()
        for _ in range(MOST_READS):
            samples = source.read(WAIT_NS)
            _check_counters(source.counters)
            if samples is None:
                _promise(source.read(0) is None, "after its end a recording stays at its end")
                break
            _promise(samples.dtype == SAMPLE, "samples must be an array of SAMPLE")
            parts.append(samples.copy())
            arrived = len(samples) or (send and source.counters.received > already)
            if send and arrived and (len(samples) or not expect):
                break
        else:
            raise AssertionError(f"nothing came to an end within {MOST_READS} reads")
    _promise(not behind or _behind(descriptor) != behind, "the descriptor must be closed at exit")
    return np.concatenate(parts)


def _behind(descriptor: int | None) -> str:
    """Return what *descriptor* is of, "" if it is not open."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except FileNotFoundError:
        return ""


def _check_samples(source: Source, samples: Samples) -> None:
    known = {signal.index for signal in source.signals} | {TICK}
    _promise(set(samples["signal"].tolist()) <= known, "samples must be of the source's signals")
    _promise(len(set(samples["source"].tolist())) == 1, "samples must carry the source's index")
    origins = set(samples["origin"].tolist())
    _promise(origins <= set(map(int, Origin)), "samples must say who stamped them")
    recorded = origins == {Origin.RECORDED}
    _promise(recorded is not source.live, "recorded samples, and only they, are not live")
    invalid = samples["quality"] == Quality.INVALID
    _promise(not np.isnan(samples["value"][~invalid]).any(), "only an invalid value may be NaN")


def _check_counters(counters: Counters) -> None:
    total = counters.delivered + counters.lost.total()
    _promise(counters.received == total, f"received must be delivered plus lost: {counters}")


def _is_closed(source: Source) -> bool:
    try:
        source.read(0)
    except LinkClosedError:
        return True
    return False


def _descriptors() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {os.readlink(entry)}")
        except FileNotFoundError:
            continue  # the descriptor with which the folder itself is being read
    return found


def _promise(kept: bool | np.bool_, text: str) -> None:
    if not kept:
        raise AssertionError(text)
