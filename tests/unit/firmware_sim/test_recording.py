"""Scenarios in simulated time: what is recorded of values, events and faults, byte for byte."""

import itertools

import pytest

from firmware_sim.errors import SimError
from firmware_sim.recording import Recording
from firmware_sim.scenario import load_scenario

LOAD = """
[[bus]]
name = "can0"
[[device]]
name = "engine"
type = "load"
bus = "can0"
rate = 100
period_ms = 10
"""
WIND = """
[[device]]
name = "wind"
type = "wind"
port = "wind"
"""
EVERYTHING = """
[scenario]
seed = 7
[[bus]]
name = "can0"
bit_rate = 250_000
[[bus]]
name = "can1"
[[device]]
name = "engine"
type = "load"
bus = "can0"
rate = 300
[[device]]
name = "car"
type = "f1-car"
bus = "can1"
[[device]]
name = "gps"
type = "gps"
car = "car"
port = "gps"
[[device]]
name = "sensor"
type = "framed-sensor"
port = "sensor"
""" + "".join(
    f'[[fault]]\nkind = "{kind}"\non = "{on}"\nat = "{at}ms"\nfor = "500ms"\n{more}\n'
    for at, (kind, on, more) in enumerate(
        [
            ("noise", "car.SPEED", "deviation = 3.0"),
            ("drop", "engine", "rate = 0.3"),
            ("reorder", "car", "rate = 0.4"),
            ("corrupt", "can0", 'field = "wire"\nrate = 0.4'),
            ("corrupt", "gps", "bits = 3\nrate = 0.5"),
            ("truncate", "sensor", "rate = 0.5"),
            ("intermittent", "gps", 'period = "100ms"'),
            ("garbage", "engine", ""),
            ("garbage", "sensor", ""),
        ],
        start=200,
    )
)


@pytest.fixture
def record(tmp_path):
    """Record a scenario; return the folder."""
    runs = iter(range(100))

    def run(text, seconds):
        folder = tmp_path / str(next(runs))
        file = tmp_path / "scenario.toml"
        file.write_text(text)
        Recording(load_scenario(file), folder).run(seconds)
        return folder

    return run


@pytest.fixture
def frames(record):
    """Record a scenario; return its frames: milliseconds, id, data."""

    def run(text, seconds=1.0):
        lines = (record(text, seconds) / "can.log").read_text().splitlines()
        begin = 1_783_260_000
        found = []
        for line in lines:
            stamp, _, frame = line.split()
            can_id, _, data = frame.partition("#")
            whole, _, rest = stamp.strip("()").partition(".")
            ms = (int(whole) - begin) * 1000 + int(rest) / 1e6
            found.append((ms, int(can_id, 16), bytes.fromhex(data)))
        return found

    return run


@pytest.fixture
def sentences(record):
    """Record a scenario; return the wind's sentences: milliseconds, text."""

    def run(text, seconds=1.0):
        lines = (record(text, seconds) / "wind.nmea").read_text().splitlines()
        return [
            (round((float(s) - 1_783_260_000) * 1000), text) for s, text in map(str.split, lines)
        ]

    return run


def numbers(frames):
    return [int.from_bytes(data[:4], "little") for _, _, data in frames]


def winds(sentences):
    return [float(text.split(",")[3]) for _, text in sentences if text.startswith("$WIMWV")]


def test_the_same_seed_sends_the_same_bytes_on_every_link(record):
    first, second = record(EVERYTHING, 2.0), record(EVERYTHING, 2.0)
    names = {"can.log", "gps.nmea", "sensor.bin"}
    assert {file.name for file in first.iterdir()} == names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
        assert (first / name).stat().st_size > 1_000


def test_another_seed_sends_other_bytes(record):
    first = record(EVERYTHING, 2.0)
    second = record(EVERYTHING.replace("seed = 7", "seed = 8"), 2.0)
    for name in ("can.log", "gps.nmea", "sensor.bin"):
        assert (first / name).read_bytes() != (second / name).read_bytes()


def test_how_long_is_run_at_once_changes_nothing(record):
    short, long = record(EVERYTHING, 1.0), record(EVERYTHING, 2.0)
    for name in ("can.log", "gps.nmea", "sensor.bin"):
        assert (long / name).read_bytes().startswith((short / name).read_bytes())


def test_frames_have_the_moment_at_which_they_were_due(frames):
    got = frames(LOAD, 0.05)
    assert [ms for ms, _, _ in got] == [0, 10, 20, 30, 40, 50]
    assert numbers(got) == [0, 1, 2, 3, 4, 5]


def test_an_initial_value_holds_from_the_first_sentence_until_a_step_changes_it(sentences):
    text = WIND + "[device.initial]\nwind_speed = 20.0\n"
    text += "[[step]]\nat = '400ms'\nset = { 'wind.wind_speed' = 30.0 }\n"
    text += "[[step]]\nat = '800ms'\nrelease = ['wind.wind_speed']\n"
    assert winds(sentences(text, 0.799)) == [20.0, 20.0, 30.0, 30.0]
    assert max(winds(sentences(text, 2.0))[4:]) < 20.0


