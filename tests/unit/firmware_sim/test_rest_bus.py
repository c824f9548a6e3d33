"""A rest-bus: nodes that are not there, by their database, their table, in simulated time."""

import tomllib
from random import Random

import cantools
import msgspec
import numpy as np
import pytest

from firmware_sim import wire
from firmware_sim.devices.encoder import Encoder
from firmware_sim.devices.protection import crc8
from firmware_sim.devices.rest_bus import pages
from firmware_sim.errors import RequestError
from firmware_sim.rest_bus_section import RestBusSection

MS = 1_000_000
DBC = """VERSION ""
BS_:
BU_: Engine Brake Gateway
BO_ 256 Status: 8 Engine
 SG_ RPM : 0|16@1+ (0.25,0) [0|8000] "1/min" Gateway
 SG_ TEMP : 16|8@1+ (1,-40) [-40|200] "degC" Gateway
 SG_ CNT : 52|4@1+ (1,0) [0|15] "" Gateway
 SG_ CRC : 56|8@1+ (1,0) [0|255] "" Gateway
BO_ 257 Multi: 3 Engine
 SG_ PAGE M : 0|8@1+ (1,0) [0|255] "" Gateway
 SG_ A m0 : 8|8@1+ (1,0) [0|255] "" Gateway
 SG_ B m3 : 8|8@1+ (1,0) [0|255] "" Gateway
 SG_ ALL : 16|8@1+ (1,0) [0|255] "" Gateway
BO_ 2566844672 Pedal: 2 Brake
 SG_ FORCE : 7|16@0- (0.1,0) [0|0] "N" Gateway
BO_ 259 Button: 1 Brake
 SG_ PRESSED : 0|1@1+ (1,0) [0|1] "" Gateway
BO_ 260 Alarm: 1 Brake
 SG_ ON : 0|1@1+ (1,0) [0|1] "" Gateway

BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_ BO_ "GenMsgSendType" ENUM "Cyclic","Event","CyclicAndEvent";
BA_DEF_ SG_ "GenSigStartValue" FLOAT 0 100000;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_DEF_DEF_ "GenMsgSendType" "Cyclic";
BA_DEF_DEF_ "GenSigStartValue" 0;
BA_ "GenMsgCycleTime" BO_ 256 10;
BA_ "GenMsgCycleTime" BO_ 257 20;
BA_ "GenMsgCycleTime" BO_ 2566844672 50;
BA_ "GenMsgCycleTime" BO_ 260 100;
BA_ "GenMsgSendType" BO_ 260 1;
BA_ "GenSigStartValue" SG_ 256 RPM 3200;
"""
DATABASE = cantools.database.load_string(DBC, "dbc")
IDS = {
    m.name: m.frame_id | (wire.EXTENDED if m.is_extended_frame else 0) for m in DATABASE.messages
}


@pytest.fixture
def section(tmp_path):
    """Make a section from TOML, beside its database."""
    (tmp_path / "bus.dbc").write_text(DBC)

    def make(text=""):
        table = tomllib.loads(f'name = "rest"\nbus = "can0"\ndbc = "bus.dbc"\n{text}')
        return msgspec.convert({"type": "rest-bus", **table}, RestBusSection).in_folder(tmp_path)

    return make


def sent(device, until_ms):
    """The frames up to a moment: (milliseconds, name, decoded signals)."""
    names = {can_id: name for name, can_id in IDS.items()}
    found = []
    while device.due_ns <= until_ms * MS:
        now_ns = device.due_ns
        for record in np.frombuffer(device.step(now_ns), wire.RECORD):
            name = names[int(record["can_id"])]
            data = bytes(record["data"][: record["len"]])
            found.append((now_ns / MS, name, DATABASE.get_message_by_name(name).decode(data)))
    return found


def of(frames, message, signal=None):
    mine = [(t, values) for t, name, values in frames if name == message]
    return [values[signal] for _, values in mine] if signal else [t for t, _ in mine]


def test_every_message_with_a_cycle_time_is_sent_at_it(section):
    frames = sent(section().make("1"), 100)
    assert of(frames, "Status") == list(range(0, 101, 10))
    assert of(frames, "Multi") == list(range(0, 101, 20))
    assert of(frames, "Pedal") == [0, 50, 100]


