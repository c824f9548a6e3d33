"""Every block of the page on tests does what it says."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.bench.bench_file import load_bench_file
from gateway.config.load import load_config

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[3]
PAGE = PROJECT / "docs" / "hil-testing.md"
BLOCK = re.compile(r"^```(\w+) ?([\w.-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    kind: str
    file: str
    text: str


BLOCKS = [Block(*match) for match in BLOCK.findall(PAGE.read_text())]


def of_kind(kind):
    return [block for block in BLOCKS if block.kind == kind]


def named(file):
    return next(block.text for block in BLOCKS if block.file == file)


@pytest.fixture
def folder(tmp_path):
    """The folder of somebody who has followed the page up to the first run."""
    for file in ("scenario.toml", "bench.toml", "test_engine.py"):
        (tmp_path / file).write_text(named(file))
    shutil.copy(PROJECT / "firmware_sim" / "data" / "f1.dbc", tmp_path)
    return tmp_path


def run(command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    return subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_block_is_of_a_kind_that_is_tried_here():
    assert {block.kind for block in BLOCKS} == {"toml", "python", "console", "text", "yaml"}
    assert all(block.file for block in BLOCKS if block.kind in ("toml", "python"))


@pytest.mark.parametrize("block", of_kind("console"), ids=lambda block: block.text.split("\n")[0])
def test_commands_print_what_the_page_shows(block, folder):
    if "firmware" in block.text and not (shutil.which("cc") and shutil.which("make")):
        pytest.skip("needs make and cc")
    where = PROJECT if "examples/" in block.text else folder
    command, *shown = block.text.splitlines()
    done = run(command.removeprefix("$ "), where)
    assert done.returncode == 0, done.stdout
    for line in shown:
        found = fnmatch.filter(done.stdout.splitlines(), f"*{line.replace('...', '*')}*")
        assert found, f"{line!r} in {done.stdout}"


@pytest.mark.parametrize("block", of_kind("python"), ids=lambda block: block.file)
def test_tests_pass(block, folder):
    (folder / "test_engine.py").unlink()
    (folder / block.file).write_text(block.text)
    done = run("pytest -q", folder)
    tests = block.text.count("def test_")
    assert f"{tests} passed" in done.stdout, done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("block", of_kind("toml"), ids=lambda block: block.file)
def test_files_are_read(block, folder):
    (folder / "sensor-box.dbc").write_text('VERSION ""\n')
    file = folder / block.file
    file.write_text(block.text)
    if "scenario" in block.file:
        (folder / "fan").write_text("#!/bin/sh\nexec sleep 10\n")
        (folder / "fan").chmod(0o755)
        done = run(
            f"firmware-sim run {block.file} --namespace doc-{os.getpid()} --seconds 0", folder
        )
        assert done.returncode == 0, done.stdout
        return
    bench = load_bench_file(file)
    assert bench.configuration().source
    assert bench.set


def test_a_failure_reads_as_the_page_shows_it(folder):
    (folder / "test_engine.py").write_text(named("test_engine.py").replace("125.0", "115.0"))
    done = run("pytest", folder)
    assert done.returncode == 1
    shown = next(block.text for block in of_kind("text") if "not in" in block.text)
    wanted = " ".join(shown.split()).replace("in 25 frames", "in 2? frames")
    assert fnmatch.filter([" ".join(done.stdout.split())], f"*{wanted}*"), done.stdout
    left = sorted(file.name for file in (folder / "bench-reports").iterdir())
    assert left == [f"test_engine-test_limp_home_when_engine_overheats.{e}" for e in ("log", "svg")]


def test_what_cannot_be_done_is_skipped_as_the_page_shows_it(folder):
    rack = re.sub(
        'ready = .*|interface = .*|, "sensor-box.dbc"|rest = [0-9]*', "", named("rack.toml")
    )
    rack = rack.replace('channel = "can0"', 'interface = "virtual"\nchannel = "rack"')
    rack = re.sub(r'^".*', "", rack, flags=re.MULTILINE)
    (folder / "rack.toml").write_text(rack)
    (folder / "bench.toml").write_text(
        named("bench.toml").replace("[set]", '[set]\ndoor = "car.DOOR"')
    )
    (folder / "test_faults.py").write_text(
        "\n\ndef test_one(bench): bench.inject('drop', on='car')\n"
    )
    (folder / "test_doors.py").write_text("\n" * 8 + "def test_two(bench): bench.set('door', 1)\n")
    done = run("pytest -rs --bench=rack.toml test_faults.py test_doors.py", folder)
    shown = next(block.text for block in of_kind("text") if "SKIPPED" in block.text)
    for line in shown.splitlines():
        where, why = line.removeprefix("SKIPPED ").split(": ", 1)
        assert re.search(rf"SKIPPED \[1\] .*{re.escape(why)}", done.stdout), done.stdout
        assert Path(where.split(":")[0]).name in ("test_faults.py", "test_doors.py")


def test_the_runs_in_ci_are_runs_of_pytest(folder):
    [workflow] = of_kind("yaml")
    runs = re.findall(r"- run: (pytest.*)", workflow.text)
    assert len(runs) == 2
    for command in runs:
        assert "--junitxml=reports/junit.xml" in shlex.split(command)
        done = run(f"{command.replace('-n auto', '-n 0')} --collect-only -q", folder)
        assert done.returncode == 0, done.stdout
        assert "1 test collected" in done.stdout


def test_the_example_project_passes_on_the_simulator(tmp_path):
    done = run(f"pytest --junitxml={tmp_path}/report.xml", PROJECT / "examples" / "hil")
    assert done.returncode == 0, done.stdout
    assert "bench: engine: firmware EngineEcu 1.2" in done.stdout
    assert "skipped" not in done.stdout


def test_the_example_is_the_gateways_own_configuration_too():
    config = load_config(PROJECT / "examples" / "hil" / "car.toml")
    assert [rule.name for rule in config.rule] == ["engine_hot", "low_fuel", "engine_silent"]
