from __future__ import annotations

import pytest

from gateway.signals import SignalTable


@pytest.fixture
def table():
    table = SignalTable()
    table.add("can0", "Engine", "TEMP", "degC", -40.0, 215.0)
    table.add("can0", "Engine", "SPEED", "rpm")
    table.add("can0", "Gearbox", "TEMP", "degC")
    table.add("can1", "Gearbox", "TEMP", "degC")
    return table


def test_signals_are_numbered_in_the_order_in_which_they_were_added(table):
    assert [signal.index for signal in table] == [0, 1, 2, 3]
    assert len(table) == 4
    assert table[1].full_name == "can0.Engine.SPEED"


def test_a_signal_keeps_its_unit_and_range(table):
    signal = table[0]
    assert (signal.unit, signal.minimum, signal.maximum) == ("degC", -40.0, 215.0)
    assert (table[1].minimum, table[1].maximum) == (None, None)


def test_a_signal_that_is_there_already_is_not_added_again(table):
    assert table.add("can0", "Engine", "TEMP", "K") is table[0]
    assert len(table) == 4


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("SPEED", 1),
        ("Engine.SPEED", 1),
        ("Engine.TEMP", 0),
        ("can0.Engine.TEMP", 0),
        ("can0.Gearbox.TEMP", 2),
        ("can1.Gearbox.TEMP", 3),
    ],
)
def test_a_signal_is_found_by_as_much_of_its_name_as_makes_it_one_of_a_kind(table, name, index):
    assert table.resolve(name) is table[index]


def test_an_ambiguous_name_is_refused_with_the_names_that_would_do(table):
    with pytest.raises(LookupError) as caught:
        table.resolve("Gearbox.TEMP")
    assert str(caught.value) == (
        "one of can0.Gearbox.TEMP, can1.Gearbox.TEMP (the name is ambiguous)"
    )


def test_of_many_names_that_would_do_four_are_shown():
    table = SignalTable()
    for number in range(7):
        table.add(f"can{number}", "Engine", "TEMP")
    with pytest.raises(LookupError, match=r"can3\.Engine\.TEMP and 3 more \(the name is amb"):
        table.resolve("TEMP")


def test_an_unknown_name_is_refused_with_close_ones(table):
    with pytest.raises(LookupError) as caught:
        table.resolve("Engine.SPED")
    assert str(caught.value) == (
        "the name of a known signal; close: Engine.SPEED, can0.Engine.SPEED, Engine.TEMP"
    )


def test_a_name_like_no_other_is_refused_without_suggestions(table):
    with pytest.raises(LookupError) as caught:
        table.resolve("zzzzzz")
    assert str(caught.value) == "the name of a known signal"


def test_a_signal_named_like_its_message_is_found_by_every_spelling():
    table = SignalTable()
    signal = table.add("gps", "RMC", "RMC")
    for name in ("RMC", "RMC.RMC", "gps.RMC.RMC"):
        assert table.resolve(name) is signal