def test_messages_on_events_are_not_sent(section):
    assert {name for _, name, _ in sent(section().make("1"), 300)} == {"Status", "Multi", "Pedal"}


def test_unless_a_cycle_time_is_given_which_also_takes_the_databases_place(section):
    device = section(
        '[cycle]\nButton = "25ms"\nAlarm = "200ms"\nStatus = "0.05s"\nMulti = "0s"'
    ).make("1")
    frames = sent(device, 200)
    assert of(frames, "Button") == list(range(0, 201, 25))
    assert of(frames, "Alarm") == [0, 200]
    assert of(frames, "Status") == list(range(0, 201, 50))
    assert of(frames, "Multi") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('nodes = ["Engine"]', {"Status", "Multi"}),
        ('except_nodes = ["Engine"]', {"Pedal"}),
        ('nodes = ["Engine", "Brake"]\nexcept_nodes = ["Brake"]', {"Status", "Multi"}),
    ],
)
def test_it_stands_in_for_the_nodes_that_are_asked_for(section, text, names):
    assert {name for _, name, _ in sent(section(text).make("1"), 100)} == names


def test_a_signal_of_which_nothing_is_said_has_its_start_value_or_zero(section):
    frames = sent(section().make("1"), 0)
    assert of(frames, "Status", "RPM") == [800.0]
    assert of(frames, "Status", "TEMP") == [0.0]
    assert of(frames, "Pedal", "FORCE") == [0.0]


def test_signals_do_what_the_table_says(section):
    device = section(
        """
        [signals]
        "Status.RPM" = 4000
        "Status.TEMP" = { ramp = { from = 0, to = 100, period = '100ms' } }
        "Pedal.FORCE" = { table = { points = [[0, -10], [0.1, 10]] } }
        "Multi.ALL" = { sine = { low = 0, high = 200, period = '80ms' } }
        "Multi.A" = { noise = { mean = 100, deviation = 5 } }
        """
    ).make("1")
    frames = sent(device, 90)
    assert set(of(frames, "Status", "RPM")) == {4000.0}
    assert of(frames, "Status", "TEMP") == list(range(0, 100, 10))
    assert of(frames, "Pedal", "FORCE") == pytest.approx([-10, 0])
    assert of(frames, "Multi", "ALL")[:4] == [100, 200, 100, 0]


def test_equal_seeds_send_equal_bytes_and_others_others(section):
    noisy = section('[signals]\n"Status.TEMP" = { noise = { mean = 100, deviation = 5 } }')
    first, second, other = (sent(noisy.make(seed), 500) for seed in ("1", "1", "2"))
    assert first == second
    assert first != other


def test_a_multiplexed_message_goes_through_its_forms(section):
    device = section('[signals]\n"Multi.A" = 7\n"Multi.B" = 9\n"Multi.ALL" = 1').make("1")
    frames = [values for _, name, values in sent(device, 60) if name == "Multi"]
    assert frames == [
        {"PAGE": 0, "A": 7, "ALL": 1},
        {"PAGE": 3, "B": 9, "ALL": 1},
    ] * 2  # fmt: skip


def test_or_stays_at_the_one_that_is_selected(section):
    device = section('[select]\n"Multi.PAGE" = 3').make("1")
    assert set(of(sent(device, 100), "Multi", "PAGE")) == {3}


def test_counters_and_checksums_are_filled_in(section):
    device = section(
        """
        [[protect]]
        message = "Status"
        counter = "CNT"
        checksum = "CRC"
        """
    ).make("1")
    records = [
        record
        for now_ms in range(0, 200, 10)
        for record in np.frombuffer(device.step(now_ms * MS), wire.RECORD)
        if record["can_id"] == 256
    ]
    for number, record in enumerate(records):
        data = bytes(record["data"][:8])
        assert data[6] >> 4 == number % 16
        assert data[7] == crc8(data[:7])


def test_its_inputs_are_all_signals_that_it_does_not_fill_in_itself(section):
    device = section('[[protect]]\nmessage = "Status"\ncounter = "CNT"\nchecksum = "CRC"').make("1")
    assert device.inputs.units == {
        "Status.RPM": "1/min",
        "Status.TEMP": "degC",
        "Multi.A": "",
        "Multi.B": "",
        "Multi.ALL": "",
        "Pedal.FORCE": "N",
    }


