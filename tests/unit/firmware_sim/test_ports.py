"""Ptys need no hardware: both ends are here."""

import array
import fcntl
import os
import select
import selectors
import termios
from pathlib import Path

import pytest
import serial

from firmware_sim.errors import PortError
from firmware_sim.ports import BACKLOG_BYTES, PtyPort


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ports" / "gps"


def opened(path):
    return serial.Serial(str(path), timeout=10)


def read_exactly(fd, count):
    """Return *count* bytes; the kernel may still be moving them from one end to the other."""
    data = b""
    while len(data) < count:
        assert select.select([fd], [], [], 10)[0], f"only {len(data)} of {count} bytes came"
        data += os.read(fd, count - len(data))
    return data


def let_the_kernel_move(port, fd):
    """Return when all that *port* has not dropped waits at *fd*."""
    unread = array.array("i", [-1])
    while unread[0] != port.written - port.dropped:
        fcntl.ioctl(fd, termios.FIONREAD, unread)
        os.sched_yield()


def test_both_directions_carry_every_byte_as_it_is(path):
    everything = bytes(range(256))
    with PtyPort(path) as port, opened(path) as other:
        port.write(everything)
        assert other.read(256) == everything
        other.write(everything)
        assert read_exactly(port.fileno(), 256) == everything


def test_a_port_is_looked_at_only_when_it_may_be_full(path, monkeypatch):
    looks = []
    ioctl = fcntl.ioctl
    monkeypatch.setattr(fcntl, "ioctl", lambda *call: looks.append(call) or ioctl(*call))
    with PtyPort(path) as port, opened(path) as other:
        looks.clear()
        for _ in range(100):
            port.write(bytes(64))
            assert other.read(64) == bytes(64)
        # 48 writes fill the port as far as is known; then it proves to be empty.
        assert sum(call[1] == termios.FIONREAD for call in looks if call[0] != other.fd) == 2
        assert (port.written, port.dropped) == (6_400, 0)


def test_faults_stand_before_the_line_in_both_directions(path):
    with PtyPort(path) as port, opened(path) as other:
        port.tap = lambda data: port.transmit(data.upper())
        port.hears = [lambda data: data[::-1], bytes.upper]
        port.write(b"loud")
        assert other.read(4) == b"LOUD"
        other.write(b"back")
        assert select.select([port], [], [], 10)[0]
        assert port.read() == b"KCAB"


def test_a_port_that_is_watched_is_watched_again_when_it_is_back(path):
    with selectors.DefaultSelector() as selector, PtyPort(path) as port:
        port.watch(selector, lambda _: None)
        port.unplug()
        assert not selector.get_map()
        assert port.read() == b""
        port.plug()
        with opened(path) as other:
            other.write(b"x")
            ((key, _),) = selector.select(10)
            assert key.fileobj is port
            assert port.read() == b"x"


def test_the_line_is_raw_for_those_that_do_not_set_it(path):
    with PtyPort(path) as port:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        text = b"no line end, \x03 and \x04"
        port.write(text)
        assert read_exactly(fd, len(text)) == text
        assert port.read() == b""  # nothing was echoed
        os.close(fd)


def test_reading_a_port_to_which_nobody_wrote_gives_nothing_at_once(path):
    with PtyPort(path) as port:
        assert port.read() == b""


def test_the_name_leads_to_the_device_and_goes_with_it(path):
    with PtyPort(path):
        assert path.is_symlink()
        assert str(path.readlink()).startswith("/dev/pts/")
    assert not path.is_symlink()
    assert list(path.parent.iterdir()) == []


def test_a_name_left_over_by_a_run_that_was_killed_is_taken_over(path):
    path.parent.mkdir()
    path.symlink_to("/dev/pts/99999")
    with PtyPort(path) as port, opened(path) as other:
        port.write(b"x")
        assert other.read(1) == b"x"


def test_a_name_that_somebody_else_took_over_is_left_to_them(path):
    with PtyPort(path) as first:
        with PtyPort(path):
            first.unplug()
            assert path.is_symlink()
        assert not path.is_symlink()


def test_a_file_under_that_name_is_not_touched(path):
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(PortError, match="got a file that is no link"):
        PtyPort(path).plug()
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PortError, match=r"gps: (Not a directory|File exists)$"):
        PtyPort(tmp_path / "file" / "gps").plug()


def test_unplugging_ends_the_other_end_and_replugging_brings_the_name_back(path):
    with PtyPort(path) as port:
        gone = opened(path)
        port.unplug()
        assert not port.plugged
        with pytest.raises((serial.SerialException, OSError, termios.error)):
            gone.read(1)
        gone.close()
        port.write(b"lost")
        port.plug()
        with opened(path) as again:
            port.write(b"back")
            assert again.read(4) == b"back"
        assert (port.written, port.dropped) == (8, 4)


def test_when_nobody_reads_the_oldest_bytes_are_dropped_and_counted(path):
    lines = [b"%06d\n" % n for n in range(3000)]
    with PtyPort(path) as port:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for line in lines:
            port.write(line)
            let_the_kernel_move(port, fd)
        assert port.written == 21_000
        assert port.dropped > 0
        left = read_exactly(fd, port.written - port.dropped)
        assert port.read() == b""
        with pytest.raises(BlockingIOError):
            os.read(fd, 1)
        os.close(fd)
        assert b"".join(lines).endswith(left)


def test_a_reader_that_keeps_up_misses_nothing(path):
    with PtyPort(path) as port, opened(path) as other:
        for n in range(500):
            line = b"%08d\n" % n * 20
            port.write(line)
            assert other.read(len(line)) == line
        assert port.dropped == 0


def test_with_flow_control_the_port_holds_bytes_back_and_drops_none(path):
    with PtyPort(path, flow_control=True) as port:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        block = bytes(range(256)) * 4
        sent = b""
        while not port.held:
            port.write(block)
            sent += block
        assert port.backlog >= BACKLOG_BYTES
        got = b""
        while len(got) < len(sent):
            got += read_exactly(fd, min(1024, len(sent) - len(got)))
            port.flush()
        os.close(fd)
        assert got == sent
        assert not port.held
        assert (port.written, port.dropped) == (len(sent), 0)


def test_what_nobody_has_read_when_it_is_unplugged_is_dropped_and_counted(path):
    with PtyPort(path) as port:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        port.write(bytes(2_000))
        let_the_kernel_move(port, fd)
        read_exactly(fd, 500)
        port.unplug()
        os.close(fd)
    assert (port.written, port.dropped) == (2_000, 1_500)


def test_with_flow_control_no_more_is_dropped_than_was_written(path):
    with PtyPort(path, flow_control=True) as port:
        while not port.held:
            port.write(bytes(1_024))
        waiting = port.backlog
    assert port.written >= port.dropped >= waiting


def test_nothing_is_left_open(path):
    before = set(Path("/proc/self/fd").iterdir())
    with PtyPort(path):
        pass
    assert set(Path("/proc/self/fd").iterdir()) == before