def test_a_step_on_an_event_happens_each_time_the_event_does(sentences):
    # 40 lasts for one sentence: the first that shows it brings 10, which ends the event.
    text = WIND + "[[step]]\nwhen = 'wind.wind_speed > 35'\nset = { 'wind.wind_speed' = 10.0 }\n"
    for ms in (0, 600):
        text += f"[[step]]\nat = '{ms}ms'\nset = {{ 'wind.wind_speed' = 40.0 }}\n"
    assert winds(sentences(text, 1.0)) == [40.0, 10.0, 10.0, 40.0, 10.0, 10.0]


def test_a_fault_on_an_event_lasts_its_time_and_comes_again(sentences):
    text = WIND + "[[fault]]\nkind = 'drop'\non = 'wind'\nwhen = 'wind.wind_speed > 35'\n"
    text += "for = '300ms'\n"
    for ms, value in ((0, 40), (400, 5), (1000, 40)):
        text += f"[[step]]\nat = '{ms}ms'\nset = {{ 'wind.wind_speed' = {value}.0 }}\n"
    got = [ms for ms, line in sentences(text, 1.5) if line.startswith("$WIMWV")]
    # Each is due every 200 ms; that at which the event is seen still goes out.
    assert got == [0, 400, 600, 800, 1000, 1400]


def test_a_state_is_an_event_and_a_reset_begins_it_anew(frames):
    text = """
[[bus]]
name = "can0"
[[device]]
name = "car"
type = "f1-car"
bus = "can0"
[[step]]
when = "car.EngineEcu.state == 'normal'"
reset = ["car"]
"""
    got = [ms for ms, can_id, _ in frames(text, 0.5) if can_id == 0x100]
    # Boot takes 30 ms and the self-test 50; the step that ends it is at 90 ms.
    gaps = [later - ms for ms, later in itertools.pairwise(got)]
    assert sum(gap > 20 for gap in gaps) >= 3


def fault(kind, on="engine", **keys):
    lines = [f'kind = "{kind}"', f'on = "{on}"', 'at = "100ms"', 'for = "100ms"']
    return "\n[[fault]]\n" + "\n".join(
        lines + [f"{key} = {value!r}" for key, value in keys.items()]
    )


DURING = range(10, 20)
OTHERWISE = [n for n in range(30) if n not in DURING]


def test_off_and_drop_lose_what_is_sent_meanwhile_and_nothing_else(frames):
    for kind in ("off", "drop", "unplug"):
        assert numbers(frames(LOAD + fault(kind), 0.295)) == OTHERWISE


def test_a_share_of_the_frames_is_lost_as_the_seed_says(frames):
    text = LOAD + "[[fault]]\nkind = 'drop'\non = 'engine'\nrate = 0.25\nseed = 3"
    got = numbers(frames(text, 10.0))
    assert 0.70 < len(got) / 1001 < 0.80
    assert got == numbers(frames(text, 10.0))
    assert got != numbers(frames(text.replace("seed = 3", "seed = 4"), 10.0))


def test_stuck_says_the_first_again_and_again(frames):
    got = numbers(frames(LOAD + fault("stuck"), 0.295))
    assert got == [*range(10), *[10] * 10, *range(20, 30)]


def test_slow_sends_every_nth(frames):
    got = numbers(frames(LOAD + fault("slow", factor=5), 0.295))
    assert got == [*range(10), 14, 19, *range(20, 30)]


def test_delayed_comes_later_in_order_and_at_the_latest_when_the_fault_ends(frames):
    got = frames(LOAD + fault("delayed", delay="35ms"), 0.295)
    assert numbers(got) == list(range(30))
    late = [ms for ms, _, data in got if 10 <= data[0] < 20]
    assert late == [135, 145, 155, 165, 175, 185, 195, 200, 200, 200]


def test_duplicate_sends_twice_at_once(frames):
    got = numbers(frames(LOAD + fault("duplicate"), 0.295))
    assert got == [*range(10), *sorted([*DURING, *DURING]), *range(20, 30)]


def test_reorder_swaps_neighbours_and_keeps_none(frames):
    got = numbers(frames(LOAD + fault("reorder"), 0.295))
    assert got == [*range(10), 11, 10, 13, 12, 15, 14, 17, 16, 19, 18, *range(20, 30)]
    odd = fault("reorder").replace('for = "100ms"', 'for = "45ms"')
    assert numbers(frames(LOAD + odd, 0.195)) == [*range(10), 11, 10, 13, 12, *range(14, 20)]


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ({"bits": 1, "byte": 5}, [5]),
        ({"field": "crc", "byte": 7}, [7]),
        ({"field": "counter", "byte": 6}, [6]),
    ],
)
def test_corrupt_changes_the_byte_that_it_names_and_no_other(frames, keys, changed):
    well, ill = frames(LOAD, 0.295), frames(LOAD + fault("corrupt", **keys), 0.295)
    for number, ((_, _, before), (_, _, after)) in enumerate(zip(well, ill, strict=True)):
        differs = [n for n in range(8) if before[n] != after[n]]
        assert differs == (changed if number in DURING else [])
        if keys.get("field") == "counter":
            assert before[6] & 0xF0 == after[6] & 0xF0
        if keys.get("bits"):
            assert (before[5] ^ after[5]).bit_count() == (number in DURING)


