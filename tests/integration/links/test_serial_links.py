"""A serial link that fails says how, once, and is read again within a second of its return."""

import errno
import fcntl
import os
import struct
import termios
import threading

import pytest
import serial

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, FakeClock
from gateway.errors import LinkError, LinkLostError
from gateway.sources import serial_port
from gateway.sources.link import LinkState

# What state a failure is.


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), LinkState.ABSENT),
        (OSError(errno.ENXIO, "No such device or address"), LinkState.ABSENT),
        (serial.SerialException(errno.ENODEV, "could not open port"), LinkState.ABSENT),
        (termios.error(errno.EIO, "Input/output error"), LinkState.ABSENT),
        (serial.SerialException(errno.EBUSY, "could not open port"), LinkState.BUSY),
        (OSError(errno.EWOULDBLOCK, "Could not exclusively lock port"), LinkState.BUSY),
        (PermissionError(errno.EACCES, "Permission denied"), LinkState.REFUSED),
        (termios.error(errno.ENOTTY, "Inappropriate ioctl"), LinkState.REFUSED),
        (ValueError("Invalid baud rate: 0"), LinkState.REFUSED),
        (serial.SerialException("could not configure port"), LinkState.LOST),
    ],
)
def test_what_keeps_a_port_from_being_opened_has_a_name(serial_source, mocker, error, state):
    mocker.patch.object(serial.Serial, "open", side_effect=error)
    with pytest.raises(LinkError) as caught, serial_source():
        pass
    assert caught.value.state == state


