"""What processes cost, from /proc."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

NS_PER_S = 1_000_000_000


def processes_of(root: int) -> dict[int, str]:
    """Return the pids of *root* and all below it, each with a name that no other has."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:  # it has just ended
            continue
        parents[int(entry.name)] = int(rest.split()[1])
        names[int(entry.name)] = name
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    often = Counter(names[pid] for pid in found)
    return {
        pid: names[pid] if often[names[pid]] == 1 else f"{names[pid]}[{pid}]"
        for pid in sorted(found)
    }


def cpu_of(root: int) -> dict[int, tuple[str, int]]:
    """Return for *root* and all below it the name and the CPU time so far, in nanoseconds.

    The time of all threads that still run, user and system.
    """
    return {
        pid: (
            name,
            sum(
                int(task.read_text().split()[0])
                for task in Path(f"/proc/{pid}/task").glob("*/schedstat")
            ),
        )
        for pid, name in processes_of(root).items()
    }


def since(
    before: dict[int, tuple[str, int]], after: dict[int, tuple[str, int]]
) -> dict[str, float]:
    """Return the seconds of CPU that each process took between two looks."""
    return {
        name: (spent - before.get(pid, ("", 0))[1]) / NS_PER_S
        for pid, (name, spent) in after.items()
    }


def pss_mib(pid: int) -> float:
    """Return the proportional set size of *pid* in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
