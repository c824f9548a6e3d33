"""Options that several commands share."""

import pytest

from gateway.cli import main


@pytest.mark.parametrize("command", [("run", "car.toml"), ("demo",)])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e10"])
def test_seconds_are_a_number_of_them(command, seconds, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, "--seconds", seconds])
    assert end.value.code == 2
    assert "expected 0 to 1e+09 seconds" in capsys.readouterr().err


def test_standard_output_is_for_alarms_or_for_the_live_table(capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "car.toml", "--alarms", "-", "--live"])
    assert end.value.code == 2
    assert (
        "--live draws on standard output, and --alarms - prints there." in capsys.readouterr().err
    )
