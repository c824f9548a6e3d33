"""Frames of this host, recognised when they come back from the bus."""

import numpy as np
import pytest

from gateway.record import FRAME, FrameFlag
from gateway.sources.readers.socketcan.echoes import FORGOTTEN_NS, Echoes


def frames(*rows):
    """Frames of (time, id) or (time, id, data)."""
    made = np.zeros(len(rows), FRAME)
    for frame, (t_ns, can_id, *data) in zip(made, rows, strict=True):
        frame["t_ns"], frame["can_id"] = t_ns, can_id
        frame["data"][: len(data)] = data
    return made


@pytest.fixture
def marked():
    """Which frames are marked as sent, after these were handed to the driver."""
    echoes = Echoes()

    def marked(sent, seen):
        if sent:
            echoes.expect(frames(*sent))
        batch = frames(*seen)
        echoes.mark(batch)
        return (batch["flags"] & FrameFlag.TRANSMITTED != 0).tolist()

    return marked


def test_a_frame_that_was_sent_is_marked_when_it_comes_back(marked):
    assert marked([(1, 0x100)], [(2, 0x100), (2, 0x200)]) == [True, False]


def test_it_comes_back_once(marked):
    assert marked([(1, 0x100), (1, 0x100)], [(2, 0x100), (3, 0x100), (4, 0x100)]) == [
        True,
        True,
        False,
    ]


def test_a_frame_with_other_data_is_not_it(marked):
    assert marked([(1, 0x100, 7)], [(2, 0x100, 8), (3, 0x100, 7)]) == [False, True]


def test_what_came_before_it_was_sent_is_not_it(marked):
    assert marked([(5, 0x100)], [(4, 0x100), (6, 0x100)]) == [False, True]


def test_it_may_come_back_in_a_later_reading(marked):
    assert marked([(1, 0x100)], [(2, 0x200)]) == [False]
    assert marked([], [(3, 0x100)]) == [True]


def test_what_does_not_come_back_in_time_is_forgotten(marked):
    late_ns = 1 + FORGOTTEN_NS + 1
    assert marked([(1, 0x100)], [(late_ns, 0x100)]) == [False]
    assert marked([(late_ns, 0x100)], [(late_ns + 1, 0x100)]) == [True]


def test_what_is_sent_again_and_again_and_never_comes_back_does_not_pile_up():
    echoes = Echoes()
    for begin_ns in range(0, 100 * FORGOTTEN_NS, FORGOTTEN_NS):
        echoes.expect(frames(*((begin_ns + n, 0x100) for n in range(10))))
        echoes.mark(frames((begin_ns + 10, 0x200)))
    assert len(echoes) <= 20
