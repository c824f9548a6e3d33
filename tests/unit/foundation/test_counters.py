from __future__ import annotations

from gateway.counters import Counters


def test_counters_begin_at_nothing_and_share_nothing():
    first, second = Counters(), Counters()
    first.lost["checksum"] += 1
    first.unknown[0x123] += 1
    assert (second.received, second.delivered, second.error_frames, second.late_ns) == (0, 0, 0, 0)
    assert second.lost.total() == 0
    assert second.unknown.total() == 0


def test_an_unknown_reason_counts_as_none():
    assert Counters().lost["kernel"] == 0
