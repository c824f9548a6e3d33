"""Expressions: what holds, how far it is from holding, and what is refused."""

import re

import pytest

from gateway.bench.errors import BenchError

VALUES = {"RPM": 5000.0, "ENGINE_TEMP": 90.0, "LIMP_HOME": 0.0, "IN_PIT": 1.0, "BOOST": 1.5}


@pytest.fixture
def holds(parse):
    def judge(text):
        expression = parse(text)
        return expression.holds([VALUES[signal.name] for signal in expression.signals])

    return judge


@pytest.mark.parametrize(
    "text",
    [
        "RPM > 4000",
        "EngineStatus.RPM >= 5000",
        "can1.EngineStatus.BOOST == 1.5",
        "RPM != 4999",
        "4000 < RPM < 6000",
        "IN_PIT == 'pit'",
        "'track' != IN_PIT",
        "IN_PIT",
        "not LIMP_HOME",
        "RPM > 9000 or ENGINE_TEMP < 100",
        "not (RPM > 9000 or ENGINE_TEMP > 100)",
        "not RPM > 9000 and not LIMP_HOME",
        "abs(ENGINE_TEMP - 100) <= 10",
        "max(RPM, 6000) == 6000 and min(RPM, ENGINE_TEMP, 7) == 7",
        "RPM / 60 * 2 % 50 > -(3 + 1)",
        "LIMP_HOME == False",
        "  RPM > 0  ",
    ],
)
def test_it_holds(holds, text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "RPM < 5000",
        "4000 < RPM < 5000",
        "not (4000 < RPM < 6000)",
        "LIMP_HOME",
        "IN_PIT == 'track'",
        "RPM > 4000 and ENGINE_TEMP > 100",
        "not (RPM > 9000 or ENGINE_TEMP > 80)",
    ],
)
def test_it_does_not_hold(holds, text):
    assert not holds(text)


@pytest.mark.parametrize("operator", ["<", "<=", "==", "!=", ">=", ">"])
def test_what_cannot_be_computed_neither_holds_nor_does_its_opposite(holds, operator):
    assert not holds(f"RPM / LIMP_HOME {operator} 1")
    assert not holds(f"not RPM / LIMP_HOME {operator} 1")
    for unknown in ("RPM / LIMP_HOME, 1", "1, RPM / LIMP_HOME"):
        assert not holds(f"min({unknown}) {operator} 1")
        assert not holds(f"max({unknown}) {operator} 1")


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("RPM > 5500", 500.0),
        ("RPM > 4000", 0.0),
        ("RPM == 4990", 10.0),
        ("RPM > 5500 and ENGINE_TEMP > 95", 500.0),
        ("RPM > 5500 or ENGINE_TEMP > 95", 5.0),
        ("not (RPM < 5500 or ENGINE_TEMP < 95)", 500.0),
        ("5100 < RPM < 6000", 100.0),
    ],
)
def test_the_distance_from_holding(parse, text, distance):
    expression = parse(text)
    assert expression.distance([VALUES[s.name] for s in expression.signals]) == distance


@pytest.mark.parametrize(
    ("text", "thresholds"),
    [
        ("RPM > 4000 + 2 * 500", {("RPM", 5000.0)}),
        ("0 < RPM < 6000", {("RPM", 0.0), ("RPM", 6000.0)}),
        ("IN_PIT == 'pit' and not ENGINE_TEMP > 110", {("IN_PIT", 1.0), ("ENGINE_TEMP", 110.0)}),
        ("RPM > ENGINE_TEMP", set()),
        ("RPM < 1e999 and RPM > 1 / 0", set()),
    ],
)
def test_the_thresholds_that_a_picture_shows(parse, text, thresholds):
    found = parse(text)
    assert {(found.signals[slot].name, value) for slot, value in found.thresholds} == thresholds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RPMM > 1", "got 'RPMM', expected the name of a known signal; close: RPM"),
        ("1 < 2", "got no signal in it, expected a comparison"),
        ("RPM >", "got invalid syntax at character"),
        ("(RPM", "got '(' was never closed at character 1, expected a comparison"),
        ("RPM in ENGINE_TEMP", "got 'RPM in ...', expected one of < <= == != >= >"),
        ("RPM is not 3", "got 'RPM is not ...', expected one of"),
        ("RPM ** 2 > 1", "got 'RPM ** 2', expected a signal, a number"),
        ("RPM if IN_PIT else 3", "expected a signal, a number"),
        ("__import__('os').system('true')", "expected a signal, a number, + - * / %"),
        ("pow(RPM, 2) > 3", "got 'pow(RPM, 2)', expected a signal"),
        ("abs(RPM, 2) > 3", "got 'abs(RPM, 2)', expected one argument"),
        ("min(RPM) > 3", "got 'min(RPM)', expected two arguments or more"),
        ("[RPM] > 1", "got '[RPM]', expected a signal"),
        ("(lambda: RPM)() > 1", "expected a signal"),
        ("RPM == 'fast'", "got 'fast', expected a number: RPM has no words"),
        ("IN_PIT == 'box'", "got 'box', expected 'track' or 'pit'"),
        ("IN_PIT + 1 == 'pit'", "got 'pit', expected a number, or a word compared with a signal"),
        ("RPM == None", "got 'None', expected a signal"),
        ("(" * 400 + "RPM" + ")" * 400, "expected a comparison"),
        ("RPM < 1" + 400 * "0", "got int too large to convert to float, expected a comparison"),
    ],
)
def test_what_means_nothing_is_refused_in_a_line(parse, text, message):
    with pytest.raises(BenchError, match=re.escape(message)) as refused:
        parse(text)
    assert str(refused.value).startswith("expression ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "   ", "RPM > 0" + " " * 1000 + "and RPM", None])
def test_no_text_and_endless_text_are_refused(parse, text):
    with pytest.raises(BenchError, match=r"expression: got .*expected"):
        parse(text)


def test_an_ambiguous_name_says_what_would_do(signals, parse):
    signals.add("can1", "EngineStatus", "RPM")
    with pytest.raises(BenchError, match=r"one of can0\.EngineStatus\.RPM, can1\.EngineStatus"):
        parse("RPM > 1")
