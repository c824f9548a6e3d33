"""Processes are killed at random moments under load; whatever the ring promised still holds.

Set RING_KILLS=1000 for the long run; the figures are printed with ``pytest -s``.
"""

import ctypes
import mmap
import os
import random
import select
import signal
import statistics
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.errors import RingClosed, RingTimeout
from gateway.ring import Event, Partition, ReaderSpec, Ring

KILLS = int(os.environ.get("RING_KILLS", "100"))
LANES = 3
CAPACITY = 512
BATCHES = (1, 1, 3, 64, 200, 1500)
RECORD = np.dtype(
    [("producer", "u8"), ("sequence", "u8"), ("check", "u8"), ("key", "u4"), ("fill", "u4", (5,))]
)
MEMBERS = 2
OWNER = (np.arange(7) % MEMBERS).astype(np.uint8)
READERS = (
    *(
        ReaderSpec(name=f"member {member}", partition=Partition("key", OWNER, member))
        for member in range(MEMBERS)
    ),
    ReaderSpec(name="forgettable", orphan_timeout_ns=0),
    ReaderSpec(name="lossy", lossless=False),
)
NAMES = [f"producer {lane}" for lane in range(LANES)] + [spec.name for spec in READERS]
HANG_NS = 20 * NS_PER_S


def records_at(producer, start, count):
    """The only records that may ever stand at these positions of that producer's lane."""
    records = np.zeros(count, RECORD)
    records["producer"] = producer
    records["sequence"] = sequence = np.arange(start, start + count, dtype=np.uint64)
    check = (sequence + np.uint64(producer << 40)) * np.uint64(0x9E3779B97F4A7C15)
    records["check"] = check
    records["key"] = check >> np.uint64(33) & np.uint64(7)
    records["fill"] = (check & np.uint64(0xFFFFFFFF)).astype(np.uint32)[:, None]
    return records


class Notebook:
    """What the processes note of their own doings, in memory of which a kill tears nothing.

    Attributes:
        steps: By process: counts on while it makes progress.
        putting: By lane: up to which position the put under way would publish.
        reported: By lane: up to which position `put` has said that it published.
        handled: By reader and lane: up to which position the records have been checked.
        taken: By reader and lane: position, number of records, and number of missed records after
            the last commit.
        taking: The same after the commit under way.
    """

    def __init__(self):
        memory = mmap.mmap(-1, mmap.PAGESIZE)
        start = 0
        for name, shape in {
            "steps": (len(NAMES),),
            "putting": (LANES,),
            "reported": (LANES,),
            "handled": (len(READERS), LANES),
            "taken": (len(READERS), LANES, 3),
            "taking": (len(READERS), LANES, 3),
        }.items():
            array = np.frombuffer(memory, np.int64, int(np.prod(shape)), start).reshape(shape)
            setattr(self, name, array)
            start += array.nbytes


def produce(ring, notebook, stop, lane):
    dice = random.Random()
    writer = ring.writer(lane)
    assert notebook.reported[lane] <= writer.position <= notebook.putting[lane]
    while not stop.is_set():
        records = records_at(lane, writer.position, dice.choice(BATCHES))
        notebook.putting[lane] = writer.position + len(records)
        writer.put(records)
        notebook.reported[lane] = writer.position
        notebook.steps[lane] += 1
    writer.close()