def test_a_value_that_is_set_takes_the_generators_place_until_it_is_released(section):
    device = section('[signals]\n"Status.TEMP" = 50').make("1")
    device.inputs.set("Status.TEMP", 150.0)
    assert set(of(sent(device, 100), "Status", "TEMP")) == {150.0}
    device.inputs.release("Status.TEMP")
    assert set(of(sent(device, 200), "Status", "TEMP")) == {50.0}


def test_a_signal_replays_a_csv_file_by_its_name(section, tmp_path):
    (tmp_path / "drive.csv").write_text(
        "RPM,time,other\n1000,100.0,x\n2000,100.02,y\n3000,100.06,z\n"
    )
    device = section('[signals]\n"Status.RPM" = { recording = { file = "drive.csv" } }').make("1")
    assert of(sent(device, 50), "Status", "RPM") == [1000, 1000, 2000, 2000, 2000, 2000]


def test_or_by_a_column_and_only_once(section, tmp_path):
    (tmp_path / "drive.csv").write_text("s;\n".replace(";", ",speed") + "0,10\n0.01,\n0.02,30\n")
    device = section(
        '[signals]\n"Status.RPM" = '
        '{ recording = { file = "drive.csv", column = "speed", repeat = false } }'
    ).make("1")
    assert of(sent(device, 50), "Status", "RPM") == [10, 10, 30, 30, 30, 30]


def test_a_signal_replays_the_rows_of_its_own_in_a_file_of_many_signals(section, tmp_path):
    (tmp_path / "all.csv").write_text(
        "timestamp,source,message,signal,value,unit\n"
        "5.00,can0,Status,RPM,1000,1/min\n"
        "5.01,can0,Status,TEMP,90,degC\n"
        "5.03,can0,Status,RPM,1500,1/min\n"
    )
    device = section(
        '[signals]\n"Status.RPM" = { recording = { file = "all.csv", repeat = false } }'
    ).make("1")
    assert of(sent(device, 40), "Status", "RPM") == [1000, 1000, 1000, 1500, 1500]


def test_a_signal_replays_a_candump_log_by_the_database(section, tmp_path):
    encode = DATABASE.get_message_by_name("Status").encode
    (tmp_path / "drive.log").write_text(
        "".join(
            f"({time:.6f}) can0 100#{encode({'RPM': rpm, 'TEMP': 20, 'CNT': 0, 'CRC': 0}).hex()}\n"
            f"({time:.6f}) can0 333#00\n"
            for time, rpm in [(7.0, 500), (7.02, 700)]
        )
    )
    device = section(
        '[signals]\n"Status.RPM" = { recording = { file = "drive.log", repeat = false } }'
    ).make("1")
    assert of(sent(device, 30), "Status", "RPM") == [500, 500, 700, 700]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('nodes = ["Motor"]', "nodes[0]", "got 'Motor', expected one of 'Engine', "),
        ("[cycle]\nStat = '5ms'", "cycle.Stat", "expected one of 'Status', 'Multi', "),
        ('[cycle]\nStatus = "fast"', "cycle.Status", "got 'fast', expected a time such as '10s'"),
        ("[cycle]\nStatus = 5", "cycle.Status", "got 5, expected str"),
        ('[signals]\n"Status.RMP" = 5', "signals.Status.RMP", "such as 'Status.RPM'"),
        ('[signals]\n"Button.PRESSED" = 5', "signals.Button.PRESSED", "expected one of "),
        (
            '[signals]\n"Status.RPM" = "x"',
            "signals.Status.RPM",
            "got 'x', expected a number or a t",
        ),
        ('[signals]\n"Status.RPM" = {}', "signals.Status.RPM", "got nothing, expected exactly one"),
        (
            '[signals]\n"Status.RPM" = { ramp = { from = 1, to = 2 } }',
            "signals.Status.RPM.ramp.period",
            "got nothing, expected a value",
        ),
        (
            '[signals]\n"Status.RPM" = { ramp = { from = 1, to = 2, periode = "3s" } }',
            "signals.Status.RPM.ramp.periode",
            "got an unknown key, expected one of 'from', 'to', 'period', 'repeat'",
        ),
        (
            '[signals]\n"Status.RPM" = { ramps = 1 }',
            "signals.Status.RPM.ramps",
            "got an unknown key, expected one of 'constant', 'ramp', ",
        ),
        (
            '[signals]\n"Status.RPM" = { ramp = { from = 1, to = 2, period = "0ms" } }',
            "signals.Status.RPM.ramp",
            "got a period of '0ms', expected a longer one",
        ),
        (
            '[signals]\n"Status.RPM" = { table = { points = [[1, 2], [0, 2]] } }',
            "signals.Status.RPM.table",
            "got 0 s after 1 s, expected rising times",
        ),
        (
            '[signals]\n"Status.RPM" = { table = { points = [[0, 2], [inf, 2]] } }',
            "signals.Status.RPM.table.points[1][0]",
            "got inf, expected a finite number",
        ),
        (
            '[signals]\n"Status.RPM" = { table = { points = [[0, 2], [1e300, 2]] } }',
            "signals.Status.RPM.table",
            "got 1e+300 s, expected 0 to 1e+09 s",
        ),
        ('[signals]\n"Status.RPM" = nan', "signals.Status.RPM", "got nan, expected a finite numb"),
        (
            f'[signals]\n"Status.RPM" = 0x{"f" * 300}',
            "signals.Status.RPM",
            "got a huge integer, expected a finite number",
        ),
        (
            '[signals]\n"Status.RPM" = { recording = { file = "no.csv" } }',
            "signals.Status.RPM.recording",
            "got no such file or directory, expected a file",
        ),
        ('[select]\n"Multi.PAGE" = 1', "select.Multi.PAGE", "got 1, expected a multiplexer, and"),
        ('[select]\n"Multi.ALL" = 0', "select.Multi.ALL", "got 0, expected a multiplexer, and"),
        ('[[protect]]\nmessage = "X"', "protect[0].message", "got 'X', expected one of 'Status'"),
        (
            '[[protect]]\nmessage = "Status"\nchecksum = "CNT"',
            "protect[0].checksum",
            "got 'CNT', expected a signal that is a whole byte",
        ),
        (
            '[[protect]]\nmessage = "Status"\nkind = "crc16"',
            "protect[0].kind",
            "got 'crc16', expected ",
        ),
        ('nodes = ["Gateway"]', "dbc", "got no message to send, expected one with a cycle time"),
    ],
)
def test_a_wrong_table_is_refused_with_where_what_and_what_is_right(section, text, where, words):
    with pytest.raises(RequestError) as error:
        section(text).check()
    assert error.value.where == where
    assert words in str(error.value)


