"""A boat's real sentences: every one accounted for, and read as an independent library does."""

import pynmea2
import pytest

from gateway.decode.nmea0183_sentences import (
    KNOTS_PER_KMH,
    KNOTS_PER_MPS,
    M_PER_FATHOM,
    M_PER_FOOT,
)

PEER = {
    "DBT.depth_below_transducer": lambda s: first(
        s.depth_meters, (s.depth_feet, M_PER_FOOT), (s.depth_fathoms, M_PER_FATHOM)
    ),
    "GLL.latitude": lambda s: s.latitude if s.lat else None,
    "GLL.longitude": lambda s: s.longitude if s.lon else None,
    "GLL.time_of_day": lambda s: of_day(s.timestamp),
    "HDM.heading_magnetic": lambda s: s.heading,
    "HDT.heading_true": lambda s: s.heading,
    "MWD.wind_direction_true": lambda s: s.direction_true,
    "MWD.wind_direction_magnetic": lambda s: s.direction_magnetic,
    "MWD.wind_speed": lambda s: first(
        s.wind_speed_knots, (s.wind_speed_meters, KNOTS_PER_MPS)
    ),
    "MWV.wind_angle_relative": lambda s: s.wind_angle if s.reference == "R" else None,
    "MWV.wind_speed_relative": lambda s: s.wind_speed if s.reference == "R" else None,
    "MWV.wind_angle_true": lambda s: s.wind_angle if s.reference == "T" else None,
    "MWV.wind_speed_true": lambda s: s.wind_speed if s.reference == "T" else None,
    "VHW.heading_true": lambda s: s.heading_true,
    "VHW.heading_magnetic": lambda s: s.heading_magnetic,
    "VHW.speed_through_water": lambda s: first(
        s.water_speed_knots, (s.water_speed_km, KNOTS_PER_KMH)
    ),
    "VPW.speed_parallel_to_wind": lambda s: first(
        s.data[0], (s.data[2], KNOTS_PER_MPS)
    ),
    "VTG.course_over_ground_true": lambda s: s.true_track,
    "VTG.course_over_ground_magnetic": lambda s: s.mag_track,
    "VTG.speed_over_ground": lambda s: first(
        s.spd_over_grnd_kts, (s.spd_over_grnd_kmph, KNOTS_PER_KMH)
    ),
    "VWT.wind_angle_true": lambda s: signed(s.data[0], s.data[1]),
    "VWT.wind_speed_true": lambda s: first(
        s.data[2], (s.data[4], KNOTS_PER_MPS), (s.data[6], KNOTS_PER_KMH)
    ),
    "ZDA.time_of_day": lambda s: of_day(s.timestamp),
}  # fmt: skip
"""How pynmea2, which knows neither signals nor units, spells them. Where it knows no sentence of
that type (VPW, VWT) it still splits the fields and checks the checksum."""


def first(value, *others):
    for other, factor in ((value, 1.0), *others):
        if other not in (None, ""):
            return float(other) * factor
    return None


def signed(value, side):
    return None if not value else -float(value) if side == "L" else float(value)


def of_day(moment):
    return moment and moment.hour * 3600 + moment.minute * 60 + moment.second


def heard_by_peer(text):
    sentence = pynmea2.parse(text, check=True)
    kind = sentence.sentence_type
    heard = {name: read(sentence) for name, read in PEER.items() if name.startswith(f"{kind}.")}
    return {name: float(value) for name, value in heard.items() if value not in (None, "")}


@pytest.fixture
def sentences(recordings):
    return (recordings / "boat" / "sailing.nmea").read_bytes().splitlines(keepends=True)


@pytest.mark.slow
def test_every_sentence_is_read_as_pynmea2_reads_it(line, sentences):
    boat = line("nmea0183")
    for sentence in sentences:
        said = {name: value for name, value, _ in boat.feed(sentence)}
        assert said == pytest.approx(heard_by_peer(sentence.decode()), rel=1e-12), sentence


def test_all_sentences_of_a_boat_are_delivered(line, sentences):
    boat = line("nmea0183")
    readings = boat.feed(b"".join(sentences))
    assert len(readings) == 56_250
    assert boat.ledger == (60_000, 60_000, {})
    assert boat.counters.unknown == {}
