"""Recordings as sources: what they deliver, and when."""

import gzip

import numpy as np
import pytest

from gateway.clock import NS_PER_S, FakeClock
from gateway.config.model import CanConfig, Config, FieldConfig, ReplayConfig, SerialConfig
from gateway.errors import ConfigError, LinkClosedError, RecordingError
from gateway.record import TICK
from gateway.signals import SignalTable
from gateway.sources.checks import check_source
from gateway.sources.replay import ReplaySource, play, recorded_sources

DRIVE = """\
(100.000000) can0 100#6E90010000000000
(100.010000) can1 200#E803
(100.020000) can0 7DF#00
(100.060000) can0 100#7090010000000000
(100.200000) can1 200#D007
"""
STORY = [
    "100000 .", "100000 TEMP=70", "100000 RPM=100", "100010 SPEED=10", "100050 .",
    "100060 TEMP=72", "100060 RPM=100", "100200 .", "100200 SPEED=20", "100200 .",
]  # fmt: skip
DEPTH = "$IIDBT,034.25,f,010.44,M,005.64,F*27\r\n"


class Theatre:
    """A source that is played on a clock of its own."""

    def __init__(self, config, section, select=True):
        self.clock, self.table = FakeClock(monotonic_ns=5 * NS_PER_S), SignalTable()
        self.waits = []
        self.source = ReplaySource(section, config, self.table, 0, self.clock, self.wait)
        if select:
            self.source.select([signal.index for signal in self.source.signals])

    def wait(self, ns):
        self.waits.append(ns)
        self.clock.advance(ns)

    def played(self, timeout_ns=50_000_000, busy_ns=0):
        """Each batch with the seconds since the first one, until the end."""
        began, batches = None, []
        with self.source as source:
            while (samples := source.read(timeout_ns)) is not None:
                now = self.clock.monotonic_ns()
                began = now if began is None else began
                if len(samples):
                    batches.append(((now - began) / NS_PER_S, samples))
                self.clock.advance(busy_ns)
        return batches


def drive(**more):
    channels = {"can0": ("car.dbc",), "can1": ("car.dbc",)}
    return ReplayConfig(**{"name": "drive", "path": "drive.log", "channels": channels} | more)


@pytest.fixture
def log(write):
    return write("drive.log", DRIVE)


def selected(sources):
    for source in sources:
        source.select([signal.index for signal in source.signals])
    return sources