LONG = """VERSION ""
BS_:
BU_: Node
BO_ 1 Long: {length} Node
 SG_ A : 0|8@1+ (1,0) [0|0] "" Node
BO_ 2 Short: 8 Node
 SG_ A : 0|8@1+ (1,0) [0|0] "" Node
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1000;
BA_DEF_DEF_ "GenMsgCycleTime" 10;
"""


def test_a_message_of_more_than_eight_bytes_is_a_can_fd_frame(section, tmp_path):
    (tmp_path / "bus.dbc").write_text(LONG.format(length=24))
    records = np.frombuffer(section().make("1").step(0), wire.RECORD)
    assert records["len"].tolist() == [24, 8]
    assert records["flags"].tolist() == [wire.FD, 0]


def test_one_that_takes_several_frames_is_refused_unless_it_is_left_out(section, tmp_path):
    (tmp_path / "bus.dbc").write_text(LONG.format(length=65))
    with pytest.raises(RequestError, match=r"got Long of 65 bytes, .* cycle\.Long = \"0s\""):
        section().check()
    records = np.frombuffer(section('[cycle]\nLong = "0s"').make("1").step(0), wire.RECORD)
    assert records["len"].tolist() == [8]


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("0|8@1+ (0,0)", "got Odd, whose A has the factor 0, expected"),
        ("60|8@1+ (1,0)", "got Odd, whose A has the bits 60 to 67, beyond its end, expected"),
        ("56|12@0+ (1,0)", "got Odd, whose A has the bits 63 to 74, beyond its end, expected"),
        ("0|24@1- (1,0)", "got Odd, whose A is a float of 24 bits, expected"),
    ],
)
def test_a_signal_that_nobody_can_send_is_refused_unless_its_message_is_left_out(
    section, tmp_path, signal, words
):
    (tmp_path / "bus.dbc").write_text(
        'VERSION ""\nBS_:\nBU_: Node\n'
        f'BO_ 1 Odd: 8 Node\n SG_ A : {signal} [0|0] "" Node\n'
        'BO_ 2 Good: 8 Node\n SG_ A : 0|8@1+ (1,0) [0|0] "" Node\n'
        'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1000;\nBA_DEF_DEF_ "GenMsgCycleTime" 10;\n'
        + ("SIG_VALTYPE_ 1 A : 1;\n" if "24@" in signal else "")
    )
    with pytest.raises(RequestError) as error:
        section().check()
    assert words in str(error.value)
    assert 'cycle.Odd = "0s"' in str(error.value)
    assert len(section('[cycle]\nOdd = "0s"').make("1").step(0)) == wire.RECORD_SIZE


