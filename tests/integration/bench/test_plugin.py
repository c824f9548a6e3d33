"""pytest runs that use the plugin: what they say, skip, check and leave behind."""

import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

pytestmark = pytest.mark.slow

FAILING = """
def test_hot(bench):
    bench.set("engine.coolant_temp", 100.0)
    assert bench.expect("EngineStatus.LIMP_HOME == 1 and ENGINE_TEMP > 110", within="100ms")
"""


def test_a_failure_says_what_was_seen_and_leaves_a_picture_and_a_log(project, pytester):
    result = project(FAILING, "--junitxml=out/report.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "bench: sim (bench.toml, scenario.toml)",
            "bench: Linux *, python-can *, embedded-gateway *",
            "bench: can0: f1.dbc sha256 ????????????????",
            "E  *not in * frames; last LIMP_HOME = 0, ENGINE_TEMP = 100*",
            "* bench sim *",
            "*set engine.coolant_temp = 100",
            "*FAIL EngineStatus.LIMP_HOME == 1 and ENGINE_TEMP > 110 within 100 ms of set *",
            "*can0.EngineStatus.ENGINE_TEMP = 100 degC",
            "wrote *out/test_it-test_hot.log",
            "wrote *out/test_it-test_hot.svg",
        ]
    )
    picture = ElementTree.parse(pytester.path / "out" / "test_it-test_hot.svg").getroot()
    shown = " ".join(each.text or "" for each in picture.iter())
    for text in ("can0.EngineStatus.ENGINE_TEMP [degC]", "110", "set engine.coolant_temp = 100"):
        assert text in shown
    log = (pytester.path / "out" / "test_it-test_hot.log").read_text()
    assert len(re.findall(r"^\(\d+\.\d{9}\) can0 100#[0-9A-F]{16} R$", log, re.MULTILINE)) >= 5
    report = ElementTree.parse(pytester.path / "out" / "report.xml")
    written = {each.get("name"): each.get("value") for each in report.iter("property")}
    assert written["bench_svg"].endswith("out/test_it-test_hot.svg")
    assert written["bench_log"].endswith("out/test_it-test_hot.log")


def test_without_a_junit_report_they_are_in_a_folder_of_their_own(project, pytester):
    project(FAILING).assert_outcomes(failed=1)
    left = sorted(file.name for file in (pytester.path / "bench-reports").iterdir())
    assert left == ["test_it-test_hot.log", "test_it-test_hot.svg"]


def test_where_they_cannot_be_written_the_report_says_so_and_the_run_goes_on(project, pytester):
    (pytester.path / "bench-reports").write_text("a file, where a folder is to be")
    result = project(FAILING + "\ndef test_next(bench): ...\n")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*FAIL EngineStatus.LIMP_HOME == 1 and *",
            "could not write its picture and log: *bench-reports*",
        ]
    )


def test_a_test_that_passes_leaves_nothing(project, pytester):
    result = project("""
        def test_cold(bench):
            assert not bench.expect("ENGINE_TEMP > 110", within="50ms")
    """)
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "bench-reports").exists()


def test_a_mark_for_what_the_bench_cannot_skips_with_the_reason(project):
    result = project("""
        import pytest

        @pytest.mark.bench(needs=["climate-chamber"])
        def test_one(bench): ...

        @pytest.mark.bench(needs=["set.engine.coolant_temp", "request.engine", "send", "inject"])
        def test_two(bench): ...

        @pytest.mark.bench(needs=["set"])
        def test_three(bench): ...

        @pytest.mark.bench("set")
        def test_four(bench): ...

        @pytest.mark.bench(needs="inject.drop")
        def test_five(bench): ...
    """)
    result.assert_outcomes(passed=2, skipped=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "bench: @pytest.mark.bench: got *'set'*, expected needs=[[]...], bus_errors=True*",
            "bench: @pytest.mark.bench: got *'inject.drop'*, expected needs=[[]...], bus_errors*",
            "SKIPPED * bench sim cannot climate-chamber: it has no climate-chamber",
        ]
    )


