"""``firmware-sim`` as people run it: a scenario, its buses, its ports, its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import can
import cantools
import numpy as np
import pytest
import serial

from firmware_sim import testing, wire
from firmware_sim.client import connect

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "f1-scenario.toml"
TIMEOUT_S = 120.0

SLCAN = """
[[bus]]
name = "can0"
[[device]]
name = "adapter"
type = "slcan"
bus = "can0"
port = "slcan0"
"""


def command(*arguments):
    """Run ``firmware-sim`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "firmware_sim", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def namespace():
    return testing.unique_name("sim")


@pytest.fixture
def ports(tmp_path):
    return tmp_path / "ports"


@pytest.fixture
def scenario(tmp_path):
    def write(text):
        file = tmp_path / "scenario.toml"
        file.write_text(text)
        return file

    return write


def read_records(sock, count):
    sock.settimeout(TIMEOUT_S)
    data = b""
    while missing := count * wire.RECORD_SIZE - len(data):
        more = sock.recv(missing)
        assert more, f"the bus ended after {len(data) // wire.RECORD_SIZE} of {count} frames"
        data += more
    return np.frombuffer(data, wire.RECORD)


@pytest.mark.slow
def test_the_example_sends_the_car_on_the_bus_and_its_place_on_the_port(namespace, ports):
    database = cantools.database.load_file(ROOT / "firmware_sim" / "data" / "f1.dbc")
    with (
        testing.running("run", str(EXAMPLE), "--namespace", namespace, "--ports", str(ports)),
        can.Bus(f"{namespace}.can0", interface="firmware_sim") as bus,
        serial.Serial(str(ports / "gps"), timeout=TIMEOUT_S) as gps,
    ):
        seen = set()
        while len(seen) < 6:
            message = bus.recv(TIMEOUT_S)
            database.decode_message(message.arbitration_id, message.data)
            seen.add(database.get_message_by_frame_id(message.arbitration_id).name)
        gps.readline()
        assert {gps.readline()[:6] for _ in range(3)} == {b"$GPGGA", b"$GPRMC", b"$GPVTG"}
    assert list(ports.iterdir()) == []


def test_python_cans_slcan_driver_sends_and_receives_through_the_adapter(
    scenario, namespace, ports
):
    frames = [
        can.Message(arbitration_id=0x123, is_extended_id=False, data=b"\1\2\3"),
        can.Message(arbitration_id=0x1ABCDEF0, data=b"12345678"),
        can.Message(arbitration_id=0x7FF, is_extended_id=False, is_remote_frame=True, dlc=4),
        can.Message(arbitration_id=0x1, is_remote_frame=True, dlc=0),
        can.Message(arbitration_id=0x55, is_extended_id=False, is_fd=True, data=bytes(64)),
        can.Message(arbitration_id=0x55, is_fd=True, bitrate_switch=True, data=bytes(range(12))),
    ]
    file = scenario(SLCAN)
    with (
        testing.running("run", str(file), "--namespace", namespace, "--ports", str(ports)),
        can.Bus(f"{namespace}.can0", interface="firmware_sim") as bus,
        can.Bus(
            str(ports / "slcan0"), interface="slcan", bitrate=500_000, sleep_after_open=0.0
        ) as adapter,
    ):
        assert adapter.get_version(TIMEOUT_S) == (10, 13)
        assert adapter.get_serial_number(TIMEOUT_S) == "SIM0"
        for frame in frames:
            adapter.send(frame)
            assert_same(bus.recv(TIMEOUT_S), frame)
        for frame in frames:
            bus.send(frame)
            assert_same(receive(adapter), frame)


def receive(adapter):
    # The driver takes an answer to a command for the end of its wait, so ask until there is one.
    for _ in range(100):
        message = adapter.recv(TIMEOUT_S)
        if message is not None:
            return message
    raise AssertionError("nothing but answers came from the adapter")


def assert_same(got, sent):
    assert got.equals(sent, timestamp_delta=None, check_channel=False), (got, sent)


@pytest.mark.slow
def test_a_burst_through_the_adapter_arrives_whole_and_in_order(scenario, namespace, ports):
    count = 2_000
    file = scenario(SLCAN)
    with testing.running("run", str(file), "--namespace", namespace, "--ports", str(ports)):
        sock, _ = connect(f"{namespace}.can0", wire.Hello("burst"))
        with sock, serial.Serial(str(ports / "slcan0"), timeout=TIMEOUT_S) as line:
            line.write(b"O\r")
            assert line.read(1) == b"\r"
            sock.sendall(b"".join(wire.pack_frame(n % 0x800, bytes(8)) for n in range(count)))
            told = [line.read_until(b"\r") for _ in range(count)]
            assert told == [b"t%03X8" % (n % 0x800) + b"00" * 8 + b"\r" for n in range(count)]
            line.write(b"".join(b"t%03X0\r" % (n % 0x800) for n in range(count)))
            answers = line.read(2 * count)
            assert answers == b"z\r" * count
            records = read_records(sock, count)
            assert records["can_id"].tolist() == [n % 0x800 for n in range(count)]


def test_a_load_on_four_buses_arrives_complete_and_numbered(scenario, namespace):
    count = 2_000
    file = scenario(
        "\n".join(
            f"[[bus]]\nname='can{n}'\n[[device]]\nname='load{n}'\ntype='load'\nbus='can{n}'\n"
            "rate=9000\nids=10"
            for n in range(4)
        )
    )
    # It starts sending before anybody can have joined, and goes on for as long as it takes.
    with testing.running("run", str(file), "--namespace", namespace):
        socks = [connect(f"{namespace}.can{n}", wire.Hello("reader"))[0] for n in range(4)]
        for sock in socks:
            got = numbers(read_records(sock, count))
            assert got == list(range(got[0], got[0] + count))
            sock.close()


def numbers(records):
    return np.ascontiguousarray(records["data"][:, :4]).view("<u4").ravel().tolist()


def test_the_run_ends_after_its_seconds_and_tells_its_ledger_as_json(scenario, namespace, ports):
    file = scenario(SLCAN + "[[device]]\nname='load'\ntype='load'\nbus='can0'\nrate=1000\ncount=50")
    done = command(
        "run", file, "--seconds", "0.2", "--namespace", namespace, "--ports", ports,
        "--log-format", "json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"event": "bus", "name": "can0", "channel": f"{namespace}.can0", "bit_rate": 0},
        {"event": "control", "name": namespace},
        {"event": "port", "device": "adapter", "path": str(ports / "slcan0")},
        {"event": "READY"},
        {"event": "carried", "bus": "can0", "frames": 50},
        {
            "event": "node", "bus": "can0", "name": "adapter",
            "sent": 0, "delivered": 50, "notices": 0, "lost": 0, "unread": 0,
            "unsent": 0, "tx_errors": 0, "rx_errors": 0,
        },
        {
            "event": "node", "bus": "can0", "name": "load",
            "sent": 50, "delivered": 0, "notices": 0, "lost": 0, "unread": 0,
            "unsent": 0, "tx_errors": 0, "rx_errors": 0,
        },
        {"event": "sent", "device": "adapter", "bytes": 0, "dropped": 0},
    ]  # fmt: skip


def test_what_is_on_the_bus_at_the_end_still_reaches_those_that_read(scenario, namespace):
    file = scenario(
        "[[bus]]\nname='can0'\n[[device]]\nname='load'\ntype='load'\nbus='can0'\nrate=50000"
    )
    process = testing.start("run", str(file), "--namespace", namespace, stdout=subprocess.PIPE)
    late, _ = connect(f"{namespace}.can0", wire.Hello("late"))
    keen, _ = connect(f"{namespace}.can0", wire.Hello("keen"))
    with late:
        with keen:
            read_records(
                keen, 8_000
            )  # more than a socket holds, less than the bus keeps for `late`
        process.send_signal(signal.SIGTERM)
        late.settimeout(TIMEOUT_S)
        data = b""
        while more := late.recv(1 << 20):
            data += more
    out, _ = process.communicate(timeout=TIMEOUT_S)
    got = numbers(np.frombuffer(data, wire.RECORD))
    assert len(got) >= 8_000
    assert got == list(range(got[0], got[0] + len(got)))
    assert f"name=late sent=0 delivered={len(got)} notices=0 lost=0 unread=0" in out


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleanly(sign, namespace, ports):
    process = testing.start(
        "run", str(EXAMPLE), "--namespace", namespace, "--ports", str(ports), stdout=subprocess.PIPE
    )
    process.send_signal(sign)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert "carried bus=can0" in out
    assert list(ports.iterdir()) == []


def test_the_ready_descriptor_says_ready_and_is_closed(namespace):
    ready, told = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_sim", "bus", namespace, "--ready-fd", str(told)],
        pass_fds=(told,),
        stdout=subprocess.DEVNULL,
    )
    os.close(told)
    with os.fdopen(ready, "rb") as pipe:
        assert pipe.read() == b"READY\n"
    process.terminate()
    assert process.wait(TIMEOUT_S) == 0


def test_a_folder_that_cannot_be_made_ends_the_run_in_one_line_with_status_three(namespace):
    done = command("run", EXAMPLE, "--namespace", namespace, "--ports", "/dev/null/ports")
    assert (done.returncode, done.stderr) == (
        3,
        "firmware-sim: /dev/null/ports/gps: Not a directory\n",
    )


def test_who_was_orphaned_before_it_could_notice_ends_when_it_is_ready(scenario, ports, namespace):
    # As the parent's end closes the pipe; the process that is this one's parent lives on.
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "firmware_sim", "run", str(scenario(SLCAN))),
                *("--ports", str(ports), "--namespace", namespace),
                *("--ready-fd", str(writer), "--die-with-parent"),
            ],
            pass_fds=[writer],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 3
    assert done.stderr == "firmware-sim: the parent process ended while this one started\n"
    assert not list(ports.iterdir())
