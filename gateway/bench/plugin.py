"""What pytest loads in every run on the machine: an option, a mark, two fixtures.

Everything else is imported when a test asks for a bench, so that the others pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gateway.bench.bench import Bench
    from gateway.bench.session import Session

_SESSION: pytest.StashKey[Session] = pytest.StashKey()
_BENCH: pytest.StashKey[Bench] = pytest.StashKey()
_REPORTED: pytest.StashKey[bool] = pytest.StashKey()
_ENDING: pytest.StashKey[bool] = pytest.StashKey()
_HEARD: pytest.StashKey[list[str]] = pytest.StashKey()

REPORTS = "bench-reports"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--bench`` and the ini option ``bench_file``."""
    parser.getgroup("bench", "hardware-in-the-loop tests").addoption(
        "--bench",
        metavar="BENCH",
        help="where tests with the fixture `bench` run: 'sim' (the default), CAN interfaces of "
        "the kernel such as 'vcan0' (the simulated devices on them), or a bench file "
        "(real interfaces and ports).",
    )
    parser.addini("bench_file", "the bench file, relative to this one", default="bench.toml")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark; refuse several workers on one bench."""
    config.addinivalue_line(
        "markers",
        "bench(needs=[...], bus_errors=True, drops=True, leaks=True): what a bench must be able "
        "to do, or the test is skipped; and what may be found after it.",
    )
    chosen = config.getoption("--bench") or ""
    if chosen.endswith(".toml") and (getattr(config.option, "numprocesses", None) or 0) > 1:
        raise pytest.UsageError(f"--bench={chosen}: there is one such bench; leave out -n")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which bench it is, where there is one."""
    default = _default(config)
    if not (config.getoption("--bench") or default.is_file()):
        return []
    from gateway.errors import GatewayError

    try:
        return _session(config).head(default)
    except GatewayError as error:
        return [f"bench: {error}"]


@pytest.fixture(scope="session")
def bench_file(pytestconfig: pytest.Config) -> Path:
    """The bench file: what ``bench_file`` of the ini file says. May be overridden."""
    return _default(pytestconfig)


@pytest.fixture(scope="session")
def _bench_session(pytestconfig: pytest.Config, bench_file: Path) -> Iterator[Session]:
    session = _session(pytestconfig)
    with _in_a_line():
        session.rig(bench_file)  # so that it starts before what tests have of their own
    yield session
    session.stop()


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, bench_file: Path, _bench_session: Session
) -> Iterator[Bench]:
    """The bench that ``--bench`` chooses, as if no test had run on it before.

    Afterwards, what the test set is released, its faults are cleared, and the simulated devices
    that it touched are reset. Bus errors, losses and leaks that it did not expect fail it.
    """
    from gateway.bench.session import begin, end

    item = request.node
    with _in_a_line():
        bench = begin(_bench_session.rig(bench_file), item)
    item.stash[_BENCH], item.stash[_REPORTED] = bench, False  # it may be a second attempt
    yield bench
    with _in_a_line():
        findings = end(bench)
    if not findings or request.config.stash.get(_ENDING, False):  # interrupted: judged by nobody
        return
    if item.stash.get(_REPORTED, False):  # it failed, perhaps by this: told, not a second failure
        item.add_report_section("teardown", "bench", "\n".join(findings))
    else:
        pytest.fail("\n".join(["bench: after the test:", *findings]), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ANN401, ARG001
    """Leave a text, a picture and a log of a test that failed on a bench."""
    report: pytest.TestReport = yield
    bench = item.stash.get(_BENCH, None)
    if bench is None or report.when == "setup":
        return report
    if report.failed and not item.stash.get(_REPORTED, False):
        from gateway.bench.report import text_of, write_files

        item.stash[_REPORTED] = True
        lines = [text_of(bench)]
        try:
            files = write_files(bench, _folder(item.config), item.nodeid)
        except OSError as error:  # which must not end the run
            lines.append(f"could not write its picture and log: {error}")
        else:
            item.user_properties += [(f"bench_{file.suffix[1:]}", str(file)) for file in files]
            report.user_properties = list(item.user_properties)
            lines += [f"wrote {file}" for file in files]
        report.sections.append((f"bench {bench.name}", "\n".join(lines)))
    if report.when == "teardown":
        del item.stash[_BENCH]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Stop a bench that no test has used; tell the devices' versions to xdist's controller."""
    ours = session.config.stash.get(_SESSION, None)
    if ours is not None and ours.firmware and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["bench_firmware"] = ours.firmware
    session.config.stash[_ENDING] = True
    try:
        yield  # an interrupted test is brought back here, and needs the bench for that
    finally:
        if ours is not None:
            ours.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ANN401, ARG001 - xdist's
    """Take the devices' versions from a worker of xdist."""
    heard = node.config.stash.setdefault(_HEARD, [])
    heard += getattr(node, "workeroutput", {}).get("bench_firmware", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401
    """Say which firmware xdist's workers met, which their head could not."""
    heard: list[str] = config.stash.setdefault(_HEARD, [])
    for line in dict.fromkeys(heard):
        terminalreporter.write_line(line)


@contextmanager
def _in_a_line() -> Iterator[None]:
    """Let what is wrong with the bench be an error of one line, without a traceback."""
    from gateway.errors import GatewayError

    try:
        yield
    except GatewayError as error:
        raise pytest.fail.Exception(f"bench: {error}", pytrace=False) from None


def _session(config: pytest.Config) -> Session:
    if _SESSION not in config.stash:
        from gateway.bench.session import Session

        config.stash[_SESSION] = Session(config)
    return config.stash[_SESSION]


def _default(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getini("bench_file"))


def _folder(config: pytest.Config) -> Path:
    """Return where the files of failed tests go: beside the JUnit report."""
    report = config.getoption("xmlpath", None)
    if report:
        return (config.invocation_params.dir / Path(report).expanduser()).parent
    return config.rootpath / REPORTS
