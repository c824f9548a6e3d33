"""Puts a gateway together: the rings, the board, and the table of processes that use them.

    producer "can0" --+                     +--> analyzer-0 --+
    producer "gps"  --+--> samples ring ----+--> analyzer-1 --+--> alarms ring --> journal, console
                                            +--> view                          --> view
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gateway.analysis.engine import RULE_STATE, Engine
from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.log import LogFormat, set_up_logging
from gateway.record import ALARM, SAMPLE
from gateway.ring.event import Event
from gateway.ring.reader import Partition, ReaderSpec
from gateway.ring.ring import Ring
from gateway.supervisor.ledger import Entry
from gateway.supervisor.table import ProcessSpec, Stage
from gateway.workers.alarm_sink import AlarmSink
from gateway.workers.analyzer import Analyzer
from gateway.workers.board import Board
from gateway.workers.plan import Plan
from gateway.workers.producer import Producer

ALARM_LANE_CAPACITY = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says about a run.

    Attributes:
        journal: File for alarm events, over the configuration's; None leaves that.
        json_to_stdout: Whether alarm events go to standard output as JSON lines.
        view: "lines" prints warnings, "live" draws the table, "none" shows nothing.
        log_format: Of the log on standard error.
    """

    journal: Path | None = None
    json_to_stdout: bool = False
    view: Literal["lines", "live", "none"] = "lines"
    log_format: LogFormat = "text"