def consume(ring, notebook, number):
    spec = READERS[number]
    reader = ring.reader(spec.name)
    handled, taken, taking = (
        notes[number] for notes in (notebook.handled, notebook.taken, notebook.taking)
    )
    accounts = [lane.readers[spec.name] for lane in ring.statistics().lanes]
    if spec.partition is None:
        for lane, account in enumerate(accounts):
            # The predecessor may have been killed between its commit and its note of it.
            if account.delivered == taking[lane, 1]:
                taken[lane] = taking[lane]
            assert account.delivered == taken[lane, 1]
    is_first = [True] * LANES
    while True:
        notebook.steps[LANES + number] += 1
        try:
            batch = reader.peek(timeout_ns=NS_PER_S // 10)
        except RingTimeout:
            continue
        except RingClosed:
            break
        lane, start, end = batch.lane, batch.start, batch.end
        expected = records_at(lane, start, end - start)
        if spec.partition is None:
            missed = start - taken[lane, 0]
            assert missed == batch.lost or (is_first[lane] and spec.orphan_timeout_ns == 0)
            taking[lane] = end, taken[lane, 1] + end - start, taken[lane, 2] + missed
        else:
            expected = expected[spec.partition.select(expected)]
            passed_over = records_at(lane, handled[lane], max(start - handled[lane], 0))
            assert len(spec.partition.select(passed_over)) == 0, "missed records of its own"
            assert start >= handled[lane] or is_first[lane], "records twice"
        assert np.array_equal(batch.positions, expected["sequence"])
        assert batch.records.tobytes() == expected.tobytes(), "torn or invented records"
        is_first[lane] = False
        handled[lane] = end
        reader.commit()
        taken[lane] = taking[lane]
    reader.detach()


class Crew:
    """The processes under test, by their numbers in `NAMES`."""

    def __init__(self, ring, folder):
        self.ring = ring
        self.notebook = Notebook()
        self.stop = Event()
        self.folder = folder
        self.pids = {}

    def start(self, number):
        pid = os.fork()
        if pid:
            self.pids[number] = pid
            return
        try:
            if number < LANES:
                produce(self.ring, self.notebook, self.stop, number)
            else:
                consume(self.ring, self.notebook, number - LANES)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, `end` reports it
            (self.folder / str(os.getpid())).write_text(traceback.format_exc())
        finally:
            os._exit(1)

    def end(self, number):
        """Wait for a process's end and return its status; fail with what it has to say."""
        pid = self.pids.pop(number)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        last_words = self.folder / str(pid)
        assert not last_words.exists(), f"{NAMES[number]}: {last_words.read_text()}"
        return status

    def kill(self, numbers):
        for number in numbers:
            os.kill(self.pids[number], signal.SIGKILL)
        for number in numbers:
            assert self.end(number) == -signal.SIGKILL

    def await_progress(self, numbers):
        """Wait until each of these processes has made two steps; return the nanoseconds it took."""
        since = time.monotonic_ns()
        goal = self.notebook.steps + 2
        numbers = list(numbers)
        while True:
            numbers = [n for n in numbers if self.notebook.steps[n] < goal[n]]
            took = time.monotonic_ns() - since
            if not numbers:
                return took
            for number in numbers:
                if os.waitid(os.P_PID, self.pids[number], os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    self.end(number)
                    pytest.fail(f"{NAMES[number]} ended")
            hung = [NAMES[number] for number in numbers]
            assert took < HANG_NS, f"{hung} hang: {self.ring.statistics()}"
            nap()

    def close(self):
        self.stop.close()
        for pid in self.pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def nap(ms=1):
    select.poll().poll(ms)


@pytest.fixture
def crew(tmp_path):
    with Ring.create(RECORD, CAPACITY, LANES, READERS) as ring:
        crew = Crew(ring, tmp_path)
        yield crew
        crew.close()


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS)
def test_any_process_may_be_killed_at_any_moment(crew):
    dice = random.Random()
    everybody = range(len(NAMES))
    for number in everybody:
        crew.start(number)
    crew.await_progress(everybody)
    kills, halts = 0, []
    while kills < KILLS:
        crew.await_progress(dice.sample(everybody, 1))
        nap(dice.choice((0, 0, 1, 3)))
        victims = everybody if dice.random() < 0.02 else [dice.choice(everybody)]
        crew.kill(victims)
        kills += len(victims)
        survivors = set(everybody) - set(victims)
        for victim in victims:
            if victim >= LANES and READERS[victim - LANES].partition is not None:
                crew.start(victim)  # its place is kept: the others wait for a successor
        if survivors:
            halts.append(crew.await_progress(survivors))
        for victim in victims:
            if victim not in crew.pids:
                crew.start(victim)
    crew.await_progress(everybody)
    crew.stop.set()
    assert [crew.end(number) for number in everybody] == [0] * len(NAMES)

    lanes = crew.ring.statistics().lanes
    for lane, reported in zip(lanes, crew.notebook.reported, strict=True):
        assert lane.closed
        assert lane.published == reported
        for member in range(MEMBERS):
            account = lane.readers[f"member {member}"]
            assert (account.delivered, account.lost, account.waiting) == (reported, 0, 0)
    for number, spec in enumerate(READERS):
        if spec.partition is None:
            for lane, (end, delivered, missed) in zip(
                lanes, crew.notebook.taken[number], strict=True
            ):
                account = lane.readers[spec.name]
                assert account.waiting == 0
                assert account.delivered == delivered
                assert account.lost == missed + lane.published - end
    halts_ms = [halt / NS_PER_MS for halt in halts]
    median, p99 = (
        statistics.median(halts_ms),
        statistics.quantiles(halts_ms, n=100, method="inclusive")[98],
    )
    print(
        f"\n{kills} kills, {sum(lane.published for lane in lanes)} records; all survivors had"
        f" gone on after {median:.1f} ms (median), {p99:.1f} ms (p99), {max(halts_ms):.1f} ms (max)"
    )


PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def reaper():
    """Make this process the parent of orphaned grandchildren, so that it can wait for them."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


def users_of(inode):
    """Who maps the ring whose memory has that inode."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = maps.read_text().splitlines()
        except OSError:
            continue  # it has ended meanwhile
        if any("memfd:gateway-ring" in line and line.split()[4] == inode for line in lines):
            found.add(maps.parent.name)
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("reaper")
def test_nothing_is_left_when_all_are_killed_at_once(tmp_path):
    ready, tell = os.pipe()
    parent = os.fork()
    if parent == 0:
        try:
            os.setpgid(0, 0)
            crew = Crew(Ring.create(RECORD, CAPACITY, LANES, READERS), tmp_path)
            for number in range(len(NAMES)):
                crew.start(number)
            crew.await_progress(range(len(NAMES)))
            maps = Path("/proc/self/maps").read_text().splitlines()
            inode = next(line.split()[4] for line in maps if "memfd:gateway-ring" in line)
            os.write(tell, inode.encode())
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        inode = os.read(ready, 20).decode()
        os.close(ready)
        assert len(users_of(inode)) == len(NAMES) + 1
    finally:
        os.killpg(parent, signal.SIGKILL)
        statuses = [os.waitpid(-parent, 0)[1] for _ in range(len(NAMES) + 1)]

    assert {os.waitstatus_to_exitcode(status) for status in statuses} == {-signal.SIGKILL}
    with pytest.raises(ProcessLookupError):
        os.killpg(parent, 0)
    assert users_of(inode) == set()
