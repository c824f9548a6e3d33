"""Lines of ``name=value``."""

import math

import pytest

from gateway.record import Quality


@pytest.fixture
def oven(line, fields):
    return line(
        "lines",
        fields=fields(
            "humidity",
            temperature={"unit": "degC", "scale": 0.1, "offset": -40, "maximum": 120},
        ),
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param(b"humidity=40\n", {"line.humidity": 40}, id="one pair"),
        pytest.param(b"humidity=-4.5e1\r\n", {"line.humidity": -45}, id="any decimal number"),
        pytest.param(
            b"humidity=40,temperature=615\n",
            {"line.humidity": 40, "line.temperature": 21.5},
            id="scale and offset",
        ),
        pytest.param(
            b" temperature=615 ; humidity=40 ;\n",
            {"line.humidity": 40, "line.temperature": 21.5},
            id="blanks and semicolons",
        ),
        pytest.param(
            b"temperature = 615 humidity= 40\r",
            {"line.humidity": 40, "line.temperature": 21.5},
            id="blanks round the equals sign",
        ),
        pytest.param(
            b"temperature=,humidity=40\n", {"line.humidity": 40}, id="no value is not a zero"
        ),
    ],
)
def test_a_line_says(oven, text, values):
    assert oven.values(text) == pytest.approx(values)
    assert oven.ledger == (1, 1, {})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"humidity=4O\n", id="a value that is no number"),
        pytest.param(b"humidity=1_0\n", id="a number that only Python takes for one"),
        pytest.param(b"humidity\n", id="a name alone"),
        pytest.param(b"humidity=40=50\n", id="two values"),
        pytest.param(b"humidity=40,tempera\n", id="a good pair, then half a name"),
        pytest.param(b"=40\n", id="no name"),
        pytest.param(b"humi\xffdity=40\n", id="no ASCII"),
        pytest.param(b"\0\0humidity=40\n", id="NUL bytes"),
        pytest.param(b",\n", id="separators alone"),
        pytest.param(b"Booting v1.2 ...\n", id="a greeting"),
    ],
)
def test_a_damaged_line_is_lost_as_a_whole_and_the_next_one_is_read(oven, text):
    assert oven.feed(text) == []
    assert oven.values(b"humidity=40\n") == {"line.humidity": 40}
    assert oven.ledger == (2, 1, {"malformed": 1})


def test_values_beyond_the_declared_range_are_flagged(oven):
    assert oven.feed(b"temperature=1601\n") == [
        ("line.temperature", pytest.approx(120.1), Quality.OUT_OF_RANGE)
    ]


@pytest.mark.parametrize("text", [b"nan", b"inf", b"-inf", b"1e999"])
def test_what_is_not_finite_is_invalid(oven, text):
    [(_, value, quality)] = oven.feed(b"humidity=" + text + b"\n")
    assert math.isnan(value)
    assert quality is Quality.INVALID


def test_unknown_names_are_counted_and_may_say_what_they_like(oven):
    assert oven.values(b"state=OK, humidity=40, fan=2\n") == {"line.humidity": 40}
    assert oven.counters.unknown == {"state": 1, "fan": 1}
    assert oven.ledger == (1, 1, {})


def test_only_what_is_asked_for_is_decoded(oven):
    oven.select("temperature")
    assert oven.values(b"temperature=615,humidity=40\n") == {"line.temperature": 21.5}


def test_midway_the_first_line_is_passed_over(oven):
    oven.feed(b"humi")
    assert oven.decoder.reset(midway=True) == 1
    assert oven.values(b"ity=0\nhumidity=40\n") == {"line.humidity": 40}
    assert oven.ledger == (2, 1, {"incomplete": 1})
