"""A small car: its database, and frames of it in whatever form a test needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.config.model import Config
from gateway.counters import Counters
from gateway.record import FRAME, TICK

DBC = """VERSION ""
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ TEMP : 0|8@1+ (1,-40) [-40|215] "degC" ECU
 SG_ RPM : 8|16@1+ (0.25,0) [0|16383] "rpm" ECU
BO_ 512 Wheel: 2 ECU
 SG_ SPEED : 0|16@1+ (0.01,0) [0|300] "m/s" ECU
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with car.dbc in it."""
    (tmp_path / "car.dbc").write_text(DBC)
    return tmp_path


@pytest.fixture
def config(folder) -> Config:
    """An empty configuration that lies in the folder."""
    return Config(file=folder / "car.toml")


@pytest.fixture
def write(folder):
    """Write a file into the folder and return its path; text or bytes."""

    def write(name: str, content: str | bytes) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def frames_in():
    """All frames of a recording in one array, and what its reader counted."""

    def frames_in(recording):
        counters = Counters()
        chunks = list(recording.frames(counters))
        assert all(map(len, chunks)), "no chunk may be empty"
        return np.concatenate(chunks) if chunks else np.empty(0, FRAME), counters

    return frames_in


@pytest.fixture
def told():
    """Samples as "time_ms name=value ..." in their order, ticks as "time_ms ."."""

    def told(samples, table) -> list[str]:
        return [
            f"{t_ns / 1e6:g} ."
            if signal == TICK
            else f"{t_ns / 1e6:g} {table[signal].name}={value:g}"
            for t_ns, value, signal, *_ in samples.tolist()
        ]

    return told
