"""What sets something by a program: whatever it says, and however it ends."""

import sys

import pytest

from gateway.bench.bench_file import StimulusConfig
from gateway.bench.errors import BenchError
from gateway.bench.stimulus import ProgramStimulus
from gateway.clock import SYSTEM_CLOCK

SAYS_BYTES = "import os, sys; os.write(1, b'20 \\xb0C\\n'); sys.exit(int(sys.argv[1]))"


@pytest.fixture
def heater():
    config = StimulusConfig(program=(sys.executable, "-c", SAYS_BYTES, "{value:.0f}"))
    return ProgramStimulus("heater", config, SYSTEM_CLOCK)


def test_what_a_program_says_need_not_be_text(heater):
    before_ns = SYSTEM_CLOCK.monotonic_ns()
    assert before_ns <= heater.apply(0.0) <= SYSTEM_CLOCK.monotonic_ns()


def test_a_program_that_fails_is_told_with_its_last_line(heater):
    with pytest.raises(BenchError, match=r"heater: .* ended with status 3: 20 \ufffdC"):
        heater.apply(3.0)
