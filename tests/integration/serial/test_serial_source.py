"""A serial port as a source: what it delivers, and what it says when the device is not there."""

import errno
import fcntl
import os
import struct
import termios
import threading

import pytest
import serial

from gateway.clock import NS_PER_S, FakeClock, SystemClock
from gateway.errors import LinkClosedError, LinkError, LinkLostError
from gateway.record import Origin, Quality
from gateway.sources import serial_port
from gateway.sources.checks import check_source

LONG = 10 * NS_PER_S
"""Never waited for in full: what is waited for has been sent already."""


def values(source, *, samples):
    """Read until so many samples have come; return their values."""
    found = []
    while len(found) < samples:
        batch = source.read(LONG)
        assert len(batch), "nothing came"
        found += batch["value"].tolist()
    return found


def test_what_the_device_sends_comes_out_as_stamped_samples(device, make_source):
    clock = FakeClock(monotonic_ns=5_000)
    source = make_source(clock=clock)
    with source:
        device.send(b"a=1,b=2\n")
        [a, b] = source.read(LONG)
        clock.advance(40)
        device.send(b"a=3\n")
        [later] = source.read(LONG)
    assert a.tolist() == (5_000, 1.0, source.signals[0].index, 3, Quality.GOOD, Origin.USER)
    assert b.tolist() == (5_000, 2.0, source.signals[1].index, 3, Quality.GOOD, Origin.USER)
    assert (later["t_ns"], later["value"]) == (5_040, 3.0)
    assert (source.counters.received, source.counters.delivered) == (2, 2)


@pytest.mark.parametrize(
    ("protocol", "sent"), [("lines", b"a=1,b=2\n"), ("nmea0183", b"$HEHDT,271.1,T*2A\r\n")]
)
def test_it_keeps_what_every_source_promises(device, make_source, protocol, sent):
    check_source(lambda: make_source(protocol), send=lambda: device.send(sent))


def test_the_system_clock_stamps_monotonic_time(device, make_source):
    clock = SystemClock()
    with make_source(clock=clock) as source:
        before = clock.monotonic_ns()
        device.send(b"a=1\n")
        [sample] = source.read(LONG)
        assert before <= sample["t_ns"] <= clock.monotonic_ns()
    assert source.live


@pytest.mark.parametrize(
    ("protocol", "unit"), [("nmea0183", "sentences"), ("lines", "lines"), ("csv", "lines")]
)
def test_it_counts_in_the_unit_of_its_protocol(make_source, protocol, unit):
    assert make_source(protocol).unit == unit


def test_only_selected_signals_are_decoded(device, make_source):
    source = make_source()
    source.select([source.signals[1].index])
    with source:
        device.send(b"a=1,b=2\n")
        assert values(source, samples=1) == [2]


def test_a_silent_line_gives_an_empty_batch(make_source):
    with make_source() as source:
        assert len(source.read(0)) == 0
        assert len(source.read(1_000_000)) == 0
    assert source.counters.received == 0


def test_it_waits_on_when_what_came_completes_nothing(device, make_source, mocker):
    rest = [b"1\n", b"0,a="]
    read = os.read

    def read_then_send(descriptor, size):
        data = read(descriptor, size)
        if rest:
            device.send(rest.pop())
        return data

    with make_source() as source:
        mocker.patch.object(serial_port.os, "read", read_then_send)
        device.send(b"other=5\nb=")
        assert source.read(LONG)["value"].tolist() == [0, 1]


def test_the_descriptor_becomes_readable_when_something_came(device, make_source):
    with make_source() as source:
        ready = serial_port.select.poll()
        ready.register(source.fileno(), serial_port.select.POLLIN)
        assert ready.poll(0) == []
        device.send(b"a=1\n")
        assert ready.poll(10_000) == [(source.fileno(), serial_port.select.POLLIN)]
        assert source.read(0)["value"].tolist() == [1]
        assert ready.poll(0) == []
    assert source.fileno() is None


def test_reading_outside_the_block_is_refused(make_source):
    source = make_source()
    with pytest.raises(LinkClosedError):
        source.read(0)
    with source:
        source.read(0)
    with pytest.raises(LinkClosedError):
        source.read(0)


def test_closing_twice_is_allowed_and_entering_twice_is_not(make_source):
    source = make_source()
    with source:
        with pytest.raises(ValueError, match="second entry"):
            source.__enter__()
        assert len(source.read(0)) == 0
    source.__exit__(None, None, None)
    with source:
        assert len(source.read(0)) == 0


def test_it_touches_no_device_before_it_is_entered(make_source):
    source = make_source(port="/dev/there-is-no-such-port")
    assert [signal.full_name for signal in source.signals] == ["port.line.a", "port.line.b"]


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        ("/dev/there-is-no-such-port", "there is no such device; is it plugged in?"),
        ("/dev/null", "it is not a serial port"),
        ("/dev", "it is not a serial port"),
    ],
)
def test_a_port_that_cannot_be_opened_is_named_with_the_reason(make_source, port, reason):
    with pytest.raises(LinkError) as caught, make_source(port=port):
        pass
    assert str(caught.value) == f"cannot open {port}: {reason}"
    assert not isinstance(caught.value, LinkLostError)


def test_a_port_that_another_program_holds_is_not_shared(device, make_source):
    held = pytest.raises(LinkError, match="another program has it open for itself alone")
    with serial.Serial(str(device.port), exclusive=True), held, make_source():
        pass
    with make_source(), pytest.raises(serial.SerialException):
        serial.Serial(str(device.port), exclusive=True)


