"""A bench on the simulated car, for tests of the bench itself and of pytest runs that use it."""

from importlib import resources
from pathlib import Path

import pytest

# Loaded here once: a run inside a test, in this process, forgets what it was the first to load.
import gateway.bench.report
import gateway.bench.session  # noqa: F401

CAR = """
[[source]]
name = "can0"
type = "can"
interface = "socketcan"
channel = "can0"
dbc = ["f1.dbc"]

[[rule]]
name = "engine_hot"
signal = "ENGINE_TEMP"
above = 110.0
deadband = 2.0

[[rule]]
name = "engine_silent"
signal = "RPM"
stale_after = "200ms"
"""
SCENARIO = """
[[bus]]
name = "can0"

[[device]]
name = "car"
type = "f1-car"
bus = "can0"
"""
BENCH = """
gateway = "car.toml"
scenario = "scenario.toml"
ready = "EngineStatus.ECU_STATE == 'normal'"

[set]
"engine.coolant_temp" = { input = "car.ENGINE_TEMP", rest = 90.0 }
"fuel" = "car.FUEL_LEVEL"

[isotp.engine]
request = 0x7E0
response = 0x7E8
"""


def write_bench(folder: Path, bench: str = BENCH, scenario: str = SCENARIO, car: str = CAR) -> Path:
    (folder / "f1.dbc").write_bytes(
        (resources.files("firmware_sim") / "data" / "f1.dbc").read_bytes()
    )
    (folder / "car.toml").write_text(car)
    (folder / "scenario.toml").write_text(scenario)
    (folder / "bench.toml").write_text(bench)
    return folder / "bench.toml"


@pytest.fixture(scope="session")
def bench_file(tmp_path_factory):
    """The bench of this folder's own tests."""
    return write_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def project(pytester, monkeypatch):
    """Makes a project with a bench and these tests, runs pytest in it; returns the result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(tests, *arguments, bench=BENCH, subprocess=False, **files):
        write_bench(pytester.path, bench, **files)
        pytester.makepyfile(test_it=tests)
        options = ("-p", "no:cacheprovider", "-rA", *arguments)
        return (
            pytester.runpytest_subprocess(*options)
            if subprocess
            else pytester.runpytest_inprocess(*options)
        )

    return run
