"""``firmware-sim dump`` beside programs on a bus."""

import re
import signal
import subprocess
import sys
import time

import can
import pytest

from firmware_sim import testing

TIMEOUT_S = 30.0
LINE = re.compile(r"\((\d+\.\d{6})\) (\S+) (\S+)")


@pytest.fixture
def dump(channel):
    """Start a dump of the bus with these arguments; return it when it listens."""
    started = []

    def start(filters="", *arguments):
        process = testing.start("dump", channel + filters, *arguments, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def frames(text):
    """The third column of each line."""
    return [LINE.fullmatch(line)[3] for line in text.splitlines()]


def message(can_id, data=b"", **options):
    return can.Message(arbitration_id=can_id, is_extended_id=False, data=data, **options)


def test_it_prints_each_frame_with_the_time_and_the_bus(channel, dump):
    process = dump("", "--count", "1")
    with can.Bus(channel, interface="firmware_sim") as bus:
        before = time.time_ns() / 1e9
        bus.send(message(0x123, b"\xab"))
        out, _ = process.communicate(timeout=TIMEOUT_S)
    stamp, name, frame = LINE.fullmatch(out.rstrip("\n")).groups()
    assert (name, frame) == (channel, "123#AB")
    assert before - 0.01 <= float(stamp) <= time.time_ns() / 1e9 + 0.01
    assert process.returncode == 0


def test_it_shows_what_its_filters_let_through(channel, dump):
    process = dump(",100:700", "--count", "2")
    with can.Bus(channel, interface="firmware_sim") as bus:
        for can_id in (0x0FF, 0x100, 0x200, 0x1FF):
            bus.send(message(can_id))
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert frames(out) == ["100#", "1FF#"]


def test_error_frames_are_shown_when_they_are_asked_for(channel, dump):
    with can.Bus(channel, interface="firmware_sim") as bus:
        plain, all_of_it = dump("", "--count", "1"), dump("", "--errors", "--count", "2")
        bus.send(message(0x8, b"\0\0\x04", is_error_frame=True))
        bus.send(message(0x1))
        assert frames(plain.communicate(timeout=TIMEOUT_S)[0]) == ["001#"]
        shown = frames(all_of_it.communicate(timeout=TIMEOUT_S)[0])
        assert shown == ["20000008#000004", "001#"]


def test_python_can_reads_what_it_prints(channel, dump, tmp_path):
    process = dump("", "--count", "4")
    sent = [
        message(0x123, b"12345678"),
        can.Message(arbitration_id=0x1234567, data=b"\0"),
        message(0x7, bytes(64), is_fd=True, bitrate_switch=True),
        message(0x8, is_remote_frame=True),
    ]
    with can.Bus(channel, interface="firmware_sim") as bus:
        for each in sent:
            bus.send(each)
        (tmp_path / "can.log").write_text(process.communicate(timeout=TIMEOUT_S)[0])
    with can.CanutilsLogReader(tmp_path / "can.log") as read:
        for one, other in zip(read, sent, strict=True):
            assert one.equals(other, timestamp_delta=None, check_channel=False)


def test_it_ends_with_the_bus_or_when_it_is_told_to(dump):
    with testing.running_bus() as channel:
        process = testing.start("dump", channel, stdout=subprocess.PIPE)
    assert process.wait(TIMEOUT_S) == 0
    process.stdout.close()
    process = dump()
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 0


def test_it_ends_quietly_when_nobody_reads_on(channel):
    process = testing.start("dump", channel, stdout=subprocess.PIPE)
    process.stdout.close()
    with can.Bus(channel, interface="firmware_sim") as bus:
        bus.send(message(1))
        assert process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        pytest.param("nowhere", "no bus 'nowhere' is running", id="no such bus"),
        pytest.param("bus,12", "got filter '12', expected ID:MASK", id="filter"),
        pytest.param("a/b", "got name 'a/b', expected 1 to 47 letters", id="name"),
    ],
)
def test_what_cannot_be_dumped_is_one_line(argument, says):
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "dump", argument],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode in (2, 3)
    [line] = done.stderr.splitlines()
    assert says in line
