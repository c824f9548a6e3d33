"""Puts a gateway together: the rings, the board, and the table of processes that use them.

producer "can0" --+                     +--> analyzer-0 --+
producer "gps"  --+--> samples ring ----+--> analyzer-1 --+--> alarms ring --> journal, console
                                        +--> view                          --> view
                                                                           --> transmitter "can0.tx"
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.quiet import QuietRules, QuietTable
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Condition, Rule
from gateway.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.config.model import CanConfig, ReplayConfig, SourceConfig
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.errors import ConfigError
from gateway.record import ALARM, SAMPLE
from gateway.ring import Event, Partition, ReaderSpec, Ring
from gateway.sinks.live_model import Status
from gateway.sinks.ordering import AlarmMerge
from gateway.supervisor import active_alarms
from gateway.supervisor.active_alarms import ActiveAlarms
from gateway.supervisor.options import AlarmOutput, Options, alarm_outputs
from gateway.supervisor.orders import Orders
from gateway.supervisor.table import ProcessSpec, Stage
from gateway.transmit.arming import ArmedBus, arm
from gateway.transmit.reactions import Reactions
from gateway.transmit.writers import choose_writer
from gateway.workers.alarm_sink import AlarmSink
from gateway.workers.analyzer import Analyzer
from gateway.workers.board import Board, RowState
from gateway.workers.plan import Plan
from gateway.workers.producer import Producer
from gateway.workers.rhythm import ANALYZERS_AFTER_NS, Rhythm
from gateway.workers.transmitter import Transmitter

ALARM_LANE_CAPACITY = 1 << 12
SINK_STOP_S = 2.0
"""What waits is put on disk, and some disks are slow."""

VIEW = "view"


class Assembly:
    """A gateway put together, not yet running. Owns the shared memory until it is closed.

    Args:
        plan: What it is to do.
        options: What the command line says.
        clock: Given to everything timed.

    Attributes:
        plan: As given.
        table: The processes, in the order in which people read them.
        board: Where they say how they are.
        start: Set when all are ready.
        stop: Set when the producers are to end.
        samples: The ring between producers and analyzers.
        alarms: The ring between analyzers and sinks.
        analyzers: The names of the analyzers, which are also those of their readers.
        active_alarms: Which alarms are on.
        outputs: Where alarm events go.
        buses: Those on which something may be sent, by the name of the process that does it; a
            gateway that is not armed has none.
        orders: What people ask the transmitters for.
        log_pipe: For a live view: the reading and the writing end of a pipe for log lines.

    Raises:
        ConfigError: An output cannot be used.
    """

    def __init__(self, plan: Plan, options: Options, clock: Clock = SYSTEM_CLOCK) -> None:
        self.plan = plan
        self._clock = clock
        self._made_ns = clock.monotonic_ns()
        count = plan.config.analyzers.count
        self.analyzers = [f"analyzer-{number}" for number in range(count)]
        self.outputs = alarm_outputs(plan, options)
        # A source's name has no dot in it, so the transmitter's is not that of another process.
        self.buses = {f"{bus.source.name}.tx": bus for bus in arm(plan.config)}
        self.has_view = options.view == "live"
        self.log_pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if self.has_view else None
        view = [ReaderSpec(name=VIEW, lossless=False)] if self.has_view else []
        shares = (
            ReaderSpec(
                name=name,
                partition=Partition("signal", plan.owner, number),
                lanes=plan.sources_of(number),
            )
            for number, name in enumerate(self.analyzers)
        )
        capacity = plan.config.gateway.ring_capacity
        try:
            self.samples = Ring.create(
                SAMPLE, capacity, lanes=len(plan.sources), readers=[*shares, *view]
            )
        except OSError as error:
            expected = f"a lane for each source to fit into memory ({error.strerror})"
            where = "gateway.ring_capacity"
            raise ConfigError(plan.config.file, where, capacity, expected) from None
        self.alarms = Ring.create(
            ALARM,
            ALARM_LANE_CAPACITY,
            lanes=count,
            readers=[
                *(ReaderSpec(name=each.name, lossless=each.lossless) for each in self.outputs),
                *(ReaderSpec(name=name) for name in self.buses),
                *view,
                ReaderSpec(name=active_alarms.READER, lossless=False),
            ],
        )
        self.start, self.stop = Event(), Event()
        self.orders = Orders(tuple(self.buses.values()), self.stop, clock)
        self._marks = np.frombuffer(mmap.mmap(-1, 8 * (len(plan.rules) + 1)), np.uint64)
        self._rules = [plan.rules_of(number) for number in range(count)]
        self._rule_memory = [self._memory_for(rules) for rules in self._rules]
        self.active_alarms = ActiveAlarms(
            plan.rules,
            list(zip(self._rules, self._rule_memory, strict=True)),
            len(plan.sources),
            self.alarms,
        )
        quiet = QuietTable.size(len(plan.signals), len(plan.sources), count)
        self._quiet = QuietTable(
            np.frombuffer(mmap.mmap(-1, quiet), np.uint8),
            plan.rules,
            plan.owner,
            len(plan.sources),
            count,
        )
        self.table = tuple(self._rows())
        self.board = Board([spec.name for spec in self.table])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.active_alarms.close()
        for each in (self.samples, self.alarms, self.start, self.stop, self.board, self.orders):
            each.close()
        for descriptor in self.log_pipe or ():
            os.close(descriptor)

    def let_go(self, spec: ProcessSpec) -> None:
        """Close the lanes and free the places of a process that will not come back."""
        if spec.stage is Stage.PRODUCER:
            self.samples.close_lane([each.name for each in self.plan.sources].index(spec.name))
        elif spec.stage is Stage.ANALYZER:
            self.samples.evict(spec.name)
            self.alarms.close_lane(self.analyzers.index(spec.name))
        else:
            self.alarms.evict(spec.name)
            if spec.name == VIEW:
                self.samples.evict(spec.name)

    def unit_of(self, name: str) -> str:
        """Return what the producer *name* counts."""
        return next((each.unit for each in self.plan.sources if each.name == name), "")

    def health(self) -> Status:
        """Return in a few numbers how the processes are, for whoever draws them."""
        away = tuple(spec.name for spec in self.table if self._is_away(spec))
        lost = sum(int(self.board[spec.name].numbers["lost"]) for spec in self.table)
        statistics = self.samples.statistics()
        lost += sum(statistics.reader(name).lost for name in self.analyzers)
        return Status(running=len(self.table) - len(away), away=away, lost=lost)

    def _is_away(self, spec: ProcessSpec) -> bool:
        row = self.board[spec.name]
        if row.state is RowState.DONE:
            return False
        # One that was given up does not say so: its heart has stopped.
        beat_ns = max(int(row.numbers["heartbeat_ns"]), self._made_ns)
        silent_ns = self._clock.monotonic_ns() - beat_ns
        return row.state is RowState.WAITING or silent_ns > spec.heartbeat_timeout_s * NS_PER_S

    # The table.

    def _rows(self) -> Iterator[ProcessSpec]:
        for index, source in enumerate(self.plan.sources):
            yield ProcessSpec(
                name=source.name,
                stage=Stage.PRODUCER,
                does=f"reads {_describe(self.plan.config.source[index])}",
                main=partial(self._produce, index),
                essential=False,
            )
        for number, name in enumerate(self.analyzers):
            rules = len(self._rules[number])
            yield ProcessSpec(
                name=name,
                stage=Stage.ANALYZER,
                does=f"judges {rules} rule{'s' * (rules != 1)}",
                main=partial(self._analyze, number),
            )
        for output in self.outputs:
            yield ProcessSpec(
                name=output.name,
                stage=Stage.SINK,
                does=output.does,
                main=partial(self._sink, output),
                essential=output.lossless,
                stop_timeout_s=SINK_STOP_S,
            )
        for name, bus in self.buses.items():
            yield ProcessSpec(
                name=name,
                stage=Stage.SINK,
                does=f"may send {', '.join(bus.armed)} on {_describe(bus.source)}",
                main=partial(self._transmit, name, bus),
            )
        if self.has_view:
            yield ProcessSpec(
                name=VIEW,
                stage=Stage.SINK,
                does="draws the live table",
                main=self._view,
                essential=False,
            )

    # What the processes run.

    def _produce(self, index: int) -> None:
        source = self.plan.sources[index]
        Producer(
            source,
            index,
            self.samples.writer(index, partial(self._quiet.stirs, index)),
            self.board[source.name],
            self.start,
            self.stop,
            self._clock,
            Rhythm(self._clock, self.plan.config.gateway.latency),
            ticks=any(
                rule.source == index and rule.condition is Condition.STALE_AFTER
                for rule in self.plan.rules
            ),
        ).run()

    def _analyze(self, number: int) -> None:
        name = self.analyzers[number]
        engine = self._engine(number)
        Analyzer(
            number,
            engine,
            self.samples.reader(name),
            self.alarms.writer(number),
            np.array([source.live for source in self.plan.sources]),
            self.board[name],
            self._clock,
            Rhythm(self._clock, self.plan.config.gateway.latency, ANALYZERS_AFTER_NS),
            QuietRules(self._quiet, number, self._rules[number], engine.state),
        ).run()

    def _sink(self, output: AlarmOutput) -> None:
        live = any(source.live for source in self.plan.sources)
        AlarmSink(
            output.name,
            output.open(),
            output.words,
            # Of recordings the order matters, and the time does not.
            AlarmMerge() if live else AlarmMerge(hold_ns=None),
            self.alarms.reader(output.name),
            self.samples,
            self.analyzers,
            self.board[output.name],
            self._clock,
        ).run()

    def _transmit(self, name: str, bus: ArmedBus) -> None:
        Transmitter(
            bus,
            choose_writer(bus.source, [each.encoder.can_id for each in bus.armed.values()]),
            Reactions(bus.actions, self._marks),
            self.alarms.reader(name),
            self.orders.ends[bus.source.name],
            self.board[name],
            self._clock,
        ).run()

    def _view(self) -> None:
        # Imported here: no other process needs a library for drawing on terminals.
        from gateway.workers.view import View  # noqa: PLC0415

        assert self.log_pipe is not None  # noqa: S101 - a table with a view has the pipe
        View(
            self.plan,
            self.samples.reader(VIEW),
            self.alarms.reader(VIEW),
            self.log_pipe[0],
            self.health,
            self.active_alarms.flags,
            self.board[VIEW],
            self._clock,
        ).run()

    # Where the rules stand outlives the analyzer that judges them: one that is started again goes
    # on from there. Anonymous shared memory, inherited by the forked processes.

    def _engine(self, number: int) -> ResumableEngine:
        rules = self._rules[number]
        return ResumableEngine(rules, len(self.plan.sources), self._rule_memory[number])

    def _memory_for(self, rules: list[Rule]) -> NDArray[np.uint8]:
        size = ResumableEngine.size(len(rules), len(self.plan.sources))
        return np.frombuffer(mmap.mmap(-1, size), np.uint8)


def _describe(source: SourceConfig) -> str:
    if isinstance(source, CanConfig):
        return f"CAN {source.interface} {source.channel}"
    if isinstance(source, ReplayConfig):
        path = source.path if isinstance(source.path, str) else ", ".join(source.path)
        speed = "full speed" if source.speed == "max" else f"speed {source.speed:g}"
        return f"the recording {path} at {speed}"
    if isinstance(source, ModbusConfig):
        return f"Modbus on {source.port}"
    if isinstance(source, ObdConfig):
        return f"OBD-II on {source.interface} {source.channel}"
    return f"{source.protocol} on {source.port}"