def test_what_the_bench_file_lacks_is_skipped_when_it_is_called(project):
    bench = """
        gateway = "car.toml"
        scenario = "scenario.toml"
        lacks = ["inject", "request", "set.fuel"]
        capabilities = ["climate-chamber"]
        set = { fuel = "car.FUEL_LEVEL", heat = "car.ENGINE_TEMP" }
    """
    result = project(
        """
        import pytest

        def test_fault(bench):
            bench.inject("drop", on="car")

        @pytest.mark.bench(needs=["request"])
        def test_request(bench): ...

        def test_request_of_ids(bench):
            bench.request(b"\\x01\\x00", to=(0x7E0, 0x7E8))

        def test_fuel(bench):
            bench.set("fuel", 3)

        def test_heat(bench):
            bench.set("heat", 95)

        @pytest.mark.bench(needs=["climate-chamber"])
        def test_chamber(bench): ...
        """,
        bench=bench,
    )
    result.assert_outcomes(passed=2, skipped=4)
    result.stdout.fnmatch_lines(
        [
            "SKIPPED * bench sim cannot inject.drop: bench.toml says that it lacks inject.drop",
            "SKIPPED * bench sim cannot request: bench.toml says that it lacks request",
            "SKIPPED * bench sim cannot request: bench.toml says that it lacks request",
            "SKIPPED * bench sim cannot set fuel: bench.toml says that it lacks set.fuel",
        ]
    )


def test_what_is_not_as_it_should_be_after_a_test_fails_it(project):
    result = project("""
        import socket
        import can
        import pytest

        kept = []

        def bus(bench):
            return can.Bus(bench.rig.observer.config.source[0].channel, interface="firmware_sim")

        def error_frame(bench):
            with bus(bench) as node:
                node.send(can.Message(is_error_frame=True, dlc=8, data=bytes(8)))
            assert bench.expect("RPM > 0")

        def test_errors(bench):
            error_frame(bench)

        @pytest.mark.bench(bus_errors=True)
        def test_errors_expected_by_mark(bench):
            error_frame(bench)

        def test_errors_expected_by_call(bench):
            bench.expect_bus_errors()
            error_frame(bench)

        def test_leak(bench):
            kept.append(socket.socket())

        @pytest.mark.bench(leaks=True)
        def test_leak_expected(bench):
            kept.append(socket.socket())

        def test_failed_perhaps_by_an_error_frame(bench):
            error_frame(bench)
            assert bench.expect("RPM < 0", within="20ms")

        def test_drops(bench):
            bench.rig.observer.sources[0].counters.lost["overrun"] += 3

        def test_drops_expected(bench):
            bench.expect_drops()
            bench.rig.observer.sources[0].counters.lost["overrun"] += 3

        def test_close(bench):
            for each in kept:
                each.close()
    """)
    result.assert_outcomes(passed=8, errors=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "bench: after the test:",
            "can0: 1 error frame",
            "bench: after the test:",
            "left open: 1 descriptor: * (socket:*)",
            "bench: after the test:",
            "can0: lost 3 frames (overrun)",
            "*Captured bench teardown*",
            "can0: 1 error frame",
        ]
    )


def test_a_bench_that_cannot_be_had_is_told_in_a_line(project):
    result = project(
        "def test_one(bench): ...\ndef test_two(bench): ...",
        scenario='[[bus]]\nname = "a"\n[[bus]]\nname = "b"',
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["bench: *bench.toml: buses: got nothing for source 'can0', expected 'a' or 'b'"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("arguments", "bench", "message"),
    [
        (["--bench=no.toml"], None, "bench: *no.toml: got no such file, expected a bench file"),
        (["--bench=a b"], None, "bench: --bench: got 'a b', expected sim, a CAN interface*"),
        ([], 'gateway = "car.toml"', "bench: *scenario: got nothing, expected what to simulate"),
        ([], "gateway = 3", "bench: *bench.toml: gateway: got 3, expected *"),
    ],
)
def test_a_wrong_choice_is_told_in_a_line(project, arguments, bench, message):
    given = {} if bench is None else {"bench": bench}
    result = project("def test_one(bench): ...", *arguments, **given)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_devices_that_do_not_get_ready_are_told(project):
    bench = """
        gateway = "car.toml"
        scenario = "scenario.toml"
        ready = "ENGINE_TEMP > 300"
        ready_within = "200ms"
    """
    result = project("def test_one(bench): ...", bench=bench)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["bench: not ready within 0.2 s: ENGINE_TEMP > 300; last ENGINE*"])


