"""The supervisor starts processes together, watches them, restarts them, and stops them in order.

The processes here are toys: what they do is written in the test. They tell what happened to them
through a pipe, a line at a time.
"""

import errno
import os
import signal
import sys
import threading

import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK, SystemClock
from gateway.errors import ConfigError
from gateway.ring import Event
from gateway.supervisor.backoff import RestartPolicy
from gateway.supervisor.supervisor import Supervisor
from gateway.supervisor.table import ProcessSpec, Stage
from gateway.workers.board import Board, RowState

SOON = RestartPolicy(first_delay_s=0.01, max_delay_s=0.05, max_crashes=3, healthy_after_s=60)


class Bench:
    """A supervisor over toy processes, and a pipe on which they speak."""

    def __init__(self):
        self.start, self.stop = Event(), Event()
        self.listen, self.speak = os.pipe()
        self.let_go, self.somebody_gone = [], Event()
        self.clock = SYSTEM_CLOCK
        self.on_turn = lambda: None
        self._specs = []

    def add(self, name, stage=Stage.PRODUCER, **options):
        """Add the decorated function, which takes the bench, as a process."""

        def decorate(function):
            spec = ProcessSpec(
                name=name, stage=stage, does="", main=lambda: function(self), **options
            )
            self._specs.append(spec)
            return function

        return decorate

    def run(self, seconds=None):
        self.board = Board([spec.name for spec in self._specs])
        self.supervisor = Supervisor(
            self._specs,
            self.board,
            start=self.start,
            stop=self.stop,
            clock=self.clock,
            let_go=self._let_go,
            in_child=lambda: None,
        )
        self.supervisor.on_turn = self.on_turn
        return self.supervisor.run(seconds)

    def _let_go(self, spec):
        self.let_go.append(spec.name)
        self.somebody_gone.set()

    def say(self, word):
        os.write(self.speak, f"{word}\n".encode())

    def heard(self):
        os.set_blocking(self.listen, False)
        try:
            return os.read(self.listen, 65536).decode().split()
        except BlockingIOError:
            return []

    def ready(self, name):
        self.board[name].state = RowState.READY
        self.start.wait()

    def close(self):
        for each in (self.start, self.stop, self.board, self.somebody_gone):
            each.close()
        del self.board, self.supervisor  # the memory's mapping keeps a descriptor of its own
        os.close(self.listen)
        os.close(self.speak)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_nobody_starts_before_all_are_ready(bench):
    @bench.add("early")
    def early(bench):
        bench.ready("early")
        bench.say("early")

    @bench.add("late")
    def late(bench):
        bench.say("still-preparing")
        bench.ready("late")
        bench.say("late")

    bench.run()
    assert bench.heard()[0] == "still-preparing"


def test_a_run_ends_when_all_processes_have_ended(bench):
    @bench.add("only")
    def only(bench):
        bench.say("done")

    outcome = bench.run()
    assert bench.heard() == ["done"]
    assert (outcome.killed, outcome.failed) == ((), ())


def test_a_process_that_is_killed_is_started_again(bench, caplog):
    @bench.add("fragile", restart=SOON)
    def fragile(bench):
        bench.say("start")
        if not bench.start.is_set():
            bench.start.set()
            os.kill(os.getpid(), signal.SIGKILL)

    outcome = bench.run()
    assert bench.heard() == ["start", "start"]
    assert outcome.failed == ()
    assert "fragile ended (killed by SIGKILL); starting it again" in caplog.text


def test_a_process_may_be_killed_by_a_signal_that_has_no_name(bench, caplog):
    @bench.add("fragile", restart=SOON)
    def fragile(bench):
        if not bench.start.is_set():
            bench.start.set()
            os.kill(os.getpid(), signal.SIGRTMIN + 1)

    assert bench.run().failed == ()
    assert f"fragile ended (killed by signal {signal.SIGRTMIN + 1})" in caplog.text


@pytest.mark.parametrize("what", ["fork", "pidfd_open"])
def test_a_process_for_which_there_is_no_room_is_tried_again(bench, monkeypatch, caplog, what):
    really = getattr(os, what)
    answers = iter([OSError(errno.EMFILE, "Too many open files")])

    def refuse_once(*arguments):
        if (error := next(answers, None)) is not None:
            raise error
        return really(*arguments)

    monkeypatch.setattr(os, what, refuse_once)

    @bench.add("late", restart=SOON)
    def late(bench):
        bench.ready("late")
        bench.say("started")

    assert bench.run().failed == ()
    assert bench.heard() == ["started"]
    assert "late could not be started (Too many open files); starting it again" in caplog.text


