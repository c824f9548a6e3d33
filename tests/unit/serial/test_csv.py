"""Lines of columns."""

import pytest

from gateway.record import Quality


@pytest.fixture
def weather(line, fields):
    def make(separator=","):
        return line(
            "csv",
            separator=separator,
            fields=fields("humidity", "pressure", temperature={"scale": 0.1, "minimum": -40}),
        )

    return make


@pytest.mark.parametrize(
    ("separator", "text"),
    [
        (",", b"40,1013.2,215\n"),
        (",", b" 40 , 1013.2 , 215 \r\n"),
        (";", b"40;1013.2;215\r"),
        ("\t", b"40\t1013.2\t215\n"),
        (" ", b"  40   1013.2 215\n"),
        ("\u00a7", "40\u00a71013.2\u00a7215\n".encode()),
    ],
)
def test_a_line_says(weather, separator, text):
    port = weather(separator)
    assert port.values(text) == pytest.approx(
        {"line.humidity": 40, "line.pressure": 1013.2, "line.temperature": 21.5}
    )
    assert port.ledger == (1, 1, {})


def test_an_empty_column_is_no_value_and_not_a_zero(weather):
    port = weather()
    assert port.values(b"40,,215\n") == {"line.humidity": 40, "line.temperature": 21.5}
    assert port.feed(b",,\n") == []
    assert port.ledger == (2, 2, {})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"40,1013.2\n", id="a column too few"),
        pytest.param(b"40,1013.2,215,7\n", id="a column too many"),
        pytest.param(b"40,1013.2,21x\n", id="a column that is no number"),
        pytest.param(b"40,1013.2,1_0\n", id="a number that only Python takes for one"),
        pytest.param(b"humidity,pressure,temperature\n", id="a heading"),
        pytest.param(b"\xff\0\x80\n", id="noise"),
    ],
)
def test_a_damaged_line_is_lost_as_a_whole_and_the_next_one_is_read(weather, text):
    port = weather()
    assert port.feed(text) == []
    assert len(port.values(b"40,1013.2,215\n")) == 3
    assert port.ledger == (2, 1, {"malformed": 1})


def test_values_beyond_the_declared_range_are_flagged(weather):
    assert weather().feed(b",,-401\n")[0][2] is Quality.OUT_OF_RANGE


def test_only_columns_that_are_asked_for_are_decoded(weather):
    port = weather()
    port.select("pressure")
    assert port.values(b"a sentence,1013.2,of words\n") == {"line.pressure": 1013.2}


def test_midway_a_first_value_cut_at_the_front_is_not_believed(weather):
    port = weather()
    port.decoder.reset(midway=True)
    assert port.values(b"0,1013.2,215\n40,1013.2,215\n")["line.humidity"] == 40
    assert port.ledger == (2, 1, {"incomplete": 1})