ERRORS = [
    serial.SerialException("device reports readiness to read but returned no data"),
    serial.SerialTimeoutException("Write timeout"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ENXIO, "No such device or address"),
    termios.error(errno.EIO, "Input/output error"),
    ValueError("Invalid baud rate"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_whatever_the_port_raises_when_opened_is_a_link_error(make_source, mocker, error):
    mocker.patch.object(serial.Serial, "open", side_effect=error)
    with pytest.raises(LinkError) as caught, make_source():
        pass
    assert type(caught.value) is LinkError
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_whatever_the_port_raises_when_read_is_a_lost_link(device, make_source, mocker, error):
    with make_source() as source:
        device.send(b"a=1\n")
        mocker.patch.object(serial_port.os, "read", side_effect=error)
        with pytest.raises(LinkLostError) as caught:
            source.read(LONG)
        mocker.stopall()
    assert caught.value.__cause__ is error
    assert str(device.port) in str(caught.value)


def test_a_false_alarm_of_readiness_gives_an_empty_batch(device, make_source, mocker):
    with make_source() as source:
        device.send(b"a=1\n")
        mocker.patch.object(serial_port.os, "read", side_effect=BlockingIOError)
        assert len(source.read(LONG)) == 0
        mocker.stopall()
        assert values(source, samples=1) == [1]


def test_unplugging_ends_the_wait(device, make_source):
    with make_source() as source:
        unplug = threading.Thread(target=device.unplug)
        unplug.start()
        with pytest.raises(LinkLostError, match="it was unplugged or closed"):
            source.read(LONG)
        unplug.join()


def test_what_came_before_the_loss_is_delivered_and_half_a_line_is_counted(device, make_source):
    source = make_source()
    with source:
        device.send(b"a=1\na=")
        assert values(source, samples=1) == [1]
        device.unplug()
        with pytest.raises(LinkLostError):
            source.read(LONG)
    counters = source.counters
    assert (counters.received, counters.delivered, counters.lost) == (2, 1, {"incomplete": 1})


def test_after_a_loss_it_opens_what_the_name_points_at_now(device, make_source):
    source = make_source()
    with source:
        device.send(b"a=1\nb=")
        assert values(source, samples=1) == [1]
        old = device.port.readlink()
        device.unplug()
        with pytest.raises(LinkLostError):
            source.read(LONG)
    somebody_else = os.openpty()  # gets the number that has become free
    device.plug_in()
    assert device.port.readlink() != old
    with source:
        device.send(b"a=2\n")
        assert values(source, samples=1) == [2]
    for descriptor in somebody_else:
        os.close(descriptor)
    assert source.counters.received == 3


def test_a_stream_that_is_already_running_is_joined_at_the_next_line(device, make_source, mocker):
    source = make_source("csv")
    # The rest of a line arrives while the port is being opened: as soon as it was flushed.
    flush = serial.Serial._reset_input_buffer

    def flush_then_send(port):
        flush(port)
        device.send(b"2.5,7\n")

    mocker.patch.object(serial.Serial, "_reset_input_buffer", flush_then_send)
    with source:
        device.send(b"12.5,7\n")
        assert values(source, samples=2) == [12.5, 7]
    assert (source.counters.received, source.counters.lost) == (2, {"incomplete": 1})


def test_bytes_that_the_driver_dropped_are_counted_as_overruns(device, make_source, mocker):
    dropped = {"uart": 3, "kernel": 10}

    def ioctl(descriptor, request, *rest):
        if request == termios.TIOCGICOUNT:
            return struct.pack("11i36x", *[0] * 7, dropped["uart"], 0, 0, dropped["kernel"])
        return real(descriptor, request, *rest)

    real = fcntl.ioctl
    mocker.patch.object(fcntl, "ioctl", ioctl)
    source = make_source()
    with source:
        device.send(b"a=1\n")
        assert values(source, samples=1) == [1]
        assert source.counters.lost == {}
        dropped.update(uart=5, kernel=11)
        device.send(b"a=1\n")
        assert values(source, samples=1) == [1]
    counters = source.counters
    assert (counters.received, counters.delivered, counters.lost) == (5, 2, {"overrun": 3})


def test_many_thousand_lines_arrive_complete_and_in_order(device, make_source):
    count = 20_000
    text = b"".join(b"a=%d\n" % n for n in range(count))
    with make_source(baudrate=115_200) as source:
        sender = threading.Thread(target=device.send, args=(text,))
        sender.start()
        assert values(source, samples=count) == list(range(count))
        sender.join()
    counters = source.counters
    assert (counters.received, counters.delivered, counters.lost) == (count, count, {})


def test_a_baud_rate_that_has_no_name_is_possible(device, make_source):
    with make_source(baudrate=123_456) as source:
        device.send(b"a=1\n")
        assert values(source, samples=1) == [1]


@pytest.mark.slow
def test_hundreds_of_losses_and_openings_leave_nothing_behind(device, make_source):
    source = make_source("nmea0183")
    with source:
        before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        with source:
            device.send(b"$HEHDT,271.1,T*2A\r\n$HEHDT")
            assert values(source, samples=1) == [271.1]
            device.unplug()
            with pytest.raises(LinkLostError):
                source.read(LONG)
        with pytest.raises(LinkError), source:
            pass
        device.plug_in()
    with source:
        assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == 1
    assert source.counters.received == 400
    assert source.counters.lost == {"incomplete": 200}
