"""Mutation testing: change the code a little, one change at a time, and see the tests fail.

    python mutate.py gateway/analysis tests/unit/analysis
    python mutate.py gateway/analysis/states.py tests/unit/analysis --change '>=' '>'

The changes are mutmut's (``pip install '.[soak]'``), or one of your own. They are run here and not
by mutmut itself, which leaves out what stands outside functions, such as the table of an alarm's
states, and methods with decorators. Each change is a process: forked from one that has the
libraries loaded, so that it costs little more than the tests that fail; the changed module is
handed to Python's import, and no file is touched.

Prints a JSON object a line: ``{"module", "line", "was", "is", "outcome", "seconds"}``; the outcome
is "killed", "timeout" (killed, too: it never ended), "survived", or "explained": not run, because
`--explained` lists it among those that change nothing.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
MEMORY = 4 << 30
"""Bytes that a changed program may take: some never stop taking."""

LIBRARIES = (
    "numpy", "numpy.testing", "numpy.random", "msgspec", "click", "pytest", "hypothesis",
    "hypothesis.strategies", "cobs.cobs", "cantools", "pynmea2", "can",
)  # fmt: skip
"""What is loaded once for all. Nothing of the project is."""

OPTIONS = (
    # plain: or else pytest would load the project's modules itself, because it has a plugin.
    "--assert=plain", "--tb=native", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
    "-m", "not slow", "-o", "timeout=0", "-o", "faulthandler_timeout=0",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


class Mutant(NamedTuple):
    """A changed module."""

    path: Path
    line: int
    was: str
    becomes: str
    code: str

    @property
    def module(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)


def compare(path: Path, original: str, code: str) -> Mutant:
    """Return the change from *original* to *code*, and where it is."""
    before, after = original.splitlines(), code.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    first, last = changes[0], changes[-1]
    was = " ".join(line.strip() for line in before[first[1] : last[2]])
    becomes = " ".join(line.strip() for line in after[first[3] : last[4]])
    return Mutant(path, first[1] + 1, was, becomes, code)


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every change of the module *path* that is one to Python."""
    import libcst as cst  # noqa: PLC0415
    from libcst.metadata import WhitespaceInclusivePositionProvider  # noqa: PLC0415
    from mutmut.mutation.file_mutation import MutationVisitor  # noqa: PLC0415
    from mutmut.mutation.mutators import mutation_operators  # noqa: PLC0415
    from mutmut.mutation.pragma_handling import IgnoredCode  # noqa: PLC0415

    class Changes(MutationVisitor):  # type: ignore[misc]
        def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
            # mutmut passes over functions with decorators, because it could not switch them.
            is_function = isinstance(node, cst.FunctionDef)
            return not is_function and super()._skip_node_and_children(node)

    original = path.read_text()
    starts = [0, *accumulate(map(len, original.splitlines(keepends=True)))]
    seen = {ast.dump(ast.parse(original))}
    changes = Changes(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper = cst.MetadataWrapper(cst.parse_module(original))
    places = wrapper.resolve(WhitespaceInclusivePositionProvider)
    module = wrapper.visit(changes)
    for mutation in changes.mutations:
        node, changed = mutation.original_node, mutation.mutated_node
        if isinstance(node, cst.BaseStatement):  # which is indented
            code = module.deep_replace(node, changed).code
        else:  # a hundred times as fast
            first, last = places[node].start, places[node].end
            before = original[: starts[first.line - 1] + first.column]
            after = original[starts[last.line - 1] + last.column :]
            code = before + module.code_for_node(changed) + after
        tree = ast.dump(ast.parse(code))
        if tree not in seen:
            seen.add(tree)
            yield compare(path, original, code)


def run(mutant: Mutant | None, tests: list[str], cpu_s: float) -> tuple[str, float]:
    """Run *tests* on *mutant*, or on the code as it is; return the outcome and the seconds."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_run_tests(mutant, tests, cpu_s))
    _, status = os.waitpid(child, 0)
    took = time.monotonic() - started
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        return "timeout", took
    if code == 5 or (mutant is None and code):  # pytest found no tests
        raise SystemExit(f"the tests do not pass by themselves: exit status {code}")
    return ("killed" if code else "survived"), took


def _run_tests(mutant: Mutant | None, tests: list[str], cpu_s: float) -> int:
    """In a process of its own: return pytest's exit status."""
    try:
        limit = int(cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(20 * limit)  # one that waits takes no time of the processor
        if mutant is not None:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            sys.meta_path.insert(0, _Import(mutant))
        else:
            os.dup2(2, 1)
        sys.path.insert(0, str(ROOT))
        os.chdir(ROOT)
        import pytest  # noqa: PLC0415
        from hypothesis import Phase, settings  # noqa: PLC0415

        # To shrink an example that kills takes longer than to find it; and to be slow, because
        # the machine is busy, is not to be killed.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", phases=phases, database=None, derandomize=True, deadline=None
        )
        settings.load_profile("mutation")
        return int(pytest.main([*OPTIONS, *tests]))
    except BaseException:  # noqa: BLE001 - whatever it is, the tests did not pass
        traceback.print_exc()
        return 1


class _Import(importlib.abc.MetaPathFinder):
    """Gives Python the changed module in place of the one on disk."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> object:  # noqa: ARG002
        if fullname != self._mutant.module:
            return None
        loader = _Loader(fullname, str(self._mutant.path), self._mutant.code)
        return importlib.util.spec_from_file_location(fullname, loader.path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, code: str) -> None:
        super().__init__(name, path)
        self._changed = code

    def get_code(self, fullname: str) -> object:  # noqa: ARG002
        return compile(self._changed, self.path, "exec")


def chosen(arguments: argparse.Namespace) -> list[Mutant]:
    """Return the changes that are asked for."""
    code = ROOT / arguments.code
    if arguments.change:
        was, becomes = arguments.change
        original = code.read_text()
        if was not in original:
            raise SystemExit(f"{arguments.code} has no {was!r}")
        return [compare(code, original, original.replace(was, becomes))]
    paths = sorted(code.glob("**/*.py")) if code.is_dir() else [code]
    found = [mutant for path in paths for mutant in mutants(path)]
    if arguments.sample and arguments.sample < len(found):
        found = random.Random(0).sample(found, arguments.sample)
    return found


def explained(file: Path) -> set[tuple[str, str, str]]:
    """Return module, was and is of every change that *file* (survivors.toml) explains."""
    groups = tomllib.loads(file.read_text())["survivor"]
    return {(f"gateway.{group['module']}", *each) for group in groups for each in group["changes"]}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("code", help="a module or a folder of modules")
    parser.add_argument("tests", nargs="+", help="in the order in which they run: quick ones first")
    parser.add_argument("--sample", type=int, help="so many of the changes, always the same ones")
    parser.add_argument("--change", nargs=2, help="this change alone: what it was, what it becomes")
    parser.add_argument("--explained", type=Path, help="the changes that need no run, as TOML")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    arguments = parser.parse_args()
    found = chosen(arguments)
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # or else each of the processes looks through all of them at its end
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(None, arguments.tests, 600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{len(found)} changes; the tests take {cpu_s:.1f} s", file=sys.stderr, flush=True)

    known = explained(arguments.explained) if arguments.explained else set()

    def outcome_of(mutant: Mutant) -> tuple[str, float]:
        if (mutant.module, mutant.was, mutant.becomes) in known:
            return "explained", 0.0
        return run(mutant, arguments.tests, 3 * cpu_s + 5)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = pool.map(outcome_of, found)
        for mutant, (outcome, seconds) in zip(found, outcomes, strict=True):
            facts = mutant._asdict() | {"module": mutant.module, "is": mutant.becomes}
            del facts["path"], facts["code"], facts["becomes"]
            facts |= {"outcome": outcome, "seconds": round(seconds, 2)}
            print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
