"""What runs is a table: a row a process, readable on one screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.supervisor.backoff import RestartPolicy


class Stage(IntEnum):
    """Where data passes; stopping goes through the stages in this order, each one drained."""

    PRODUCER = 0
    ANALYZER = 1
    SINK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One row of the process table.

    Attributes:
        name: Unique in the table; what people see.
        stage: When it is stopped.
        does: What it does, in a few words, for people.
        main: What the forked process runs; returning ends it in order.
        essential: Whether the gateway ends, with an error, when this process is given up. A
            gateway that cannot judge or record must not look as if it could.
        restart: How patiently it is restarted after a crash.
        heartbeat_timeout_s: Silent for longer than this, it is taken for hung and killed.
        stop_timeout_s: How long it may take to end after the stop signal reached its stage. There
            are three stages, and the whole is to stop within 7 s, whoever hangs.
    """

    name: str
    stage: Stage
    does: str
    main: Callable[[], None]
    essential: bool = True
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    heartbeat_timeout_s: float = 5.0
    stop_timeout_s: float = 1.5

    @property
    def matters(self) -> bool:
        """Whether data would not flow without it; a view only looks at it."""
        return self.essential or self.stage is Stage.PRODUCER
