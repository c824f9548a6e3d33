"""What a signal does over time."""

from random import Random
from statistics import mean, stdev

import pytest

from firmware_sim.devices import generators

S = 1_000_000_000


def at(generator, *seconds):
    return [generator(round(second * S)) for second in seconds]


def test_a_constant_stays():
    assert at(generators.constant(5.0), 0, 1, 3600) == [5.0, 5.0, 5.0]


def test_a_ramp_goes_from_one_value_to_the_other_and_begins_again():
    ramp = generators.ramp(20.0, 120.0, 10.0)
    assert at(ramp, 0, 2.5, 9.999, 10, 12.5) == pytest.approx([20, 45, 119.99, 20, 45])


def test_a_ramp_may_fall_and_stay():
    ramp = generators.ramp(100.0, 0.0, 4.0, repeat=False)
    assert at(ramp, 0, 1, 4, 100) == pytest.approx([100, 75, 0, 0])


def test_a_sine_swings_between_its_ends_from_the_middle_up():
    sine = generators.sine(-1.0, 3.0, 4.0)
    assert at(sine, 0, 1, 2, 3, 4, 4001) == pytest.approx([1, 3, 1, -1, 1, 3])
    assert at(generators.sine(-1.0, 3.0, 4.0, 90.0), 0) == pytest.approx([3])


def test_noise_has_its_mean_and_deviation_and_is_the_same_for_a_seed():
    values = at(generators.noise(10.0, 2.0, Random(1)), *range(4000))
    assert mean(values) == pytest.approx(10.0, abs=0.1)
    assert stdev(values) == pytest.approx(2.0, abs=0.1)
    assert values == at(generators.noise(10.0, 2.0, Random(1)), *range(4000))


def test_a_table_is_straight_lines_through_its_points():
    table = generators.table([(1.0, 10.0), (2.0, 20.0), (4.0, 0.0)])
    assert at(table, 0, 1, 1.5, 2, 3, 4, 99) == pytest.approx([10, 10, 15, 20, 10, 0, 0])


def test_a_table_that_repeats_begins_again_at_its_last_point():
    table = generators.table([(0.0, 0.0), (2.0, 20.0)], repeat=True)
    assert at(table, 1, 2, 3, 4.5) == pytest.approx([10, 0, 10, 5])


def test_a_recording_has_each_value_until_the_next():
    points = [(0.0, 1.0), (1.0, 2.0), (3.0, 5.0)]
    assert at(generators.recording(points, repeat=False), 0, 0.9, 1, 2.9, 3, 9) == [
        1,
        1,
        2,
        2,
        5,
        5,
    ]
    assert at(generators.recording(points), 2.9, 3, 3.5, 4) == [2, 1, 1, 2]


@pytest.mark.parametrize("kind", [generators.table, generators.recording])
def test_a_single_point_is_a_constant(kind):
    assert at(kind([(0.0, 7.0)], repeat=True), 0, 5) == [7.0, 7.0]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "got no points, expected at least one"),
        ([(-1.0, 0.0)], "got -1 s, expected no time before 0"),
        ([(0.0, 0.0), (2.0, 0.0), (1.0, 0.0)], "got 1 s after 2 s, expected rising times"),
        ([(1.0, 0.0), (1.0, 0.0)], "got 1 s after 1 s, expected rising times"),
    ],
)
@pytest.mark.parametrize("kind", [generators.table, generators.recording])
def test_points_whose_times_do_not_rise_are_refused(kind, points, message):
    with pytest.raises(ValueError, match=message):
        kind(points)
