"""The rule engine beside the usual dictionary of lambdas.

    python benchmarks/rules.py [--rounds N]

Both judge the same samples, of 100 signals with one rule each. The dictionary has
them as Python tuples already and knows neither delays nor deadbands nor quality; the engine has
them as the gateway's records and does all of that. The two are timed in turns, round by round, and
the table shows medians.

    quiet    no value crosses a limit
    active   every rule's alarm is on all the time
    pending  every rule's condition holds, within a long on-delay
    busy     a rule's value crosses its limit once in 100 samples
    wild     a rule's value crosses its limit with every sample: what is timed is making events
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from gateway.analysis.engine import Engine
from gateway.analysis.rules import Rule
from gateway.config.model import Duration, RuleConfig
from gateway.record import SAMPLE, Samples
from gateway.signals import SignalTable

SIGNALS = RULES = 100
SAMPLES = 40_960
RATE_HZ = 40_000
LIMIT = 80.0
BATCHES = (64, 256, 1024, 4096)


def make_rules(on_delay: str) -> list[Rule]:
    table = SignalTable()
    signals = [table.add("can0", "M", f"s{n}") for n in range(SIGNALS)]
    return [
        Rule.from_config(
            RuleConfig(
                name=f"r{n}",
                signal=signals[n].name,
                above=LIMIT,
                deadband=2.0,
                on_delay=Duration.parse(on_delay),
            ),
            n,
            signals[n],
            0,
        )
        for n in range(RULES)
    ]


def make_samples(kind: str) -> Samples:
    samples = np.zeros(SAMPLES, SAMPLE)
    samples["t_ns"] = np.arange(SAMPLES) * 1_000_000_000 // RATE_HZ
    samples["signal"] = np.arange(SAMPLES) % SIGNALS
    turn = np.arange(SAMPLES) // SIGNALS  # a signal's samples, numbered
    rng = np.random.default_rng(1)
    high = {
        "quiet": np.zeros(SAMPLES, bool),
        "active": np.ones(SAMPLES, bool),
        "pending": np.ones(SAMPLES, bool),
        "busy": (turn + samples["signal"]) // 100 % 2 == 0,
        "wild": turn % 2 == 0,
    }[kind]
    samples["value"] = np.where(high, LIMIT + 10, LIMIT - 10) + rng.normal(size=SAMPLES)
    return samples


def by_engine(engine: Engine, samples: Samples, batch: int) -> int:
    events = 0
    for start in range(0, SAMPLES, batch):
        events += len(engine.feed(samples[start : start + batch], 0, start))
    return events


def by_lambdas(samples: list[tuple[int, int, float]]) -> int:
    conditions = {n: (f"r{n}", lambda value: value > LIMIT) for n in range(RULES)}
    active: set[str] = set()
    events = []
    for t_ns, signal, value in samples:
        if signal in conditions:
            name, condition = conditions[signal]
            if condition(value) != (name in active):
                active ^= {name}
                events.append((t_ns, name, value))
    return len(events)


def seconds(work: Callable[[], int]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(kind: str, rounds: int) -> tuple[float, dict[int, float]]:
    """Return seconds for all samples: by the dictionary, and by the engine for each batch size."""
    samples = make_samples(kind)
    tuples = list(zip(*(samples[f].tolist() for f in ("t_ns", "signal", "value")), strict=True))
    rules = make_rules("1h" if kind == "pending" else "0s")
    lambdas: list[float] = []
    engine: dict[int, list[float]] = {n: [] for n in BATCHES}
    for _ in range(rounds):
        lambdas.append(seconds(partial(by_lambdas, tuples)))
        for n in BATCHES:
            judge = Engine(rules)
            judge.feed(samples[:SIGNALS])  # the alarms that stay on are raised before it counts
            engine[n].append(seconds(partial(by_engine, judge, samples, n)))
    return statistics.median(lambdas), {n: statistics.median(t) for n, t in engine.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds

    print(f"{RULES} rules; million samples a second, medians of {rounds} rounds")
    print(f"{'':8}  {'lambdas':>8}" + "".join(f"  {f'engine, {n} a batch':>20}" for n in BATCHES))
    for kind in ("quiet", "active", "pending", "busy", "wild"):
        lambdas, engine = compare(kind, rounds)
        row = f"{kind:8}  {SAMPLES / lambdas / 1e6:8.2f}"
        for n in BATCHES:
            row += f"  {SAMPLES / engine[n] / 1e6:11.2f} ({lambdas / engine[n]:5.1f}x)"
        print(row)


if __name__ == "__main__":
    main()
