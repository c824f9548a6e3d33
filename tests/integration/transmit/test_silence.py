"""A gateway that is not armed writes nothing to any bus: by the bus's record, and the kernel's."""

import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow

HELLO, FRAME = 64, 80
"""Bytes with which a node introduces itself to the simulated bus, and bytes of a frame there."""

WRITES = re.compile(r"(\d+) +(connect|close|write|writev|sendto|sendmsg|sendmmsg)\((\d+)(.*)")


def excite(bench, temperature):
    """Have everything happen that could make a gateway say something."""
    engine = bench.node("engine")
    for degrees in (90, 120, 90):
        engine.send(temperature(degrees))
    bench.send("fan", "SPEED=1")
    bench.wait_for(lambda status: journalled(status) == 2)


def journalled(status):
    return sum(row["delivered"] for row in status["ledger"] if row["stage"] == "journal")


def written_to_bus(trace, channel):
    """The sizes of all that the traced processes wrote into sockets to the bus, in order."""
    buses, sizes = set(), []
    for line in trace.splitlines():
        if not (call := WRITES.match(line)):
            continue
        process, name, descriptor, rest = call.groups()
        if name == "connect" and f'@"firmware-sim/{channel}"' in rest:
            buses.add((process, descriptor))
        elif name == "close":
            buses.discard((process, descriptor))
        elif name != "connect" and (process, descriptor) in buses:
            size = re.search(r'"(?:\.\.\.)?, (\d+)', rest)
            sizes.append(int(size[1]) if size else rest)
    return sizes


@pytest.fixture
def strace(tmp_path):
    """The command to run another one under, and the file where the record will be."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not here (apt-get install strace)")
    if subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace may not trace here")
    calls = "connect,close,write,writev,sendto,sendmsg,sendmmsg"
    return [strace, "-f", "-qq", "-e", f"trace={calls}", "-o", str(tmp_path / "trace")]


def test_by_the_record_of_the_bus(bench, listening, temperature):
    bus = bench.bus()
    gateway = bench.run(listening)
    excite(bench, temperature)
    bench.stop(gateway)
    assert bench.end_bus(bus) == {"can0": 0, "engine": 3}, "one node of the gateway, and no frame"


def test_by_the_record_of_the_kernel(bench, listening, temperature, strace):
    bench.bus()
    gateway = bench.run(listening, *strace)
    excite(bench, temperature)
    bench.stop(gateway)
    trace = (bench.folder / "trace").read_text()
    assert written_to_bus(trace, bench.channel) == [HELLO]


def test_the_same_records_show_what_an_armed_one_sends(bench, armed, temperature, strace):
    bus = bench.bus()
    gateway = bench.run(armed, *strace)
    excite(bench, temperature)
    bench.stop(gateway)
    trace = (bench.folder / "trace").read_text()
    assert written_to_bus(trace, bench.channel) == [HELLO, HELLO, FRAME, FRAME, FRAME]
    assert bench.end_bus(bus) == {"can0": 0, "can0.tx": 3, "engine": 3}
