"""`gateway run CONFIG`, with a wall clock that is as many seconds off as the file OFFSET says.

python stepped_gateway.py CONFIG OFFSET
"""

import sys
from pathlib import Path

from gateway.clock import NS_PER_S, SystemClock
from gateway.config.load import load_config
from gateway.supervisor.options import Options
from gateway.supervisor.run import run_gateway
from gateway.workers.plan import make_plan


class SteppedClock(SystemClock):
    """The machine's clocks, the wall clock set by a file."""

    def __init__(self, file):
        self._file = file

    def wall_ns(self):
        """See `gateway.clock.Clock`."""
        return super().wall_ns() + int(self._file.read_text()) * NS_PER_S


if __name__ == "__main__":
    config, offset = map(Path, sys.argv[1:])
    run_gateway(make_plan(load_config(config)), Options(), clock=SteppedClock(offset))
