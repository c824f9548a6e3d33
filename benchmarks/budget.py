"""What the gateway takes of a computer, process by process: as a table and as a picture.

    python benchmarks/budget.py [--seconds S] [--picture FILE.svg]

Five situations: the gateway with four silent buses; the demo, simulator included; and 1, 2 and 4
buses with 9,000 frames/s each, which is all that 1 Mbit/s can carry, with the rules of the
end-to-end benchmark. The last three also for the same job written the usual way (python-can,
cantools, multiprocessing.Queue, see ``_end_to_end_usual.py``). CPU is user and system time over S
seconds, in percent of one core. PSS is the memory of a process, shared pages divided among those
who share them, so that the sum is what all of them take. The simulated buses are counted only with
the demo, which includes them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path

from _end_to_end_cost import cpu_of, processes_of, pss_mib, since
from _end_to_end_job import make_config, make_dbc, make_rules, send
from end_to_end import HERE, simulator
from end_to_end_demo import measure

RATE = 9_000
SETTLE_S = 1.5
START_TIMEOUT_S = 60
ANALYZERS = 3


@dataclass(frozen=True)
class Budget:
    """What one situation takes.

    Attributes:
        name: The situation.
        cpu: Percent of one core, by process.
        pss: MiB, by process.
        notes: What else is to be said of it.
    """

    name: str
    cpu: dict[str, float]
    pss: dict[str, float]
    notes: str = ""


def demo(seconds: float) -> Budget:
    """The demo as it is."""
    cost = measure(seconds)
    names = dict(zip(cost.of_a_core, role_names(list(cost.of_a_core)), strict=True))
    return Budget(
        "the demo, simulator included",
        {names[name]: 100 * part for name, part in cost.of_a_core.items()},
        {names[name]: size for name, size in cost.pss_mib.items() if name in names},
        f"first value on the screen after {cost.first_s:.1f} s",
    )


def role_names(names: list[str]) -> list[str]:
    """Name the two interpreters of the demo, which are started in this order."""
    unnamed = iter(("supervisor", "simulator"))
    return [next(unnamed) if name.startswith("python") else name[3:] for name in names]


def with_buses(buses: int, seconds: float, *, usual: bool = False, silent: bool = False) -> Budget:
    """The job of the end-to-end benchmark on some of its buses."""
    names = [f"bus{number}" for number in range(buses)]
    namespace = f"budget{os.getpid()}"
    channels = [f"{namespace}.{name}" for name in names]
    context = multiprocessing.get_context("spawn")
    go, stop = context.Event(), context.Event()
    with tempfile.TemporaryDirectory(prefix="gateway-budget-") as name:
        folder = Path(name)
        (folder / "job.dbc").write_text(make_dbc())
        rules = [rule for rule in make_rules() if rule.bus < buses]
        (folder / "job.toml").write_text(make_config(channels, rules))
        command = [sys.executable, "-m", "gateway", "run", "job.toml", "--alarms", "-"]
        if usual:
            command = [sys.executable, str(HERE / "_end_to_end_usual.py"), "job.dbc", *channels]
        count = round(RATE * (seconds + 60))
        sender = context.Process(target=send, args=(channels, RATE, count, True, go, stop))
        with (
            simulator(folder, names, namespace, waits=False),
            (folder / "out").open("w") as out,
            (folder / "log").open("w") as log,
        ):
            sender.start()
            side = subprocess.Popen(
                command,
                cwd=folder,
                stdout=out,
                stderr=log,
                env={**os.environ, "RUNTIME_DIRECTORY": str(folder)},
            )
            try:
                wait_for_start(side, folder, buses + ANALYZERS)
                if not silent:
                    go.set()
                return look(side.pid, seconds, buses, usual=usual, silent=silent)
            finally:
                side.send_signal(signal.SIGTERM)
                sender.terminate()
                sender.join()
                try:
                    side.wait(10)
                except subprocess.TimeoutExpired:  # its queues are longer than that
                    kill_all(side.pid)
                    side.wait()


def wait_for_start(side: subprocess.Popen[bytes], folder: Path, processes: int) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while len(processes_of(side.pid)) <= processes:
        if side.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"did not start: {(folder / 'log').read_text()}")
        select.select([], [], [], 0.1)
    select.select([], [], [], 1.0)


def kill_all(root: int) -> None:
    for pid in processes_of(root):
        os.kill(pid, signal.SIGKILL)


def look(pid: int, seconds: float, buses: int, *, usual: bool, silent: bool) -> Budget:
    """Look at a program and its children for so long."""
    select.select([], [], [], SETTLE_S)
    before, began = cpu_of(pid), time.monotonic()
    select.select([], [], [], seconds)
    spent, took_s = since(before, cpu_of(pid)), time.monotonic() - began
    pids = dict(zip(spent, processes_of(pid), strict=True))
    if usual:
        roles = ["main", *(f"producer {n}" for n in range(buses))]
        roles += [f"analyzer {n}" for n in range(ANALYZERS)]
    else:
        roles = ["supervisor", *(name[3:] for name in list(spent)[1:])]
    named = list(zip(roles, spent, strict=False))
    who = "the usual way" if usual else "gateway"
    what = f"{buses} silent buses" if silent else f"{buses} saturated bus{'es' * (buses > 1)}"
    return Budget(
        f"{what}: {who}",
        {role: 100 * spent[name] / took_s for role, name in named},
        {role: pss_mib(pids[name]) for role, name in named},
    )


def table(budgets: list[Budget]) -> str:
    """Return the table, in Markdown."""
    lines = ["| | process | % of a core | PSS MiB |", "| --- | --- | ---: | ---: |"]
    for each in budgets:
        cpu, pss = sum(each.cpu.values()), sum(each.pss.values())
        remark = f" ({each.notes})" if each.notes else ""
        lines.append(f"| **{each.name}**{remark} | all | **{cpu:.1f}** | **{pss:.0f}** |")
        lines += [
            f"| | {name} | {cpu:.2f} | {each.pss.get(name, 0):.1f} |"
            for name, cpu in each.cpu.items()
        ]
    return "\n".join(lines)


COLORS = {
    "simulator": "#b0b0b0",
    "supervisor": "#6b6b6b",
    "main": "#6b6b6b",
    "producer": "#1f77b4",
    "can": "#1f77b4",
    "gps": "#1f77b4",
    "analyzer": "#ff7f0e",
}
SINK_COLOR = "#2ca02c"
LEGEND = (
    ("producers", COLORS["can"]), ("analyzers", COLORS["analyzer"]), ("sinks, view", SINK_COLOR),
    ("supervisor", COLORS["supervisor"]), ("simulator", COLORS["simulator"]),
)  # fmt: skip
LEFT, WIDTH, BAR, STEP = 300, 420, 14, 24


def color(process: str) -> str:
    return next((c for start, c in COLORS.items() if process.startswith(start)), SINK_COLOR)


def picture(budgets: list[Budget]) -> str:
    """Return the picture, SVG: a bar a situation, a piece of it a process."""
    parts: list[str] = []
    y = 30
    for title, unit, values in (
        ("CPU, percent of one core", "%", [each.cpu for each in budgets]),
        ("memory, PSS", "MiB", [each.pss for each in budgets]),
    ):
        scale = WIDTH / max(sum(each.values()) for each in values)
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{title}</text>')
        for budget, each in zip(budgets, values, strict=True):
            y += STEP
            parts.append(f'<text x="{LEFT - 8}" y="{y}" class="name">{escape(budget.name)}</text>')
            x = float(LEFT)
            for process, value in each.items():
                parts.append(
                    f'<rect x="{x:.1f}" y="{y - 11}" width="{value * scale:.1f}" height="{BAR}"'
                    f' fill="{color(process)}"><title>{escape(process)}: {value:.1f} {unit}'
                    "</title></rect>"
                )
                x += value * scale
            total = sum(each.values())
            parts.append(f'<text x="{x + 6:.1f}" y="{y}">{total:.1f} {unit}</text>')
        y += 2 * STEP
    x = LEFT
    for name, fill in LEGEND:
        parts.append(f'<rect x="{x}" y="{y - 10}" width="10" height="10" fill="{fill}"/>')
        parts.append(f'<text x="{x + 14}" y="{y}">{name}</text>')
        x += 30 + 7 * len(name)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="840" height="{y + 20}"'
        ' font-family="sans-serif" font-size="12">\n'
        "<style>.name { text-anchor: end }</style>\n"
        '<rect width="100%" height="100%" fill="white"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each situation")
    parser.add_argument("--picture", type=Path, help="where to write it, SVG")
    options = parser.parse_args()
    budgets = [with_buses(4, options.seconds, silent=True), demo(options.seconds)]
    for buses in (1, 2, 4):
        for usual in (False, True):
            print(f"{buses} buses ...", file=sys.stderr)
            budgets.append(with_buses(buses, options.seconds, usual=usual))
    print(table(budgets))
    if options.picture:
        options.picture.write_text(picture(budgets))


if __name__ == "__main__":
    main()
