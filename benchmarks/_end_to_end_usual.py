"""The job of the end-to-end benchmark written the usual way.

    python benchmarks/_end_to_end_usual.py DBC CHANNEL...

A process for each bus, three for the rules, queues between them: python-can's objects, cantools for
each message, multiprocessing.Queue, a dictionary of lambdas; as somebody writes it who knows these
libraries. Warnings are JSON lines on standard output. READY goes to standard error when every bus
is joined, and after SIGTERM, when all has been worked off, a JSON object with what was counted.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Any, NamedTuple

import can
import cantools
from _end_to_end_job import END_ID, FIRST_ID, MESSAGES, Rule, make_rules

ANALYZERS = 3
NOTHING_FOR_S = 0.2


class Check(NamedTuple):
    """A rule as the analyzers have it."""

    name: str
    signal: str
    is_high: Callable[[float], bool]
    is_back: Callable[[float], bool]


def check(rule: Rule) -> Check:
    low, high, deadband = rule.low, rule.high, rule.deadband
    return Check(
        rule.name,
        rule.signal,
        lambda value: value > high or value < low,
        lambda value: low + deadband <= value <= high - deadband,
    )


def analyzer_of(bus: int, can_id: int) -> int:
    message = MESSAGES if can_id == END_ID else can_id - FIRST_ID
    return (bus * (MESSAGES + 1) + message) % ANALYZERS


def producer(
    number: int,
    channel: str,
    dbc: str,
    queues: list[Queue[Any]],
    ready: Barrier,
    stop: Event,
    out: Queue[Any],
) -> None:
    database = cantools.database.load_file(dbc)
    analyzer = {
        can_id: queues[analyzer_of(number, can_id)]
        for can_id in [*range(FIRST_ID, FIRST_ID + MESSAGES), END_ID]
    }
    received = error_frames = gaps = 0
    expected = 0
    with can.Bus(channel, interface="firmware_sim", node_name=f"can{number}") as bus:
        ready.wait()
        while True:
            message = bus.recv(NOTHING_FOR_S)
            if message is None:
                if stop.is_set():
                    break
                continue
            received += 1
            if message.is_error_frame:
                error_frames += 1
                continue
            can_id = message.arbitration_id
            values: Any = database.decode_message(can_id, message.data, decode_choices=False)
            if can_id != END_ID:
                gaps += values["NUMBER"] - expected
                expected = values["NUMBER"] + 1
            analyzer[can_id].put((number, can_id, message.timestamp, values))
    for queue in queues:
        queue.put(None)
    out.put({"received": received, "error_frames": error_frames, "gaps": gaps})


def analyze(buses: int, queue: Queue[Any], ready: Barrier, out: Queue[Any]) -> None:
    checks: dict[tuple[int, int], list[Check]] = {}
    for rule in make_rules():
        checks.setdefault((rule.bus, rule.can_id), []).append(check(rule))
    raised: set[str] = set()
    judged = ended = 0
    ready.wait()
    while ended < buses:
        item = queue.get()
        if item is None:
            ended += 1
            continue
        judged += 1
        bus, can_id, timestamp, values = item
        for name, signal_name, is_high, is_back in checks.get((bus, can_id), ()):
            value = values[signal_name]
            if name in raised:
                if is_back(value):
                    raised.discard(name)
                    warn("cleared", name, value, timestamp)
            elif is_high(value):
                raised.add(name)
                warn("raised", name, value, timestamp)
    out.put({"judged": judged})


def warn(event: str, name: str, value: float, timestamp: float) -> None:
    said = {"event": event, "rule": name, "value": value, "t": timestamp}
    # In one piece: three processes share the pipe.
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    dbc, *channels = sys.argv[1:]
    queues: list[Queue[Any]] = [multiprocessing.Queue() for _ in range(ANALYZERS)]
    stop = multiprocessing.Event()
    ready = multiprocessing.Barrier(len(channels) + ANALYZERS + 1)
    out: Queue[Any] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=producer, args=(n, each, dbc, queues, ready, stop, out))
        for n, each in enumerate(channels)
    ]
    processes += [
        multiprocessing.Process(target=analyze, args=(len(channels), queue, ready, out))
        for queue in queues
    ]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    for process in processes:
        process.start()
    ready.wait()
    print("READY", file=sys.stderr, flush=True)
    signal.sigwait([signal.SIGTERM])
    stop.set()
    total: dict[str, int] = {}
    for _ in processes:
        for key, count in out.get().items():
            total[key] = total.get(key, 0) + count
    for process in processes:
        process.join()
    print(json.dumps(total), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
