"""``gateway decode``: a recording as a table, a row a sample."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.counters import Counters
    from gateway.record import Samples
    from gateway.signals import Signal, SignalTable

Row = Callable[[int, float], str]
"""Makes a row of a time in nanoseconds and a value."""

HEADER = "time_s,channel,message,signal,value,unit"


@click.command("decode")
@click.argument("log", type=click.Path())
@click.option("--dbc", type=click.Path(), multiple=True, help="Signal database; may be repeated.")
@click.option("--channel", metavar="NAME", help="Decode this channel of the recording alone.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True
)
def command(log: str, dbc: tuple[str, ...], channel: str | None, form: str) -> None:
    """Decode LOG and print it as CSV or JSON lines, a row a sample.

    LOG is a recording of CAN traffic, which needs a database, or NMEA 0183 text, which needs none.
    The columns are time_s,channel,message,signal,value,unit; an invalid value is left empty.
    """
    from gateway.counters import Counters
    from gateway.signals import SignalTable
    from gateway.sources.recordings import holds_sentences

    path, signals, counters = Path(log), SignalTable(), Counters()
    if holds_sentences(path):
        if dbc or channel:
            raise click.UsageError("NMEA 0183 text takes neither --dbc nor --channel.")
        batches = _sentences(path, signals, counters)
    else:
        if not dbc:
            raise click.UsageError("A recording of CAN traffic needs --dbc FILE.")
        batches = _frames(path, [Path(each) for each in dbc], channel, signals, counters)
    make_row = _csv_row if form == "csv" else _json_row
    rows: list[Row] = []
    out = sys.stdout
    if form == "csv":
        print(HEADER, file=out)
    for samples in batches:
        rows.extend(make_row(signals[index]) for index in range(len(rows), len(signals)))
        columns = (samples[name].tolist() for name in ("signal", "t_ns", "value"))
        out.writelines(rows[n](t_ns, value) for n, t_ns, value in zip(*columns, strict=True))
    out.flush()
    for reason, count in counters.lost.items():
        click.echo(f"gateway: {log}: {count:,} of {counters.received:,} lost: {reason}", err=True)


def _frames(
    path: Path, files: list[Path], channel: str | None, signals: SignalTable, counters: Counters
) -> Iterator[Samples]:
    from gateway.cli.progress import progress
    from gateway.decode.database import FrameDatabase
    from gateway.decode.frames import FrameDecoder
    from gateway.errors import RecordingError
    from gateway.sources.recordings import open_recording

    database = FrameDatabase.load(files)
    recording = open_recording(path)
    known: list[tuple[Signal, ...]] = []
    decoder = FrameDecoder([], [], 0)
    with progress("decode", 1.0) as show:
        for frames in recording.frames(counters):
            if len(known) < len(recording.channels):
                # The file has come to a channel that it did not have before.
                new = recording.channels[len(known) :]
                known += [database.register(signals, name) for name in new]
                asked = [channel in (None, name) for name in recording.channels]
                decoder = FrameDecoder([database if yes else None for yes in asked], known, 0)
                decoder.select(range(len(signals)))
            yield decoder.decode(frames, counters)
            show(recording.progress())
    if recording.damage is not None:
        raise recording.damage
    if channel is not None and channel not in recording.channels:
        names = ", ".join(recording.channels)
        raise RecordingError(path, "--channel", f"'{channel}'", f"one of {names}")


def _sentences(path: Path, signals: SignalTable, counters: Counters) -> Iterator[Samples]:
    from gateway.cli.progress import progress
    from gateway.config.model import ReplayConfig
    from gateway.decode.stream import make_stream_decoder
    from gateway.sources.recordings import open_sentences
    from gateway.sources.tracks import TextTrack

    config = ReplayConfig(name="nmea0183", path=str(path), protocol="nmea0183")
    decoder = make_stream_decoder(config, signals, 0)
    decoder.select(range(len(signals)))
    track = TextTrack(config.name, decoder, [open_sentences(path, config.rate)])
    with progress("decode", 1.0) as show:
        for t_ns, decode in track.chunks(counters):
            yield decode(0, len(t_ns))
            show(track.progress())


def _csv_row(signal: Signal) -> Row:
    before, after = io.StringIO(), io.StringIO()
    csv.writer(before, lineterminator="").writerow((signal.source, signal.message, signal.name))
    csv.writer(after, lineterminator="\n").writerow(("", signal.unit))
    head, tail = before.getvalue(), after.getvalue()

    def row(t_ns: int, value: float) -> str:
        return f"{_seconds(t_ns)},{head},{'' if math.isnan(value) else repr(value)}{tail}"

    return row


def _json_row(signal: Signal) -> Row:
    names = {"channel": signal.source, "message": signal.message, "signal": signal.name}
    head = json.dumps(names, ensure_ascii=False)[1:-1]
    tail = json.dumps({"unit": signal.unit}, ensure_ascii=False)[1:]

    def row(t_ns: int, value: float) -> str:
        number = repr(value) if math.isfinite(value) else "null"
        return f'{{"time_s": {_seconds(t_ns)}, {head}, "value": {number}, {tail}\n'

    return row


def _seconds(t_ns: int) -> str:
    """Return a time as decimal seconds, exactly: a double has no room for today's nanoseconds."""
    sign = "-" if t_ns < 0 else ""
    seconds, ns = divmod(abs(t_ns), 1_000_000_000)
    return f"{sign}{seconds}.{ns:09d}"
