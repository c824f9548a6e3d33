from __future__ import annotations

import errno
import os
import resource
import signal
from contextlib import contextmanager

import pytest

from gateway.errors import ConfigError
from gateway.sinks.journal import TAIL_SIZE, Journal, Repair


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alarms.jsonl"


@contextmanager
def room_for(size):
    """A real disk limit: the kernel writes up to *size* bytes of a file, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_lines_are_appended_in_order_over_several_openings(path, event):
    with Journal(path) as journal:
        assert journal.write([event(1), event(2)])
        assert journal.write([event(3)])
        assert (journal.written, journal.pending, journal.lost, journal.error) == (3, 0, 0, "")
    with Journal(path) as journal:
        assert journal.repair is None
        journal.write([event(4)])
    assert path.read_bytes() == b"".join(map(event, [1, 2, 3, 4]))


def test_write_returns_after_the_whole_batch_was_forced_to_disk_once(path, event, mocker):
    with Journal(path) as journal:
        on_disk = []
        sync = mocker.patch.object(os, "fdatasync")
        sync.side_effect = lambda _: on_disk.append(path.read_bytes())
        journal.write([event(1), event(2)])
        assert on_disk == [event(1) + event(2)]


def test_a_new_journals_entry_in_its_folder_is_forced_to_disk(path, mocker):
    synced = mocker.spy(os, "fsync")
    opened = mocker.spy(os, "open")
    Journal(path).close()
    folders = [
        fd
        for call, fd in zip(opened.call_args_list, opened.spy_return_list, strict=True)
        if call.args[0] == path.parent
    ]
    assert [call.args[0] for call in synced.call_args_list] == folders
    assert len(folders) == 1


def test_a_last_line_torn_at_any_byte_is_cut_off_and_reported(path, event):
    whole, last = event(1) + event(2), event(3)
    for kept in range(1, len(last)):
        path.write_bytes(whole + last[:kept])
        with Journal(path) as journal:
            assert journal.repair == Repair(len(whole), kept, last[:kept])
            journal.write([event(4)])
        assert path.read_bytes() == whole + event(4)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"\0" * 5000, id="zeros, as a file system leaves them"),
        pytest.param(b'{"event":"raised","ru\n', id="half a line with a line feed"),
        pytest.param(b"\xff\xfe\x00garbage\n\n\nmore\n", id="several lines of garbage"),
        pytest.param(b'{"event":"raised","rule":"a","t_ns":1}', id="a line without its line feed"),
        pytest.param(b"{}\n", id="an object that is no event"),
        pytest.param(b"\n", id="an empty line"),
    ],
)
def test_damage_at_the_end_is_cut_off(path, event, damage):
    path.write_bytes(event(1) + damage)
    with Journal(path) as journal:
        assert journal.repair == Repair(len(event(1)), len(damage), damage[:80])
    assert path.read_bytes() == event(1)


def test_a_first_line_torn_by_the_power_cut_leaves_an_empty_journal(path, event):
    for kept in range(1, len(event(1))):
        path.write_bytes(event(1)[:kept])
        with Journal(path) as journal:
            assert journal.repair == Repair(0, kept, event(1)[:kept])
        assert path.read_bytes() == b""


def test_an_event_whose_line_feed_was_damaged_stays_and_so_does_the_one_behind_it(path, event):
    first, last = event(1), event(2)
    path.write_bytes(first + last[:-1] + b"J")
    with Journal(path) as journal:
        assert journal.repair == Repair(len(first + last) - 1, 1, b"J")
        journal.write([event(3)])
    assert path.read_bytes() == first + last + event(3)

    path.write_bytes(first[:-1] + b"\x8a" + last)
    with Journal(path) as journal:
        assert journal.repair == Repair(len(first) - 1, 1, b"\x8a")
    assert path.read_bytes() == first + last


def test_an_event_with_a_brace_in_it_is_found_whole(path, event):
    braces = event(1, "a}b}c")
    path.write_bytes(event(1) + braces[:-1] + b"\0torn")
    with Journal(path) as journal:
        assert journal.repair == Repair(len(event(1) + braces) - 1, 5, b"\0torn")
    assert path.read_bytes() == event(1) + braces


@pytest.mark.parametrize("at", range(len(b'{"event":"')))
def test_a_journal_of_one_event_with_a_damaged_beginning_is_still_a_journal(path, event, at):
    damaged = bytearray(event(1))
    damaged[at] ^= 0x10
    path.write_bytes(damaged)
    with Journal(path) as journal:
        assert journal.repair == Repair(0, len(damaged), bytes(damaged[:80]))


def test_damage_in_the_middle_stays_as_it_is(path, event):
    damaged = event(1) + b'{"event":"rai\0\0\0\n' + event(3)
    path.write_bytes(damaged)
    with Journal(path) as journal:
        assert journal.repair is None
        journal.write([event(4)])
    assert path.read_bytes() == damaged + event(4)


def test_of_damage_longer_than_a_power_cut_can_do_only_the_unfinished_line_is_cut(path, event):
    damaged = event(1) + b"\xff\n" * TAIL_SIZE
    path.write_bytes(damaged + b"\xff")
    with Journal(path) as journal:
        assert journal.repair == Repair(len(damaged), 1, b"\xff")
        journal.write([event(2)])
    assert path.read_bytes() == damaged + event(2)


@pytest.mark.parametrize(
    "content",
    [b"(1690000000.1) can0 123#DEAD\n", b"[gateway]\nname = 'car'", b"\x7fELF\0\0\0", b"\n"],
)
def test_a_file_that_is_no_journal_is_refused_and_stays_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="expected a journal of alarm events, or a new file"):
        Journal(path)
    assert path.read_bytes() == content


def test_two_gateways_do_not_write_one_journal(path, event):
    with Journal(path) as journal:
        with pytest.raises(ConfigError, match="got a journal that another gateway is writing"):
            Journal(path)
        assert journal.write([event(1)])
    Journal(path).close()


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("missing/alarms.jsonl", "No such file or directory"),
        ("", "Is a directory"),
        ("file/alarms.jsonl", "Not a directory"),
        ("null", "a device"),
    ],
)
def test_a_place_that_takes_no_journal_is_one_line_that_names_it(tmp_path, name, got):
    (tmp_path / "file").touch()
    (tmp_path / "null").symlink_to("/dev/null")
    with pytest.raises(ConfigError, match=got) as caught:
        Journal(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: got ")


def test_a_full_disk_keeps_lines_waiting_and_leaves_no_half_line(path, event):
    with Journal(path) as journal:
        journal.write([event(1)])
        with room_for(len(event(1)) + 10):
            assert not journal.write([event(2), event(3)])
            assert journal.error == os.strerror(errno.EFBIG)
            assert (journal.written, journal.pending) == (1, 2)
            assert path.read_bytes() == event(1)
            assert not journal.write([event(4)])
        assert journal.write()
        assert (journal.written, journal.pending, journal.error) == (4, 0, "")
    assert path.read_bytes() == b"".join(map(event, [1, 2, 3, 4]))


def test_what_a_failed_sync_may_have_lost_is_written_anew(path, event, mocker):
    with Journal(path) as journal:
        sync = mocker.patch.object(os, "fdatasync", side_effect=OSError(errno.EIO, "I/O error"))
        assert not journal.write([event(1)])
        assert path.read_bytes() == b""
        mocker.stop(sync)
        assert journal.write([event(2)])
    assert path.read_bytes() == event(1) + event(2)


def test_a_half_line_that_could_not_be_taken_back_at_once_is_before_the_next(path, event, mocker):
    with Journal(path) as journal:
        broken = OSError(errno.EIO, "I/O error")
        patches = [mocker.patch.object(os, name, side_effect=broken)
                   for name in ("fdatasync", "ftruncate")]  # fmt: skip
        assert not journal.write([event(1)])
        assert not journal.write([event(2)])
        for patch in patches:
            mocker.stop(patch)
        assert journal.write()
    assert path.read_bytes() == event(1) + event(2)


def test_beyond_the_limit_the_newest_are_lost_and_counted(path, event):
    with Journal(path, limit=3) as journal:
        with room_for(0):
            assert not journal.write(map(event, [1, 2]))
            assert not journal.write(map(event, [3, 4, 5]))
        assert (journal.written, journal.pending, journal.lost) == (0, 3, 2)
        assert journal.write([])
        assert (journal.written, journal.pending, journal.lost) == (3, 0, 2)
    assert path.read_bytes() == b"".join(map(event, [1, 2, 3]))


def test_what_waits_when_the_journal_is_closed_on_a_full_disk_is_lost_and_counted(path, event):
    journal = Journal(path)
    with room_for(0):
        assert not journal.write(map(event, [1, 2]))
        journal.close()
    assert (journal.written, journal.pending, journal.lost) == (0, 0, 2)
    assert path.read_bytes() == b""


def test_a_disk_without_room_for_a_new_file_does_not_keep_the_gateway_from_starting(
    path, event, mocker
):
    full = mocker.patch.object(os, "open", side_effect=OSError(errno.ENOSPC, "No space left"))
    with Journal(path) as journal:
        assert journal.error == os.strerror(errno.ENOSPC)
        assert not journal.write([event(1)])
        mocker.stop(full)
        assert journal.write([event(2)])
    assert path.read_bytes() == event(1) + event(2)


def test_a_file_that_somebody_else_took_meanwhile_is_left_to_them(path, event, mocker):
    full = mocker.patch.object(os, "open", side_effect=OSError(errno.ENOSPC, "No space left"))
    late = Journal(path)
    mocker.stop(full)
    with Journal(path) as early:
        assert not late.write([event(1)])
        assert "another gateway" in late.error
        early.write([event(2)])
    late.close()
    assert path.read_bytes() == event(2) + event(1)


def test_a_journal_that_was_emptied_by_hand_goes_on_from_the_beginning(path, event):
    with Journal(path) as journal:
        journal.write([event(1)])
        os.truncate(path, 0)
        journal.write([event(2)])
    assert path.read_bytes() == event(2)


def test_taking_back_a_half_line_never_makes_an_emptied_journal_longer(path, event, mocker):
    with Journal(path) as journal:
        journal.write([event(1)])
        broken = OSError(errno.EIO, "I/O error")
        patches = [mocker.patch.object(os, name, side_effect=broken)
                   for name in ("fdatasync", "ftruncate")]  # fmt: skip
        assert not journal.write([event(2)])
        for patch in patches:
            mocker.stop(patch)
        os.truncate(path, 0)
        assert journal.write()
    assert path.read_bytes() == event(2)


def test_more_lines_than_a_batch_come_out_whole_and_in_order(path, event, monkeypatch):
    monkeypatch.setattr("gateway.sinks.lines.BATCH_LINES", 3)
    with Journal(path) as journal:
        assert journal.write(map(event, range(10)))
        assert journal.written == 10
    assert path.read_bytes() == b"".join(map(event, range(10)))


def test_closing_twice_is_allowed(path):
    journal = Journal(path)
    journal.close()
    journal.close()