@pytest.mark.usefixtures("log")
class TestWhatAReplayDelivers:
    def test_samples_of_all_channels_on_one_time_line(self, config, told):
        theatre = Theatre(config, drive(speed="max"))
        samples = np.concatenate([batch for _, batch in theatre.played()])
        assert told(samples, theatre.table) == STORY

    def test_entered_again_it_plays_again_and_counts_on(self, config, told):
        theatre = Theatre(config, drive(speed="max"))
        theatre.played()
        samples = np.concatenate([batch for _, batch in theatre.played()])
        assert told(samples, theatre.table) == STORY
        assert theatre.source.counters.received == 10

    def test_signals_have_the_channel_s_name(self, config):
        theatre = Theatre(config, drive())
        names = {signal.full_name for signal in theatre.source.signals}
        assert {"can0.Engine.TEMP", "can1.Wheel.SPEED"} < names

    def test_every_frame_is_counted_unknown_ids_by_id(self, config):
        theatre = Theatre(config, drive(speed="max"))
        theatre.played()
        counters = theatre.source.counters
        assert (counters.received, counters.delivered) == (5, 5)
        assert counters.unknown == {"7DF": 1}

    def test_a_channel_that_is_not_configured_is_counted_and_said_once(self, config, caplog, told):
        theatre = Theatre(config, drive(speed="max", channels={"can0": ("car.dbc",)}))
        samples = np.concatenate([batch for _, batch in theatre.played()])
        ticks = [each for each in STORY if each.endswith(".")]
        assert told(samples[samples["signal"] == TICK], theatre.table) == ticks
        assert len(samples) == len(STORY) - 2
        counters = theatre.source.counters
        assert (counters.received, counters.delivered) == (5, 5)
        assert counters.unknown == {"7DF": 1, "channel can1": 2}
        said = [record.getMessage() for record in caplog.records]
        assert said == ["channel can1 of drive.log is not configured: its frames are passed over"]

    def test_a_configured_channel_that_is_not_in_the_recording_is_said(self, config, caplog):
        Theatre(config, drive(speed="max", channels={
            "can0": ("car.dbc",), "can1": ("car.dbc",), "can7": ("car.dbc",)
        })).played()  # fmt: skip
        said = [record.getMessage() for record in caplog.records]
        assert said == ["no frame of can7 in the recording"]

    def test_several_recordings_are_one_drive(self, config, write, told):
        lines = DRIVE.splitlines(keepends=True)
        write("a.log", "".join(line for line in lines if "can0" in line))
        write("b.log", "".join(line for line in lines if "can1" in line))
        theatre = Theatre(config, drive(path=("a.log", "b.log"), speed="max"))
        samples = np.concatenate([batch for _, batch in theatre.played()])
        assert told(samples, theatre.table) == STORY

    def test_a_bad_line_is_counted_and_nothing_else_is_lost(self, config, write):
        write("drive.log", DRIVE + "(100.3000")
        theatre = Theatre(config, drive(speed="max"))
        theatre.played()
        counters = theatre.source.counters
        assert (counters.received, counters.delivered) == (6, 5)
        assert counters.lost == {"malformed": 1}

    def test_damage_is_said_after_all_that_precedes_it_was_delivered(self, config, write, caplog):
        lines = "".join(f"({i}.000000) can0 100#00\n" for i in range(50_000))
        packed = gzip.compress(lines.encode())
        write("drive.log.gz", packed[: len(packed) // 2])
        theatre = Theatre(config, drive(path="drive.log.gz", channels={"can0": ("car.dbc",)},
                                        speed="max"))  # fmt: skip
        theatre.played()
        counters = theatre.source.counters
        assert counters.delivered > 1000
        assert counters.lost == {"damaged": 1}
        [record] = caplog.records
        assert record.getMessage().startswith(f"{config.file.parent / 'drive.log.gz'}: byte ")

    def test_nmea_text_comes_at_its_rate(self, config, write, told):
        write("boat.nmea", DEPTH * 3)
        section = ReplayConfig(
            name="boat", path="boat.nmea", protocol="nmea0183", rate=10.0, speed="max"
        )
        theatre = Theatre(config, section, select=False)
        depth = theatre.table.resolve("DBT.depth_below_transducer")
        theatre.source.select([depth.index])
        samples = np.concatenate([batch for _, batch in theatre.played()])
        story = [each for each in told(samples, theatre.table) if not each.endswith(".")]
        assert story == [f"{t} depth_below_transducer=10.44" for t in (0, 100, 200)]
        assert theatre.source.unit == "sentences"
        assert theatre.source.counters.received == 3

    def test_a_missing_recording_is_told_when_the_source_is_made(self, config, folder):
        with pytest.raises(RecordingError, match=f"{folder / 'no.log'}: got no such file"):
            Theatre(config, drive(path="no.log"))

    def test_it_keeps_the_contract(self, config):
        check_source(lambda: ReplaySource(drive(speed="max"), config, SignalTable(), 0))

    def test_read_outside_the_with_block_is_refused(self, config):
        with pytest.raises(LinkClosedError, match="drive: read outside"):
            Theatre(config, drive()).source.read(0)


@pytest.mark.usefixtures("log")
class TestThePaceOfAReplay:
    def times(self, batches):
        """When each sample that is no tick came, in seconds after the first."""
        return [
            (when, t_ns / 1e9 - 100)
            for when, samples in batches
            for t_ns in samples["t_ns"][samples["signal"] != TICK].tolist()
        ]

    @pytest.mark.parametrize("speed", [1.0, 0.1, 4.0])
    def test_a_record_comes_when_it_is_due_never_before(self, config, speed):
        batches = Theatre(config, drive(speed=speed)).played()
        assert len(self.times(batches)) == 6
        for when, recorded in self.times(batches):
            assert recorded / speed - 1e-9 <= when <= recorded / speed + 0.002

    def test_lateness_does_not_add_up(self, config, write):
        write("long.log", "".join(f"({i / 100:.6f}) can0 100#00\n" for i in range(2000)))
        theatre = Theatre(config, drive(path="long.log", speed=1.0))
        batches = theatre.played(busy_ns=3_000_000)
        last_when, _ = batches[-1]
        assert 19.99 <= last_when <= 19.99 + 0.006
        assert theatre.source.counters.late_ns <= 5_000_000

    def test_after_a_hold_up_what_is_due_comes_at_once_and_the_pace_is_met_again(self, config):
        theatre = Theatre(config, drive(speed=1.0))
        with theatre.source as source:
            source.read(0)
            theatre.clock.advance(150_000_000)
            held_up = source.read(0)
            assert held_up["t_ns"][-1] == 100_060_000_000
            assert source.counters.late_ns == 140_000_000
            while not len(batch := source.read(50_000_000)):
                pass
            assert batch["t_ns"][-1] == 100_200_000_000
            assert theatre.clock.monotonic_ns() == 5 * NS_PER_S + 200_000_000
            assert source.counters.late_ns == 140_000_000

    def test_read_never_waits_beyond_its_timeout(self, config):
        theatre = Theatre(config, drive(speed=1.0))
        theatre.played(timeout_ns=7_000_000)
        assert max(theatre.waits) == 7_000_000
        theatre.waits.clear()
        with theatre.source as source:
            source.read(0)
            assert len(source.read(0)) == 0
        assert theatre.waits == []

    def test_how_fast_it_goes_and_how_much_is_read_at_once_makes_no_difference(self, config, told):
        for speed in (0.5, 1.0, 30.0, "max"):
            theatre = Theatre(config, drive(speed=speed))
            samples = np.concatenate([batch for _, batch in theatre.played()])
            assert told(samples, theatre.table) == STORY

    def test_at_max_batches_are_bounded(self, config, write):
        write("long.log", "".join(f"({i}.000000) can0 100#00\n" for i in range(5000)))
        theatre = Theatre(config, drive(path="long.log", speed="max"))
        batches = [batch for _, batch in theatre.played()]
        values = [np.count_nonzero(batch["signal"] != TICK) for batch in batches]
        assert sum(values) == 5000
        assert max(values) <= 1024
        assert theatre.waits == []


class TestRecordingsInPlaceOfTheDrive:
    @pytest.fixture
    def live(self, config):
        """Make a configuration of these live sources."""

        def live(*sources):
            return Config(file=config.file, source=sources)

        return live

    def can(self, name, channel, **more):
        return CanConfig(name=name, channel=channel, dbc=("car.dbc",), **more)

    def names(self, live_config, paths):
        table = SignalTable()
        sources = selected(recorded_sources(live_config, paths, table))
        samples = np.concatenate(list(play(sources)))
        values = samples[samples["signal"] != TICK]
        return [table[signal].full_name for signal in values["signal"]], values["source"].tolist()

    def test_a_channel_stands_for_the_source_that_has_it(self, live, log):
        names, sources = self.names(live(self.can("a", "can1"), self.can("b", "can0")), [log])
        assert names == [
            "b.Engine.TEMP", "b.Engine.RPM", "a.Wheel.SPEED",
            "b.Engine.TEMP", "b.Engine.RPM", "a.Wheel.SPEED",
        ]  # fmt: skip
        assert sources == [1, 1, 0, 1, 1, 0]

    def test_else_for_the_source_of_that_name(self, live, log):
        names, _ = self.names(live(self.can("can1", "vcan7"), self.can("can0", "vcan8")), [log])
        assert names[:3] == ["can0.Engine.TEMP", "can0.Engine.RPM", "can1.Wheel.SPEED"]

    def test_a_source_s_channel_goes_before_another_s_name(self, live, log):
        names, _ = self.names(live(self.can("can0", "can1"), self.can("can1", "can0")), [log])
        assert names[:3] == ["can1.Engine.TEMP", "can1.Engine.RPM", "can0.Wheel.SPEED"]

    def test_a_configured_replay_gets_the_recording_in_place_of_its_own(self, live, log, told):
        table = SignalTable()
        sources = recorded_sources(live(drive(path="elsewhere.log")), [log], table)
        samples = np.concatenate(list(play(selected(sources))))
        assert told(samples, table) == STORY

    def test_time_goes_on_for_every_bus_with_the_frames_of_all(self, live, log):
        sources = recorded_sources(
            live(self.can("a", "can0"), self.can("b", "can1"), self.can("c", "can9")),
            [log],
            SignalTable(),
        )
        samples = np.concatenate(list(play(selected(sources))))
        ticks = samples[samples["signal"] == TICK]
        for source in range(3):
            mine = ticks["t_ns"][ticks["source"] == source] // 1_000_000
            assert mine.tolist() == [100000, 100050, 100200, 100200]

    def test_every_frame_is_counted_by_one_source(self, live, write):
        log = write("drive.log", DRIVE + "(100.300000) can5 100#00\n")
        sources = selected(
            recorded_sources(live(self.can("a", "can0"), self.can("b", "can1")), [log],
                             SignalTable())
        )  # fmt: skip
        list(play(sources))
        assert [source.counters.received for source in sources] == [4, 2]
        assert sources[0].counters.unknown == {"7DF": 1, "channel can5": 1}

    def test_nmea_text_stands_for_the_source_that_speaks_it(self, live, write, log):
        gps = SerialConfig(name="gps", port="/dev/no", protocol="nmea0183")
        boat = write("boat.nmea", DEPTH)
        names, sources = self.names(live(self.can("a", "can0"), gps), [log, boat])
        assert "gps.DBT.depth_below_transducer" in names
        assert sources[names.index("gps.DBT.depth_below_transducer")] == 1

    def test_of_several_speakers_the_file_s_name_tells(self, live, write):
        def speaker(name):
            return SerialConfig(name=name, port="/dev/no", protocol="nmea0183")

        names, _ = self.names(live(speaker("gps"), speaker("log")), [write("log.nmea", DEPTH)])
        assert set(names) == {"log.DBT.depth_below_transducer"}
        with pytest.raises(ConfigError, match="got 2 that speak nmea0183, expected one called 'x'"):
            self.names(live(speaker("gps"), speaker("log")), [write("x.nmea", DEPTH)])

    def test_a_source_without_a_recording_knows_its_signals_and_is_silent(self, live, log):
        oven = SerialConfig(
            name="oven", port="/dev/no", protocol="lines", fields=(FieldConfig(name="TEMP2"),)
        )
        table = SignalTable()
        sources = recorded_sources(live(oven, self.can("a", "can0")), [log], table)
        assert table.resolve("TEMP2") in sources[0].signals
        assert 0 not in np.concatenate(list(play(selected(sources))))["source"]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            pytest.param(DRIVE, "source: got none with CAN, expected one for", id="frames"),
            pytest.param(
                DEPTH, "source: got none that speaks nmea0183, expected one for", id="text"
            ),
        ],
    )
    def test_a_recording_without_a_source_is_one_line(self, live, write, content, says):
        with pytest.raises(ConfigError, match=says):
            recorded_sources(live(), [write("drive.log", content)], SignalTable())

    def test_two_sources_on_one_channel_are_refused(self, live, log):
        both = live(self.can("a", "can0"), self.can("b", "can0"))
        expected = "source \"b\".channel: got 'can0', expected a channel other than that of a"
        with pytest.raises(ConfigError, match=expected):
            recorded_sources(both, [log], SignalTable())