def test_a_crash_loop_is_given_up_loudly_and_its_places_are_freed(bench, caplog):
    @bench.add("hopeless", restart=SOON)
    def hopeless(bench):
        bench.say("start")
        os.kill(os.getpid(), signal.SIGKILL)

    outcome = bench.run()
    assert bench.heard() == ["start"] * 3
    assert outcome.failed == ("hopeless",)
    assert bench.let_go == ["hopeless"]
    assert "hopeless is given up (3 crashes in a row, last: killed by SIGKILL)" in caplog.text


def test_what_the_gateway_cannot_do_without_ends_it_when_given_up(bench):
    @bench.add("producer")
    def producer(bench):
        bench.ready("producer")
        bench.stop.wait()
        bench.say("producer-stopped")

    @bench.add("analyzer", stage=Stage.ANALYZER, restart=SOON, essential=True)
    def analyzer(_):
        os.kill(os.getpid(), signal.SIGKILL)

    outcome = bench.run()
    assert outcome.failed == ("analyzer",)
    assert bench.heard() == ["producer-stopped"]


def test_what_the_gateway_can_do_without_is_given_up_alone(bench):
    @bench.add("view", stage=Stage.SINK, restart=SOON, essential=False)
    def view(_):
        os.kill(os.getpid(), signal.SIGKILL)

    @bench.add("producer")
    def producer(bench):
        bench.ready("producer")
        bench.somebody_gone.wait()
        bench.say("stopped" if bench.stop.wait(NS_PER_S // 5) else "undisturbed")

    assert bench.run().failed == ("view",)
    assert bench.heard() == ["undisturbed"]


def test_wrong_input_is_not_tried_again(bench):
    @bench.add("reader", restart=SOON)
    def reader(bench):
        bench.say("start")
        raise ConfigError("drive.log", "line 3", "nonsense", "a frame")

    assert bench.run().failed == ("reader",)
    assert bench.heard() == ["start"]


def test_a_process_that_hangs_is_killed_and_started_again(bench, caplog):
    @bench.add("stopped", heartbeat_timeout_s=0.5, restart=SOON)
    def stopped(bench):
        bench.say("start")
        if not bench.start.is_set():
            bench.start.set()
            os.kill(os.getpid(), signal.SIGSTOP)

    bench.run()
    assert bench.heard() == ["start", "start"]
    assert "stopped hangs: no heartbeat" in caplog.text


def test_nobody_is_taken_for_hung_because_all_stood_still_together(bench, caplog):
    resumed = Event()

    class Halted(SystemClock):
        """As the supervisor sees time when everything was halted for a while, once."""

        def monotonic_ns(self):
            return super().monotonic_ns() + (60 * NS_PER_S if resumed.is_set() else 0)

    @bench.add("patient")
    def patient(bench):
        bench.say("start")
        bench.ready("patient")
        resumed.wait()
        bench.stop.wait()

    def on_turn():
        if resumed.is_set():
            bench.stop.set()
        elif bench.start.is_set():
            resumed.set()

    bench.clock, bench.on_turn = Halted(), on_turn
    bench.run()
    resumed.close()
    assert bench.heard() == ["start"]
    assert "hangs" not in caplog.text


def test_a_process_whose_heart_beats_is_left_alone(bench):
    @bench.add("busy", heartbeat_timeout_s=0.3)
    def busy(bench):
        bench.ready("busy")
        until_ns = SYSTEM_CLOCK.monotonic_ns() + NS_PER_S
        while (now_ns := SYSTEM_CLOCK.monotonic_ns()) < until_ns:
            bench.board["busy"].beat(now_ns)
            bench.stop.wait(NS_PER_S // 20)
        bench.say("done")

    bench.run()
    assert bench.heard() == ["done"]


def test_stopping_goes_from_the_producers_to_the_sinks(bench):
    pipes = [Event(), Event()]

    @bench.add("sink", stage=Stage.SINK)
    def sink(bench):
        bench.ready("sink")
        pipes[1].wait()
        bench.say("sink")

    @bench.add("analyzer", stage=Stage.ANALYZER)
    def analyzer(bench):
        bench.ready("analyzer")
        pipes[0].wait()
        bench.say("analyzer")
        pipes[1].set()

    @bench.add("producer")
    def producer(bench):
        bench.ready("producer")
        bench.stop.wait()
        bench.say("producer")
        pipes[0].set()

    outcome = bench.run(seconds=0.2)
    for pipe in pipes:
        pipe.close()
    assert bench.heard() == ["producer", "analyzer", "sink"]
    assert outcome.killed == ()


@pytest.mark.parametrize("stage", Stage)
def test_who_does_not_stop_is_killed_and_named(bench, caplog, stage):
    @bench.add("stubborn", stage=stage, stop_timeout_s=0.2)
    def stubborn(bench):
        bench.ready("stubborn")
        Event().wait()

    @bench.add("good", stage=Stage.SINK)
    def good(bench):
        bench.ready("good")

    outcome = bench.run(seconds=0.1)
    assert outcome.killed == ("stubborn",)
    assert bench.let_go == ["stubborn"]
    assert "stubborn did not stop in time and is killed" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_the_producers_to_stop(bench, number):
    parent = os.getpid()

    @bench.add("producer")
    def producer(bench):
        bench.ready("producer")
        os.kill(parent, number)
        bench.say("stopped" if bench.stop.wait(10 * NS_PER_S) else "not-told")

    bench.run()
    assert bench.heard() == ["stopped"]


def test_a_hang_up_that_was_to_be_ignored_is_ignored(bench):
    parent = os.getpid()

    @bench.add("producer")
    def producer(bench):
        bench.ready("producer")
        os.kill(parent, signal.SIGHUP)
        bench.say("told" if bench.stop.wait(NS_PER_S // 5) else "undisturbed")

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        bench.run()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert bench.heard() == ["undisturbed"]


def test_a_second_signal_kills_what_still_runs(bench):
    parent = os.getpid()

    @bench.add("stubborn", stop_timeout_s=60)
    def stubborn(bench):
        bench.ready("stubborn")
        os.kill(parent, signal.SIGINT)
        bench.stop.wait()
        os.kill(parent, signal.SIGINT)
        Event().wait()

    assert bench.run().killed == ("stubborn",)


def test_a_hang_up_is_told_by_the_terminal_and_by_its_shell_and_ends_all_in_order(bench):
    parent = os.getpid()

    @bench.add("producer", stop_timeout_s=60)
    def producer(bench):
        bench.ready("producer")
        os.kill(parent, signal.SIGHUP)
        bench.stop.wait()
        os.kill(parent, signal.SIGHUP)
        Event().wait(NS_PER_S // 5)  # time enough to be killed
        bench.say("drained")

    assert bench.run().killed == ()
    assert bench.heard() == ["drained"]


def test_the_children_ignore_the_signals_that_reach_the_whole_group(bench):
    @bench.add("child")
    def child(bench):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        bench.say("alive")

    bench.run()
    assert bench.heard() == ["alive"]


def test_a_signal_to_the_group_reaches_the_supervisor_once_even_while_it_forks(bench, monkeypatch):
    fork = os.fork

    def fork_and_be_hit():
        pid = fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGINT)  # the group's, before the child can ignore it
        return pid

    monkeypatch.setattr(os, "fork", fork_and_be_hit)

    @bench.add("child")
    def child(bench):
        bench.ready("child")
        bench.say("told-to-stop" if bench.stop.wait(NS_PER_S // 5) else "undisturbed")

    bench.run()
    assert bench.heard() == ["undisturbed"]


def test_a_child_whose_output_nobody_reads_ends_all_the_same(bench):
    reading, writing = os.pipe()
    os.close(reading)
    output = os.fdopen(writing, "w")

    @bench.add("talker", restart=SOON, heartbeat_timeout_s=1.0)
    def talker(bench):
        sys.stdout = output
        print("hello")
        bench.say("done")

    supervisor = os.getpid()
    assert bench.run().failed == ()
    if os.getpid() != supervisor:
        os._exit(1)  # the child has come here, too
    output.close()
    assert bench.heard() == ["done"]


def test_the_supervisor_starts_no_thread(bench):
    @bench.add("child")
    def child(bench):
        bench.say(str(threading.active_count()))

    bench.run()
    assert bench.heard() == ["1"]