@pytest.mark.parametrize(
    "error",
    [
        serial.SerialException("device reports readiness to read but returned no data"),
        serial.SerialTimeoutException("Write timeout"),
        OSError(errno.EIO, "Input/output error"),
        termios.error(errno.EIO, "Input/output error"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_by_an_open_port_means_that_it_was_unplugged(
    adapter, serial_source, mocker, error
):
    with serial_source() as source:
        adapter.send(b"a=1\n")
        mocker.patch.object(serial_port.os, "read", side_effect=error)
        with pytest.raises(LinkLostError) as caught:
            source.read(NS_PER_S)
    assert caught.value.state == LinkState.UNPLUGGED


# What is the matter with a port that is open.


def test_a_port_is_mute_when_nothing_has_come_for_as_long_as_it_may_take(adapter, serial_source):
    clock = FakeClock()
    with serial_source(clock=clock, mute_after=2 * NS_PER_S) as source:
        clock.advance(2 * NS_PER_S - 1)
        assert source.link_states() == {}
        clock.advance(1)
        assert source.link_states() == {LinkState.MUTE: "nothing has come for 2 s or longer"}
        adapter.send(b"half a line")
        source.read(NS_PER_MS)
        assert source.link_states() == {}
        clock.advance(2 * NS_PER_S)
        assert set(source.link_states()) == {LinkState.MUTE}
    assert source.link_states() == {}
    with source:
        assert source.link_states() == {}


def test_a_port_from_which_nothing_is_expected_is_never_mute(serial_source):
    clock = FakeClock()
    with serial_source(clock=clock, mute_after=0) as source:
        clock.advance(1_000_000 * NS_PER_S)
        assert source.link_states() == {}


def test_a_port_is_mute_after_ten_seconds_if_nothing_else_is_said(serial_source):
    clock = FakeClock()
    with serial_source(clock=clock) as source:
        clock.advance(10 * NS_PER_S)
        assert set(source.link_states()) == {LinkState.MUTE}


def test_framing_errors_that_the_driver_counts_are_in_the_finding(adapter, serial_source, mocker):
    counts = {"frame": 7, "parity": 1}
    real = fcntl.ioctl

    def ioctl(descriptor, request, *rest):
        if request == termios.TIOCGICOUNT:
            frame, parity = counts["frame"], counts["parity"]
            return struct.pack("11i36x", *[0] * 6, frame, 0, parity, 0, 0)
        return real(descriptor, request, *rest)

    mocker.patch.object(fcntl, "ioctl", ioctl)
    with serial_source() as source:
        counts.update(frame=57, parity=11)
        adapter.send(b"\xf8\n" * 150)
        source.read(NS_PER_MS)
        [finding] = source.link_states().values()
    assert finding.endswith("0 of 150 lines make sense, 60 bytes had framing errors")


# The same, read by a producer in real time.


def names(said):
    return [line.partition(":")[0].partition(", after")[0] for line in said()]


def test_a_link_that_is_absent_at_first_is_read_when_it_comes(
    adapter, serial_source, reading, said
):
    adapter.unplug()
    with reading(serial_source()) as read:
        read.until("absent")
        adapter.plug_in()
        read.until()
        adapter.send(b"a=1\n")
        assert read.value() == 1
    assert names(said) == ["link absent", "link restored, no longer absent"]


def test_a_link_that_another_program_has_is_read_when_that_ends(
    adapter, serial_source, reading, said
):
    other = serial.Serial(str(adapter.by_id), exclusive=True)
    with reading(serial_source()) as read:
        assert "another program" in read.until("busy")["states"]["busy"]["detail"]
        other.close()
        read.until()
        adapter.send(b"a=1\n")
        assert read.value() == 1
    assert names(said) == ["link busy", "link restored, no longer busy"]


def test_a_mute_link_is_no_outage(adapter, serial_source, reading, said):
    with reading(serial_source(mute_after=600 * NS_PER_MS)) as read:
        assert read.until("mute")["entered"] == {"mute": 1}
        adapter.send(b"a=1\n")
        assert read.value() == 1
        read.link(lambda link: link["entered"] == {"mute": 2})
    assert names(said) == ["link mute", "link no longer mute", "link mute"]


def test_a_wrong_baud_rate_is_found_and_its_end_too(adapter, serial_source, reading, said):
    with reading(serial_source()) as read:
        read.opened()
        adapter.send(bytes(range(128, 256)) * 3)
        detail = read.until("wrong-baud-rate")["states"]["wrong-baud-rate"]["detail"]
        assert detail.startswith("9600 baud may be wrong: ")
        assert detail.endswith(" bytes are no text, 0 of 0 lines make sense")
        adapter.send(b"\n" + b"a=1\n" * 300)
        read.until()
    assert names(said) == ["link wrong-baud-rate", "link no longer wrong-baud-rate"]


def test_a_link_that_returns_under_another_name_is_read_within_a_second(
    adapter, serial_source, reading, said
):
    took_ns = []
    with reading(serial_source()) as read:
        read.opened()
        for value in range(5):
            adapter.send(b"a=%d\n" % value)
            assert read.value() == value
            before = adapter.device
            adapter.unplug()
            read.until("unplugged")
            adapter.plug_in()
            assert adapter.device != before
            returned_ns = SYSTEM_CLOCK.monotonic_ns()
            # It talks all the time, as a GPS does; what comes before it is heard is not kept.
            talking = threading.Event()
            talker = threading.Thread(target=talk, args=(adapter, talking))
            talker.start()
            assert read.value() == 7
            took_ns.append(SYSTEM_CLOCK.monotonic_ns() - returned_ns)
            talking.set()
            talker.join()
            adapter.send(b"a=99\n")
            while read.value() != 99:
                pass
    assert names(said) == ["link unplugged", "link restored, no longer unplugged"] * 5
    assert min(took_ns) < NS_PER_S  # a busy machine may hold up the others


def talk(adapter, enough):
    while not enough.wait(0.01):
        adapter.send(b"a=7\n")


@pytest.mark.slow
def test_a_thousand_unplugs_leave_nothing_behind(adapter, serial_source, reading, monkeypatch):
    # The wait for the middle of a line, and those between two tries, would take minutes.
    monkeypatch.setattr("gateway.sources.serial_port.LISTEN_MS", 0)
    monkeypatch.setattr("gateway.workers.producer.FIRST_RETRY_NS", NS_PER_MS)
    monkeypatch.setattr("gateway.workers.producer.LONGEST_RETRY_NS", NS_PER_MS)
    monkeypatch.setattr("gateway.workers.producer.TICK_INTERVAL_NS", NS_PER_MS)
    source = serial_source(baudrate=115_200)
    with reading(source) as read:
        read.opened()
        open_then, threads_then = descriptors(), threading.active_count()
        for cycle in range(1000):
            adapter.unplug()
            read.until("unplugged")
            adapter.plug_in()
            read.until()
            if cycle % 10 == 0:
                adapter.send(b"a=%d\n" % cycle)
                assert read.value() == cycle
        link = read.until()
        assert link["entered"] == {"unplugged": 1000}
        assert len(descriptors()) <= len(open_then) + 2  # the adapter's own
        assert threading.active_count() == threads_then
    assert source.counters.lost.total() == 0


def descriptors():
    return os.listdir("/proc/self/fd")
