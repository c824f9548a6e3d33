"""A disk without room for a while: alarms still reach the others, and the journal in the end."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from contextlib import contextmanager, suppress

import pytest

EVENTS = 400


@contextmanager
def full_by_limit(gateway):
    """The kernel lets the journal's process write no further; nothing else notices."""
    pid = gateway.row(gateway.status())["pid"]
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # Room for half a line.
    resource.prlimit(
        pid, resource.RLIMIT_FSIZE, (gateway.journal.stat().st_size + 100, unlimited[1])
    )
    yield "File too large"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def full_by_filling(gateway):
    """Somebody else's file takes all the room that there is, and is deleted."""
    other = gateway.journal.with_name("other")
    with other.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    yield "No space left on device"
    other.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.getuid() or not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a file system can be mounted only by root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(params=[full_by_limit, full_by_filling])
def place_and_full(request, tmp_path):
    if request.param is full_by_limit:
        return tmp_path, full_by_limit
    return request.getfixturevalue("small_disk"), full_by_filling


def waiting(status):
    """How many events the journal has, and cannot write."""
    return next(each["waiting"] for each in status["ledger"] if each["stage"] == "journal")


def test_a_full_disk_keeps_no_warning_from_people_and_no_event_from_the_journal(
    place_and_full, drive, expected, figure
):
    place, full = place_and_full
    with drive(EVENTS, place / "journal.jsonl") as gateway:
        gateway.told(20)
        with full(gateway) as error:
            gateway.told(100)  # on the console, while nothing can be written
            status = gateway.status_when(waiting)
            assert all(each["restarts"] == 0 for each in status["processes"])
            stuck = gateway.journal.read_bytes()
            assert stuck.endswith(b"\n"), "half a line stays on the disk"
        out, log = gateway.finish()
        assert gateway.journal.read_bytes() == expected()
        assert gateway.journal.read_bytes().startswith(stuck)
    assert log.count(f"{error}; events wait in memory".encode()) == 1, log
    assert log.count(b"written again") == 1, log
    assert b"every stage adds up" in out
    figure(f"disk full while {EVENTS} events came ({error.lower()}): all on the console,"
           " all in the journal in order")  # fmt: skip


def test_a_disk_that_stays_full_costs_events_that_are_counted_and_nothing_else(
    small_disk, drive, figure
):
    with drive(100, small_disk / "journal.jsonl") as gateway:
        gateway.told(10)
        full = full_by_filling(gateway)
        full.__enter__()
        out, log = gateway.finish()
        written = gateway.journal.read_bytes().count(b"\n")
    [row] = [line.split() for line in out.decode().splitlines() if line.startswith("journal ")]
    received, delivered, lost = (int(word.replace(",", "")) for word in row[1:4])
    assert (received, delivered, lost) == (100, written, 100 - written)
    assert lost > 0
    assert b"No space left on device; events wait in memory" in log
    figure(f"disk full to the end: {written} of 100 events written, {lost} counted as lost")
