"""The plan deals the signals to the analyzers and looks up every name."""

import numpy as np
import pytest

from gateway.config.load import load_config
from gateway.errors import ConfigError
from gateway.workers.plan import deal, make_plan

CONFIG = """
[analyzers]
count = 2

[[source]]
name = "oven"
type = "serial"
port = "/dev/ttyOVEN"
protocol = "csv"
fields = [{ name = "TOP" }, { name = "BOTTOM" }, { name = "DOOR" }]
signals = ["D*"]

[[source]]
name = "fridge"
type = "serial"
port = "/dev/ttyFRIDGE"
protocol = "csv"
fields = [{ name = "TOP" }]

[[rule]]
name = "hot"
signal = "oven.line.TOP"
above = 200
"""


CAR = """
[[source]]
name = "car"
type = "can"
channel = "can0"
dbc = ["car.dbc"]
filters = {}

[[rule]]
name = "hot"
signal = "TEMP"
above = 110
"""


@pytest.fixture
def plan_of(tmp_path):
    def make(text):
        (tmp_path / "kitchen.toml").write_text(text)
        return make_plan(load_config(tmp_path / "kitchen.toml"))

    return make


def test_every_signal_has_one_owner_and_signals_with_rules_are_dealt_evenly():
    owner = deal(judged=[0, 3, 6, 9], signals=12, analyzers=3)
    assert owner.shape == (12,)
    assert sorted(np.bincount(owner[[0, 3, 6, 9]], minlength=3)) == [1, 1, 2]


def test_a_signal_with_many_rules_counts_as_many():
    owner = deal(judged=[0, 0, 0, 1, 2, 3], signals=4, analyzers=2)
    assert [owner[0] == owner[signal] for signal in (1, 2, 3)] == [False] * 3


def test_neighbours_stay_together():
    owner = deal(judged=range(100), signals=100, analyzers=3)
    assert (np.diff(owner.astype(int)) >= 0).all()
    assert np.bincount(owner).tolist() == [33, 34, 33]


def test_without_rules_there_is_still_an_owner():
    assert deal(judged=[], signals=3, analyzers=2).tolist() == [0, 0, 0]


def test_an_analyzer_looks_at_the_sources_of_its_rules(plan_of):
    more = '[[rule]]\nname = "frost"\nsignal = "fridge.line.TOP"\nbelow = -30\n'
    plan = plan_of(CONFIG + more)
    assert [plan.sources_of(analyzer) for analyzer in range(2)] == [[0], [1]]


def test_an_analyzer_without_rules_ends_with_all_sources(plan_of):
    plan = plan_of(CONFIG)
    idle = [analyzer for analyzer in range(2) if not plan.rules_of(analyzer)]
    assert [plan.sources_of(analyzer) for analyzer in idle] == [[0, 1]]


def test_all_rules_of_a_signal_are_judged_by_the_same_analyzer(plan_of):
    plan = plan_of(CONFIG + '[[rule]]\nname = "cold"\nsignal = "oven.line.TOP"\nbelow = 10\n')
    assert sorted(len(plan.rules_of(analyzer)) for analyzer in range(2)) == [0, 2]


def test_only_signals_with_a_rule_or_a_pattern_are_decoded(plan_of):
    plan = plan_of(CONFIG)
    assert {plan.signals[index].full_name for index in plan.wanted} == {
        "oven.line.TOP",
        "oven.line.DOOR",
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            '"oven.line.TOP"',
            '"TOP"',
            "rule \"hot\".signal: got 'TOP', expected one of oven.line.TOP, fridge.line.TOP",
            id="an ambiguous name",
        ),
        pytest.param(
            '"oven.line.TOP"',
            '"oven.line.TOPP"',
            "rule \"hot\".signal: got 'oven.line.TOPP', expected the name of a known signal",
            id="an unknown name",
        ),
        pytest.param(
            '"D*"',
            '"X*"',
            "source \"oven\".signals: got 'X*', expected a name or pattern of its signals",
            id="a pattern that matches nothing",
        ),
    ],
)
def test_a_name_that_means_nothing_is_one_line(plan_of, before, after, expected):
    with pytest.raises(ConfigError, match=r"kitchen\.toml: ") as caught:
        plan_of(CONFIG.replace(before, after))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param('type = "can"', id="a bus"),
        pytest.param('type = "obd"\nvalues = ["rpm"]', id="a control unit"),
    ],
)
def test_an_interface_that_python_can_has_not_is_one_line(plan_of, rest):
    source = f'[[source]]\nname = "can0"\n{rest}\nchannel = "can0"\ninterface = "soketcan"\n'
    with pytest.raises(ConfigError, match=r"kitchen\.toml: ") as caught:
        plan_of(source)
    said = "source \"can0\".interface: got 'soketcan', expected an interface of python-can: 'canal"
    assert said in str(caught.value)
    assert "'socketcan', " in str(caught.value)


DBC = """VERSION ""

BU_: ECU

BO_ 256 Engine: 8 ECU
 SG_ TEMP : 0|8@1+ (1,0) [0|0] "degC" ECU

BO_ 512 Door: 8 ECU
 SG_ OPEN : 0|1@1+ (1,0) [0|0] "" ECU
"""


@pytest.mark.parametrize("filters", ["'wanted'", "[]", "['100:7FF']", "['100:700']", "['200~7FF']"])
def test_a_rule_on_what_the_filters_let_through_is_planned(tmp_path, plan_of, filters):
    (tmp_path / "car.dbc").write_text(DBC)
    plan = plan_of(CAR.format(filters))
    assert [rule.signal.name for rule in plan.rules] == ["TEMP"]


@pytest.mark.parametrize("filters", ["['200:7FF']", "['100~7FF']"])
def test_a_rule_on_what_the_filters_keep_away_is_refused(tmp_path, plan_of, filters):
    (tmp_path / "car.dbc").write_text(DBC)
    with pytest.raises(ConfigError) as refused:
        plan_of(CAR.format(filters))
    assert str(refused.value).endswith(
        "rule \"hot\".signal: got 'TEMP', of which no frame is let through,"
        " expected a signal that the filters of 'car' do not keep away"
    )