def test_a_message_with_a_negative_cycle_time_is_not_sent(section, tmp_path):
    text = LONG.format(length=8).replace("INT 0 ", "INT -10 ") + 'BA_ "GenMsgCycleTime" BO_ 1 -10;'
    (tmp_path / "bus.dbc").write_text(text)
    records = np.frombuffer(section().make("1").step(0), wire.RECORD)
    assert records["can_id"].tolist() == [2]


def test_a_database_that_is_not_there_or_none_is_refused(section, tmp_path):
    (tmp_path / "bus.dbc").unlink()
    with pytest.raises(RequestError, match=r"dbc: got no such file or directory: .*bus\.dbc"):
        section().check()
    (tmp_path / "other.dbc").write_text("BO_ what?")
    wrong = msgspec.structs.replace(section(), dbc=str(tmp_path / "other.dbc"))
    with pytest.raises(RequestError, match=r"other\.dbc: .*expected a signal database"):
        wrong.check()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"got column 'RPM', expected one of a header"),
        ("time,speed\n0,1\n", r"got column 'RPM', expected one of 'time', 'speed'"),
        ("time,RPM\n", r"got no value of Status\.RPM, expected at least one"),
        ("time,RPM\n0,1\n1,fast\n", r"got 'fast' in line 3, expected a number"),
        ("time,RPM\nnoon,1\n", r"got 'noon' in line 2, expected a number"),
        ("RPM,time\n1,0\n2\n", r"got '' in line 3, expected a number"),
        (f"time,RPM\n0,{'9' * 200_000}\n", r"got field larger than .*, expected a CSV file"),
    ],
)
def test_a_csv_file_without_the_signal_is_refused(section, tmp_path, text, words):
    (tmp_path / "drive.csv").write_text(text)
    with pytest.raises(RequestError, match=words):
        section('[signals]\n"Status.RPM" = { recording = { file = "drive.csv" } }').check()


@pytest.mark.parametrize("suffix", ["asc", "trc", "log", "db", "mf4", "xyz"])
def test_a_file_that_is_no_recording_of_frames_is_refused(section, tmp_path, suffix):
    file = tmp_path / f"drive.{suffix}"
    file.write_text("(when) can0 what?\n")
    with pytest.raises(RequestError, match=r"signals\.Status\.RPM\.recording: got .*, expected "):
        section(f'[signals]\n"Status.RPM" = {{ recording = {{ file = "{file.name}" }} }}').check()


@pytest.mark.parametrize(
    "name", ["leaf/EV-can_AZE0.dbc", "rav4/toyota_adas.dbc", "boat/nmea2000.dbc"]
)
def test_every_form_of_every_message_of_real_databases_is_what_cantools_makes_of_it(
    recordings, name
):
    database = cantools.database.load_file(recordings / name, strict=False)
    random = Random(name)
    compared = 0
    for message in database.messages:
        for page in pages(message):
            values = {
                s.name: random_value(s, random) for s in message.signals if s.name in page.signals
            }
            values |= page.selected
            encoder = Encoder(message, page.signals)
            sent = encoder.encode([values[signal] for signal in page.signals])
            assert sent == message.encode(values, strict=False), message.name
            compared += 1
    assert compared >= len(database.messages)


def random_value(signal, random):
    """A value that the signal can hold."""
    if signal.is_float:
        return random.uniform(signal.minimum or 0.0, signal.maximum or 1.0)
    bits = signal.length - signal.is_signed
    value = signal.conversion.raw_to_scaled(random.getrandbits(bits), decode_choices=False)
    low = value if signal.minimum is None else signal.minimum
    high = value if signal.maximum is None else signal.maximum
    return min(max(value, low), high)