def test_the_bench_file_may_be_chosen_by_ini_or_by_fixture(project, pytester):
    pytester.makeini("[pytest]\nbench_file = nowhere.toml")
    result = project("def test_one(bench): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["bench: *nowhere.toml: got no such file*"])
    pytester.makeconftest("""
        import pytest

        @pytest.fixture(scope="session")
        def bench_file(pytestconfig):
            return pytestconfig.rootpath / "bench.toml"
    """)
    project("def test_one(bench): ...").assert_outcomes(passed=1)


def test_folders_may_have_a_bench_each(project, pytester):
    project("def test_here(bench): ...").assert_outcomes(passed=1)
    for name in ("left", "right"):
        folder = pytester.mkdir(name)
        (folder / "bench.toml").write_text((pytester.path / "bench.toml").read_text())
        for file in ("car.toml", "scenario.toml", "f1.dbc"):
            (folder / file).symlink_to(pytester.path / file)
        (folder / "conftest.py").write_text(f"""
import pytest

@pytest.fixture(scope="session")
def bench_file(pytestconfig):
    return pytestconfig.rootpath / "{name}" / "bench.toml"
""")
        (folder / f"test_{name}.py").write_text(f"""
def test_it(bench):
    assert bench.rig.file.file.parent.name == "{name}"
    assert bench.value("RPM") > 0
""")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_the_head_asks_the_firmware_for_its_version(project):
    bench = """
        gateway = "car.toml"
        scenario = "scenario.toml"
        [isotp.engine]
        request = 0x7E0
        response = 0x7E8
        version = "09 04"
        [isotp.refusing]
        request = 0x7E0
        response = 0x7E8
        version = "22 F1 95"
        [isotp.gearbox]
        request = 0x7E6
        response = 0x7EE
        version = "09 04"
    """
    result = project("def test_one(bench): ...", bench=bench)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "bench: engine: firmware EngineEcu 1.2",
            "bench: refusing: does not tell its version: answered 7f 22 11",
            "bench: gearbox: no answer to 09 04 (7E6 > 7EE) within 2 s",
        ]
    )


def test_it_goes_together_with_mocks_and_tests_without_a_bus(project):
    project("""
        def test_with_both(bench, mocker):
            clock = mocker.Mock(return_value=3)
            assert clock() == 3
            assert bench.value("RPM") > 0

        def test_without_a_bus(mocker):
            assert mocker.Mock(spec=["read"]).read is not None
    """).assert_outcomes(passed=2)


def test_each_worker_of_xdist_has_a_bus_of_its_own(project):
    result = project(
        """
        import pytest

        @pytest.mark.parametrize("temperature", [90.0, 125.0] * 2)
        def test_limp_home(bench, temperature):
            bench.set("engine.coolant_temp", temperature)
            hot = bench.expect("EngineStatus.LIMP_HOME == 1", within="400ms")
            assert bool(hot) == (temperature > 120)
            print("channel", bench.rig.observer.config.source[0].channel)
        """,
        "-n2",
        "--dist=loadscope",
        "--dist=load",
        subprocess=True,
    )
    result.assert_outcomes(passed=4)
    channels = {line for line in result.outlines if line.startswith("channel bench-")}
    assert len(channels) == 2


def test_a_bench_of_hardware_is_not_shared_among_workers(project):
    result = project("def test_one(bench): ...", "-n2", "--bench=bench.toml", subprocess=True)
    result.stderr.fnmatch_lines(["ERROR: --bench=bench.toml: there is one such bench; leave ou*"])


def test_who_does_not_use_it_pays_nothing(pytester):
    pytester.makepyfile("""
        import sys

        def test_nothing_of_the_gateway_is_loaded():
            heavy = ("gateway", "can", "numpy")
            ours = [name for name in sys.modules if name.split(".")[0] in heavy]
            assert sorted(ours) == ["gateway", "gateway.bench", "gateway.bench.plugin"]
    """)
    plugins = ["no:cacheprovider", "no:hypothesispytest", "no:benchmark", "no:xdist"]
    options = [part for name in plugins for part in ("-p", name)]
    pytester.runpytest_subprocess(*options, "-p", "no:pytest-benchmark").assert_outcomes(passed=1)
    script = """
import time
import pytest
begin = time.perf_counter()
import gateway.bench.plugin
print((time.perf_counter() - begin) * 1000)
"""
    times = [float(pytester.run(sys.executable, "-c", script).outlines[0]) for _ in range(5)]
    assert min(times) < 50  # numpy alone takes longer