def test_truncate_shortens_the_frame(frames):
    got = [len(data) for _, _, data in frames(LOAD + fault("truncate", length=3), 0.295)]
    assert got == [8] * 10 + [3] * 10 + [8] * 10


def test_babble_sends_its_frames_besides_the_device_s(frames):
    got = frames(LOAD + fault("babble", id=0x7F0, per_second=500.0), 0.295)
    assert sum(can_id == 0x7F0 for _, can_id, _ in got) == 45  # up to 190 ms, in batches of 10 ms
    assert numbers(frame for frame in got if frame[1] == 0x100) == list(range(30))


def test_intermittent_is_open_for_its_share_once_a_period(frames):
    text = LOAD + "[[fault]]\nkind = 'intermittent'\non = 'engine'\nperiod = '200ms'\nrate = 0.3"
    got = set(numbers(frames(text, 1.995)))
    for period in range(0, 200, 20):
        lost = [n for n in range(period, period + 20) if n not in got]
        assert len(lost) in (5, 6, 7)
        assert lost == list(range(lost[0], lost[0] + len(lost)))


def test_a_wrong_crc_is_wrong_and_all_else_is_right(sentences):
    text = WIND + "[[fault]]\nkind = 'corrupt'\non = 'wind'\nfield = 'crc'"
    well, ill = sentences(WIND, 3.0), sentences(text, 3.0)
    assert [line[:-1] for _, line in ill] == [line[:-1] for _, line in well]
    assert all(a[-1] != b[-1] for (_, a), (_, b) in zip(well, ill, strict=True))


def test_a_wrong_crc_of_a_packet_is_its_last_byte_whatever_the_others_are(record):
    sensor = "[[device]]\nname = 'imu'\ntype = 'framed-sensor'\nport = 'imu'\n"
    fault = "[[fault]]\nkind = 'corrupt'\non = 'imu'\nfield = 'crc'"
    well, ill = (
        (record(text, 10.0) / "imu.bin").read_bytes().split(b"\0")[:-1]
        for text in (sensor, sensor + fault)
    )
    assert any(b"*" in packet for packet in well)  # after which NMEA 0183 has its checksum
    assert [packet[:-1] for packet in ill] == [packet[:-1] for packet in well]
    assert all(a[-1] != b[-1] for a, b in zip(well, ill, strict=True))


def test_faults_of_inputs_are_seen_by_the_device_alone(sentences):
    held = WIND + "[device.initial]\nwind_speed = 20.0\n"
    during = "on = 'wind.wind_speed'\nat = '200ms'\nfor = '400ms'\n"
    wrong = f"[[fault]]\nkind = 'wrong'\n{during}factor = 0.5\noffset = 1.0\n"
    assert winds(sentences(held + wrong, 0.99)) == [20.0, 11.0, 11.0, 20.0, 20.0]
    stuck = f"[[fault]]\nkind = 'stuck'\n{during}"
    stuck += "[[step]]\nat = '300ms'\nset = { 'wind.wind_speed' = 5.0 }\n"
    assert winds(sentences(held + stuck, 0.99)) == [20.0, 20.0, 20.0, 5.0, 5.0]
    delayed = f"[[fault]]\nkind = 'delayed'\n{during}delay = '200ms'\n"
    delayed += "[[step]]\nat = '300ms'\nset = { 'wind.wind_speed' = 5.0 }\n"
    assert winds(sentences(held + delayed, 0.99)) == [20.0, 20.0, 20.0, 5.0, 5.0]


def test_a_slow_sensor_follows_with_its_time_constant(sentences):
    text = WIND + "[device.initial]\nwind_speed = 20.0\n"
    text += "[[fault]]\nkind = 'slow'\non = 'wind.wind_speed'\nat = '200ms'\ndelay = '1s'\n"
    text += "[[step]]\nat = '200ms'\nset = { 'wind.wind_speed' = 30.0 }\n"
    got = winds(sentences(text, 1.25))
    # 10 times 1 - exp(-t), from the moment at which it was 20.
    assert got == pytest.approx([20.0, 20.0, 21.8, 23.3, 24.5, 25.5, 26.3], abs=0.06)


@pytest.mark.parametrize("name", ["can.log", "wind.nmea"])
def test_a_disk_that_is_full_is_told_with_the_folder(record, tmp_path, name):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / name).symlink_to("/dev/full")
    with pytest.raises(SimError, match=r"/0: No space left on device$"):
        record(LOAD + WIND, 1.0)


def test_a_port_that_is_unplugged_says_nothing(sentences):
    got = sentences(WIND + fault("unplug", "wind"), 0.5)
    assert [ms for ms, line in got if line.startswith("$WIMWV")] == [0, 200, 400]
    late = fault("unplug", "wind").replace('at = "100ms"', 'at = "150ms"')
    got = sentences(WIND + late, 0.5)
    assert [ms for ms, line in got if line.startswith("$WIMWV")] == [0, 400]
