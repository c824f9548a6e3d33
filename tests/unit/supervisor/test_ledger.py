"""The ledger shows what every stage received, delivered and lost, and whether that adds up."""

from gateway.supervisor.ledger import Entry, format_ledger

FULL = Entry(
    stage="can0",
    unit="frames",
    received=12_000,
    delivered=11_990,
    lost=10,
    reasons={"kernel": 10, "checksum": 0},
    notes={"unknown ids": 61},
)


def test_a_stage_is_one_line_with_its_losses_by_reason():
    expected = "can0 12,000 11,990 10 0 frames (10 kernel, unknown ids 61)"
    line = format_ledger([FULL]).splitlines()[2]
    assert line.split() == expected.split()


def test_a_ledger_in_which_every_stage_adds_up_says_so():
    assert format_ledger([FULL]).splitlines()[-1] == (
        "every stage adds up: received = delivered + lost"
    )


def test_a_stage_that_does_not_add_up_is_named():
    wrong = Entry(stage="journal", unit="alarms", received=5, delivered=3, lost=1)
    assert format_ledger([FULL, wrong]).splitlines()[-1] == "does NOT add up: journal"
