"""How patiently a process that crashes is restarted."""

import pytest

from gateway.supervisor.backoff import RestartPolicy

POLICY = RestartPolicy(first_delay_s=0.1, max_delay_s=2.0, max_crashes=4, healthy_after_s=3.0)


@pytest.mark.parametrize(
    ("crashes", "delay_s"),
    [
        pytest.param(1, 0.1, id="the first restart comes soon"),
        pytest.param(2, 0.2, id="the second waits twice as long"),
        pytest.param(4, 0.8, id="and so on"),
        pytest.param(9, 2.0, id="up to the longest delay"),
    ],
)
def test_the_delay_doubles_up_to_a_limit(crashes, delay_s):
    assert POLICY.delay_s(crashes, jitter=lambda: 0.0) == pytest.approx(delay_s)


def test_jitter_takes_away_at_most_half():
    assert POLICY.delay_s(3, jitter=lambda: 1.0) == pytest.approx(0.2)


def test_crashes_soon_after_the_start_make_a_row():
    assert POLICY.crashes_in_a_row(2, ran_s=0.5) == 3


def test_a_process_that_ran_well_begins_a_new_row():
    assert POLICY.crashes_in_a_row(3, ran_s=3.0) == 1


def test_a_row_of_crashes_is_given_up_at_its_limit_and_not_before():
    assert not POLICY.gives_up(3)
    assert POLICY.gives_up(4)
