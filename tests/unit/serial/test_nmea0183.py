"""NMEA 0183: what every sentence means, and what becomes of those that are damaged."""

import math
import operator
from functools import reduce

import pytest

from gateway.config.model import ReplayConfig
from gateway.counters import Counters
from gateway.decode.nmea0183 import xor
from gateway.decode.nmea0183_sentences import LONGEST, SENTENCES
from gateway.decode.stream import make_stream_decoder
from gateway.record import Origin, Quality
from gateway.signals import SignalTable


@pytest.fixture
def nmea(line):
    return line("nmea0183")


MEANINGS = [
    (
        "GPRMC,123519.50,A,4807.038,N,01131.000,W,022.4,084.4,230394,003.1,W",
        {
            "RMC.time_of_day": 45319.5,
            "RMC.unix_time": 764426119.5,
            "RMC.latitude": 48.1173,
            "RMC.longitude": -11.516667,
            "RMC.speed_over_ground": 22.4,
            "RMC.course_over_ground_true": 84.4,
            "RMC.variation": -3.1,
        },
    ),
    (
        "GPGGA,123519,4807.038,S,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        {
            "GGA.time_of_day": 45319,
            "GGA.latitude": -48.1173,
            "GGA.longitude": 11.516667,
            "GGA.fix_quality": 1,
            "GGA.satellites": 8,
            "GGA.hdop": 0.9,
            "GGA.altitude": 545.4,
            "GGA.geoid_separation": 46.9,
        },
    ),
    (
        "GPGLL,6005.071,N,02332.346,E,095559,A,D",
        {"GLL.latitude": 60.084517, "GLL.longitude": 23.539100, "GLL.time_of_day": 35759},
    ),
    ("GPGLL,30.0,S,00015,W,,A", {"GLL.latitude": -0.5, "GLL.longitude": -0.25}),
    ("GPGLL,6005.071,,02332.346,E,000000.5,A", {"GLL.longitude": 23.5391, "GLL.time_of_day": 0.5}),
    ("GPGLL,,N,02332.346,,235960.5,A", {"GLL.time_of_day": 86400.5}),  # a leap second
    (
        "GNGNS,014035.00,4332.69262,S,17235.48549,E,RR,13,0.9,25.63,11.24,,",
        {
            "GNS.time_of_day": 6035,
            "GNS.latitude": -43.544877,
            "GNS.longitude": 172.591425,
            "GNS.satellites": 13,
            "GNS.hdop": 0.9,
            "GNS.altitude": 25.63,
            "GNS.geoid_separation": 11.24,
        },
    ),
    ("GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1", {
        "GSA.fix_mode": 3, "GSA.pdop": 2.5, "GSA.hdop": 1.3, "GSA.vdop": 2.1,
    }),
    ("GPGST,172814.0,0.006,0.023,0.020,273.6,0.023,0.020,0.031", {
        "GST.range_rms": 0.006, "GST.latitude_error": 0.023,
        "GST.longitude_error": 0.020, "GST.altitude_error": 0.031,
    }),
    ("GPGSV,2,1,08,01,40,083,46", {"GSV.satellites_in_view": 8}),
    ("IIVTG,224.44,T,220.10,M,5.81,N,10.76,K,D", {
        "VTG.course_over_ground_true": 224.44, "VTG.course_over_ground_magnetic": 220.1,
        "VTG.speed_over_ground": 5.81,
    }),
    ("IIVTG,,,,,,,18.52,K,A", {"VTG.speed_over_ground": 10.0}),
    ("IIVHW,100.5,T,98.5,M,06.11,N,11.31,K", {
        "VHW.heading_true": 100.5, "VHW.heading_magnetic": 98.5, "VHW.speed_through_water": 6.11,
    }),
    ("IIVLW,1234.5,N,12.3,N,2345.6,N,23.4,N", {
        "VLW.total_distance_water": 1234.5, "VLW.trip_distance_water": 12.3,
        "VLW.total_distance_ground": 2345.6, "VLW.trip_distance_ground": 23.4,
    }),
    ("IIVPW,4.71,N,,", {"VPW.speed_parallel_to_wind": 4.71}),
    ("IIVPW,,,5.144444,M", {"VPW.speed_parallel_to_wind": 10.0}),
    ("IIVHW,,,,,,,18.52,K", {"VHW.speed_through_water": 10.0}),
    ("VMVBW,12.3,-0.07,A,11.78,0.12,A", {
        "VBW.longitudinal_water_speed": 12.3, "VBW.transverse_water_speed": -0.07,
        "VBW.longitudinal_ground_speed": 11.78, "VBW.transverse_ground_speed": 0.12,
    }),
    ("IIVDR,10.1,T,12.3,M,1.2,N", {
        "VDR.set_true": 10.1, "VDR.set_magnetic": 12.3, "VDR.drift": 1.2,
    }),
    ("IIMWV,338,R,13.41,N,A", {
        "MWV.wind_angle_relative": 338, "MWV.wind_speed_relative": 13.41,
    }),
    ("IIMWV,313,T,18.52,K,A", {"MWV.wind_angle_true": 313, "MWV.wind_speed_true": 10.0}),
    ("IIMWV,313,T,5.144444,M,A", {"MWV.wind_angle_true": 313, "MWV.wind_speed_true": 10.0}),
    ("IIMWV,313,T,11.507794,S,A", {"MWV.wind_angle_true": 313, "MWV.wind_speed_true": 10.0}),
    ("IIMWD,200.1,T,198.3,M,08.16,N,04.20,M", {
        "MWD.wind_direction_true": 200.1, "MWD.wind_direction_magnetic": 198.3,
        "MWD.wind_speed": 8.16,
    }),
    ("IIMWD,,,,,,,5.144444,M", {"MWD.wind_speed": 10.0}),
    ("IIVWR,039,L,08.10,N,04.17,M,,", {
        "VWR.wind_angle_relative": -39, "VWR.wind_speed_relative": 8.1,
    }),
    ("IIVWT,,,,,5.144444,M,,", {"VWT.wind_speed_true": 10.0}),
    ("IIVWR,039,,08.10,N,,,,", {"VWR.wind_speed_relative": 8.1}),
    ("IIVWR,,L,08.10,N,,,,", {"VWR.wind_speed_relative": 8.1}),
    ("IIVWT,045,R,,,,,18.52,K", {"VWT.wind_angle_true": 45, "VWT.wind_speed_true": 10.0}),
    ("IIDBT,034.25,f,010.44,M,005.64,F", {"DBT.depth_below_transducer": 10.44}),
    ("IIDBT,100,f,,,,", {"DBT.depth_below_transducer": 30.48}),
    ("IIDBS,,,,,10,F", {"DBS.depth_below_surface": 18.288}),
    ("IIDBK,,,2.5,M,,", {"DBK.depth_below_keel": 2.5}),
    ("SDDPT,2.4,-0.6,", {"DPT.depth_below_transducer": 2.4, "DPT.transducer_offset": -0.6}),
    ("HCHDG,98.3,0.5,E,12.6,W", {
        "HDG.heading_magnetic_sensor": 98.3, "HDG.deviation": 0.5, "HDG.variation": -12.6,
    }),
    ("HCHDG,98.3,0.5,W,12.6,E", {
        "HDG.heading_magnetic_sensor": 98.3, "HDG.deviation": -0.5, "HDG.variation": 12.6,
    }),
    ("HCHDM,238.5,M", {"HDM.heading_magnetic": 238.5}),
    ("HEHDT,271.1,T", {"HDT.heading_true": 271.1}),
    ("HETHS,271.1,A", {"THS.heading_true": 271.1}),
    ("APHSC,40.1,T,39.1,M", {
        "HSC.heading_to_steer_true": 40.1, "HSC.heading_to_steer_magnetic": 39.1,
    }),
    ("TIROT,-35.6,A", {"ROT.rate_of_turn": -35.6}),
    ("IIRSA,10.5,A,-3.2,A", {
        "RSA.rudder_angle_starboard": 10.5, "RSA.rudder_angle_port": -3.2,
    }),
    ("ERRPM,E,1,2418.2,10.5,A", {"RPM.engine_1_speed": 2418.2, "RPM.engine_1_pitch": 10.5}),
    ("ERRPM,S,0,310,,A", {"RPM.shaft_0_speed": 310}),
    ("ERRPM,S,2,310,-8,A", {"RPM.shaft_2_speed": 310, "RPM.shaft_2_pitch": -8}),
    ("IIMTW,17.75,C", {"MTW.water_temperature": 17.75}),
    ("IIMTA,25.0,C", {"MTA.air_temperature": 25.0}),
    ("IIMHU,66.0,5.0,3.0,C", {"MHU.relative_humidity": 66.0, "MHU.dew_point": 3.0}),
    ("IIMMB,29.9870,I,1.0155,B", {"MMB.pressure": 1015.5}),
    ("IIMMB,29.92,I,,", {"MMB.pressure": 1013.207589}),
    ("WIMDA,29.9870,I,1.0155,B,20.1,C,16.3,C,55.2,,10.8,C,132.3,T,130.1,M,9.3,N,4.8,M", {
        "MDA.pressure": 1015.5, "MDA.air_temperature": 20.1, "MDA.water_temperature": 16.3,
        "MDA.relative_humidity": 55.2, "MDA.dew_point": 10.8, "MDA.wind_direction_true": 132.3,
        "MDA.wind_direction_magnetic": 130.1, "MDA.wind_speed": 9.3,
    }),
    ("WIMDA,29.92,I" + "," * 17 + "5.144444,M", {
        "MDA.pressure": 1013.207589, "MDA.wind_speed": 10.0,
    }),
    ("IIXDR,A,-2.5,D,PTCH,A,12.5,D,ROLL,C,19.5,C,AirTemp,P,1.0155,B,Barometer", {
        "XDR.pitch": -2.5, "XDR.roll": 12.5, "XDR.air_temperature": 19.5, "XDR.pressure": 1015.5,
    }),
    ("IIXDR,A,,D,PTCH,A,12.5,D,ROLL", {"XDR.roll": 12.5}),
    ("IIXDR,G,1,,A,U,5,PTCH,X", {}),  # the first one's name, not an angle's kind
    ("IIXDR,P,101550,P,Baro,G,1,,OTHER", {"XDR.pressure": 1015.5}),
    ("GPRMB,A,0.66,L,003,004,4917.24,N,12309.57,W,001.3,052.5,000.5,V", {
        "RMB.cross_track_error": -0.66, "RMB.range_to_destination": 1.3,
        "RMB.bearing_to_destination_true": 52.5, "RMB.closing_speed": 0.5,
    }),
    ("GPRMB,A,0.66,R" + "," * 10, {"RMB.cross_track_error": 0.66}),
    ("GPRMC" + "," * 9 + ",003.1,E", {"RMC.variation": 3.1}),
    ("GPAPB,A,A,0.10,R,N,V,V,011,M,DEST,011.5,M,012.5,T", {
        "APB.cross_track_error": 0.1, "APB.bearing_to_destination_magnetic": 11.5,
        "APB.heading_to_steer_true": 12.5,
    }),
    ("GPAPB,A,A,0.10,L,N,V,V,011,M,DEST,012.5,T,011.5,M", {
        "APB.cross_track_error": -0.1, "APB.bearing_to_destination_true": 12.5,
        "APB.heading_to_steer_magnetic": 11.5,
    }),
    ("GPXTE,A,A,0.67,L,N", {"XTE.cross_track_error": -0.67}),
    ("GPXTE,A,A,0.67,R,N", {"XTE.cross_track_error": 0.67}),
    ("GPBOD,099.3,T,105.6,M,POINTB,", {"BOD.bearing_true": 99.3, "BOD.bearing_magnetic": 105.6}),
    ("GPBWC,225444,4917.24,N,12309.57,W,051.9,T,031.6,M,001.3,N,004", {
        "BWC.bearing_true": 51.9, "BWC.bearing_magnetic": 31.6, "BWC.distance": 1.3,
    }),
    ("GPBWR,225444,4917.24,N,12309.57,W,051.9,T,031.6,M,001.3,N,004", {
        "BWR.bearing_true": 51.9, "BWR.bearing_magnetic": 31.6, "BWR.distance": 1.3,
    }),
    ("GPWCV,2.3,N,WPT1,A", {"WCV.closing_speed": 2.3}),
    ("GPZDA,201530.00,04,07,2002,00,00", {"ZDA.time_of_day": 72930, "ZDA.unix_time": 1025813730}),
    ("GPZDA,201530.00,04,07,,,", {"ZDA.time_of_day": 72930}),
    ("GPZDA,,04,07,2002,,", {}),
    ("GPRMC,000000,A,,,,,,,010180,,", {"RMC.time_of_day": 0, "RMC.unix_time": 315532800}),
    ("GPRMC,000000,A,,,,,,,311279,,", {"RMC.time_of_day": 0, "RMC.unix_time": 3471206400}),
    ("GPRMC,000001,A,,,,,,,,,", {"RMC.time_of_day": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "meaning"), MEANINGS, ids=[body for body, _ in MEANINGS])
def test_a_sentence_says(nmea, sentence, body, meaning):
    assert nmea.values(sentence(body)) == pytest.approx(meaning, abs=1e-6)
    assert nmea.ledger == (1, 1, {})


def test_every_sentence_of_the_table_is_shown_above():
    assert {body[2:5] for body, _ in MEANINGS} == set(SENTENCES)


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_sentence_without_any_value_says_nothing(nmea, sentence, kind):
    assert nmea.feed(sentence(f"II{kind}" + "," * LONGEST), sentence(f"II{kind}")) == []
    assert nmea.ledger == (2, 2, {})


def test_names_are_the_same_whoever_talks(nmea, sentence):
    assert nmea.values(sentence("SDMTW,1,C"), sentence("YXMTW,2,C")) == {"MTW.water_temperature": 2}


def test_samples_carry_the_time_source_and_origin_that_they_were_read_with():
    table = SignalTable()
    config = ReplayConfig(name="boat", path="x.nmea", protocol="nmea0183")
    decoder = make_stream_decoder(config, table, 5)
    [sample] = decoder.feed(b"$HEHDT,271.1,T*2A\r\n", 123, Origin.RECORDED, Counters())
    assert sample.tolist() == (123, 271.1, table.resolve("boat.HDT.heading_true").index, 5, 0, 3)


VOID = [
    ("GPAPB,V,A,0.1,R,N,V,V,011,M,DEST,11,M,12,T",
     "cross_track_error bearing_to_destination_magnetic heading_to_steer_true"),
    ("GPAPB,V,A,0.1,R,N,V,V,011,M,DEST,11,T,12,M",
     "cross_track_error bearing_to_destination_true heading_to_steer_magnetic"),
    ("GPGLL,6005.071,N,02332.346,E,095559,V", "latitude longitude"),
    ("GPGGA,095559,6005.071,N,02332.346,E,0,8,0.9,45,M,17,M,,",
     "latitude longitude altitude geoid_separation"),
    ("GNGNS,095559,6005.071,N,02332.346,E,NN,8,0.9,45,17,,",
     "latitude longitude altitude geoid_separation"),
    ("IIMWV,338,R,13.41,N,V", "wind_angle_relative wind_speed_relative"),
    ("IIMWV,338,T,13.41,N,V", "wind_angle_true wind_speed_true"),
    ("GPRMB,V,0.66,L,003,004,4917.24,N,12309.57,W,1.3,52.5,0.5,V",
     "cross_track_error range_to_destination bearing_to_destination_true closing_speed"),
    ("GPRMC,123519,V,4807.038,N,01131.000,W,22.4,84.4,230394,3.1,W",
     "unix_time latitude longitude speed_over_ground course_over_ground_true"),
    ("TIROT,-35.6,V", "rate_of_turn"),
    ("ERRPM,E,1,2418.2,10.5,V", "engine_1_speed engine_1_pitch"),
    ("IIRSA,10.5,A,-3.2,V", "rudder_angle_port"),
    ("IIRSA,10.5,V,-3.2,A", "rudder_angle_starboard"),
    ("HETHS,271.1,V", "heading_true"),
    ("VMVBW,12.3,-0.07,V,11.78,0.12,A", "longitudinal_water_speed transverse_water_speed"),
    ("VMVBW,12.3,-0.07,A,11.78,0.12,V", "longitudinal_ground_speed transverse_ground_speed"),
    ("IIVTG,224,T,220,M,5.81,N,10.76,K,N",
     "course_over_ground_true course_over_ground_magnetic speed_over_ground"),
    ("GPXTE,V,A,0.67,L,N", "cross_track_error"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "names"), VOID, ids=[body for body, _ in VOID])
def test_exactly_the_values_that_the_status_declares_void_are_invalid(nmea, sentence, body, names):
    readings = nmea.feed(sentence(body))
    invalid = {name for name, _, quality in readings if quality is Quality.INVALID}
    assert invalid == {f"{body[2:5]}.{name}" for name in names.split()}


def test_every_sentence_that_has_a_status_is_shown_above():
    having = {kind for kind, quantities in SENTENCES.items() for each in quantities if each.void[1]}
    assert {body[2:5] for body, _ in VOID} == having


@pytest.mark.parametrize("void", ["NN", "N", "NNNN"])
def test_a_gns_position_is_void_when_no_satellite_system_has_one(nmea, sentence, void):
    fix = "GNGNS,,6005.071,N,02332.346,E,{},,,,,,"
    assert {quality for *_, quality in nmea.feed(sentence(fix.format(void)))} == {Quality.INVALID}
    valid = sentence(fix.format(void + "A"))
    assert {quality for *_, quality in nmea.feed(valid)} == {Quality.GOOD}


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("A,-2.5,D,PTCH", "pitch"),
        ("A,-2.5,D,Pitch", "pitch"),
        ("A,-2.5,D,ROLL", "roll"),
        ("A,-2.5,D,Heel", "roll"),
        ("C,-2.5,C,AirTemp", "air_temperature"),
        ("C,-2.5,C,TempAir", "air_temperature"),
        ("C,-2.5,C,ENV_OUTAIR_T", "air_temperature"),
        ("C,-2.5,C,ENV_OUTSIDE_T", "air_temperature"),
        ("P,-250,P,Baro", "pressure"),
        ("P,-0.0025,B,Barometer", "pressure"),
        ("P,-250,P,ENV_ATMOS_P", "pressure"),
    ],
)
def test_a_transducer_is_known_by_the_names_that_instruments_give_it(nmea, sentence, group, name):
    ((heard, value, _),) = nmea.feed(sentence(f"IIXDR,{group}"))
    assert (heard, value) == (f"XDR.{name}", pytest.approx(-2.5))


def test_a_value_that_cannot_be_is_out_of_range(nmea, sentence):
    assert nmea.feed(sentence("HEHDT,400,T")) == [("HDT.heading_true", 400, Quality.OUT_OF_RANGE)]


def test_a_device_that_says_nan_is_heard_as_invalid(nmea, sentence):
    [(_, value, quality)] = nmea.feed(sentence("HEHDT,nan,T"))
    assert math.isnan(value)
    assert quality is Quality.INVALID


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("HEHDT,12x,T", id="a number that is none"),
        pytest.param("HEHDT,1_2,T", id="a number that only Python takes for one"),
        pytest.param("HEHDT,12,M", id="another unit than the sentence has"),
        pytest.param("IIMWV,338,R,13.41,Q,A", id="a unit that does not exist"),
        pytest.param("GPGLL,6005.071,X,02332.346,E,,A", id="a hemisphere that does not exist"),
        pytest.param("GPGLL,6065.071,N,02332.346,E,,A", id="65 minutes of arc"),
        pytest.param("GPGLL,6060,N,02332.346,E,,A", id="60 minutes of arc"),
        pytest.param("GPGLL,6005.07.1,N,02332.346,E,,A", id="two points"),
        pytest.param("GPGLL,-6005.071,N,02332.346,E,,A", id="a sign before the degrees"),
        pytest.param("GPGLL,5,N,02332.346,E,,A", id="degrees without minutes"),
        pytest.param("IIVWR,039,Q,08.10,N,,,,", id="a side that does not exist"),
        pytest.param("IIXDR,A,2.5,X,PTCH", id="a transducer's unit that it cannot have"),
        pytest.param("GPZDA,240000,,,,,", id="24 o'clock"),
        pytest.param("GPZDA,126000,,,,,", id="60 minutes"),
        pytest.param("GPZDA,120061,,,,,", id="61 seconds"),
        pytest.param("GPZDA,-10000,,,,,", id="hours below zero"),
        pytest.param("GPZDA,12-100,,,,,", id="minutes below zero"),
        pytest.param("GPZDA,1200-1,,,,,", id="seconds below zero"),
        pytest.param("GPZDA,120000,31,02,2024,,", id="31 February"),
        pytest.param("GPZDA,120000,01,02,20240,,", id="a year of five digits"),
        pytest.param("GPZDA,120000,01,02,202400000000,,", id="a year of twelve digits"),
        pytest.param("GPZDA,120000,99999999999999999999,02,2024,,", id="a day of twenty digits"),
        pytest.param("GPRMC,120000,A,,,,,,,0101,,", id="a date of four digits"),
    ],
)
def test_a_sentence_that_breaks_the_standard_is_lost_as_a_whole(nmea, sentence, body):
    assert nmea.feed(sentence(body)) == []
    assert nmea.ledger == (1, 0, {"malformed": 1})


def test_values_before_the_damaged_one_are_not_delivered_either(nmea, sentence):
    good = sentence("HEHDT,1,T")
    assert nmea.feed(good + sentence("IIVHW,100,T,98,M,x,N,,K") + good) == [
        ("HDT.heading_true", 1, Quality.GOOD),
        ("HDT.heading_true", 1, Quality.GOOD),
    ]


GOOD = b"$HEHDT,271.1,T*2A\r\n"


@pytest.mark.parametrize(
    ("stream", "received", "lost"),
    [
        pytest.param(b"$HEHDT,271.2,T*2A\r\n", 1, {"checksum": 1}, id="a wrong checksum"),
        pytest.param(b"$HEHDT,271.1,T*\r\n", 1, {"checksum": 1}, id="a checksum cut off"),
        pytest.param(b"$HEHDT,271.1,T*2\r\n", 1, {"checksum": 1}, id="half a checksum"),
        pytest.param(b"$HEHDT,271.1,T*zz\r\n", 1, {"checksum": 1}, id="a checksum that is none"),
        pytest.param(b"1.1,T*2A\r\n", 1, {"malformed": 1}, id="a tail"),
        pytest.param(b"$HEHDT,27" + GOOD, 2, {"malformed": 1}, id="a head, then a sentence"),
        pytest.param(b"\x00\xff\x80" + GOOD, 2, {"malformed": 1}, id="noise, then a sentence"),
        pytest.param(b"X" + GOOD, 2, {"malformed": 1}, id="a letter, then a sentence"),
        pytest.param(b"$$\r\n", 2, {"malformed": 2}, id="nothing but beginnings"),
        pytest.param(b"hello world\r\n", 1, {"malformed": 1}, id="text"),
        pytest.param(b"\xc3\xa9\xff\r\n", 1, {"malformed": 1}, id="no ASCII"),
        pytest.param(b" \t\r\n", 1, {"malformed": 1}, id="blanks"),
        pytest.param(b"$H\xc9HDT,1,T\r\n", 1, {"malformed": 1}, id="an address that is none"),
        pytest.param(b"$hEHDT,1,T\r\n", 1, {"malformed": 1}, id="an address with a small letter"),
        pytest.param(b"$HE,1\r\n", 1, {"malformed": 1}, id="an address of two letters"),
        pytest.param(b"$P" + b"X" * 16 + b"\r\n", 1, {"malformed": 1}, id="one of seventeen"),
        pytest.param(b"$" + b"x" * 5000 + b"\r\n", 1, {"too_long": 1}, id="a line without end"),
        pytest.param(GOOD + b"$HEHDT,27\r\n", 2, {"no_checksum": 1}, id="an end cut off"),
    ],
)
def test_damage_is_counted_and_the_next_sentence_is_read(nmea, stream, received, lost):
    nmea.feed(stream)
    assert nmea.counters.received == received
    assert dict(nmea.counters.lost) == lost
    assert nmea.values(GOOD) == {"HDT.heading_true": 271.1}


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"$HEHDT,271.1,T*2a\r\n", id="a checksum in small letters"),
        pytest.param(b"$HEHDT,271.1,T*2A\n", id="a line feed alone"),
        pytest.param(b"$HEHDT,271.1,T*2A\r", id="a carriage return alone"),
        pytest.param(b"$HEHDT,271.1,T*2A \r\n", id="a blank at the end"),
        pytest.param(b"\0$HEHDT,271.1,T*2A\0\r\n", id="NUL as padding"),
        pytest.param(b"\\s:gps,c:1241544035*4A\\$HEHDT,271.1,T*2A\r\n", id="a TAG block before it"),
        pytest.param(b"$HEHDT,271.1,T\r\n", id="no checksum, where there never was one"),
    ],
)
def test_a_sentence_is_understood_with(nmea, stream):
    assert nmea.values(stream) == {"HDT.heading_true": 271.1}
    assert nmea.ledger == (1, 1, {})


def test_a_missing_checksum_is_forgiven_only_to_talkers_that_never_send_one(nmea):
    nmea.feed(GOOD)
    assert nmea.values(b"$IIMTW,17.5,C\r\n") == {"MTW.water_temperature": 17.5}
    assert nmea.values(b"$HEHDT,27\r\n") == {}
    assert nmea.values(b"$IIHDT,27\r\n") == {"HDT.heading_true": 27}
    assert nmea.ledger == (4, 3, {"no_checksum": 1})


@pytest.mark.parametrize("between", [b"", b" "])
def test_two_sentences_without_a_line_end_between_them_are_both_read(nmea, between):
    assert nmea.values(GOOD.strip() + between + b"$IIMTW,17.5,C*10\r\n") == {
        "HDT.heading_true": 271.1,
        "MTW.water_temperature": 17.5,
    }
    assert nmea.ledger == (2, 2, {})


def test_an_exclamation_mark_in_a_text_does_not_cut_a_sentence_in_two(nmea, sentence):
    nmea.feed(sentence("GNTXT,01,01,02,READY!"))
    assert nmea.ledger == (1, 1, {})


def test_unknown_types_are_handled_and_counted_by_type(nmea, sentence):
    readings = nmea.feed(
        sentence("AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0", start="!"),
        sentence("PGRMZ,246,f,3"),
        sentence("GNTXT,01,01,02,hi"),
        sentence("IITXT,01,01,02,hi"),
        b"$STALK,00,00\r\n",
    )
    assert readings == []
    assert nmea.counters.unknown == {"VDM": 1, "PGRMZ": 1, "TXT": 2, "ALK": 1}
    assert nmea.ledger == (5, 5, {})


@pytest.mark.parametrize("end", [b"\r\n", b" \r\n"])
def test_a_star_in_a_text_does_not_begin_the_checksum(nmea, sentence, end):
    nmea.feed(sentence("GNTXT,01,01,02,2*3").rstrip() + end)
    assert nmea.ledger == (1, 1, {})


@pytest.mark.parametrize("end", [b"\r\n", b" \r\n"])
def test_a_sentence_may_begin_with_an_exclamation_mark(nmea, sentence, end):
    nmea.feed(sentence("AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0", start="!").rstrip() + end)
    assert nmea.counters.unknown == {"VDM": 1}
    assert nmea.ledger == (1, 1, {})


@pytest.mark.parametrize("before", [b"", b"\\s:gps*58\\"])
def test_backslashes_within_a_sentence_are_no_tag_block(nmea, sentence, before):
    nmea.feed(before + sentence(r"GNTXT,01,01,02,a\b\c").rstrip() + b" \r\n")
    assert nmea.ledger == (1, 1, {})


def test_an_address_has_three_to_sixteen_letters_and_figures(nmea):
    nmea.feed(b"$PX1,1\n", b"$ABC,1\n", b"$P" + b"X" * 15 + b",1\n")
    assert nmea.counters.unknown == {"PX1": 1, "ABC": 1, "P" + "X" * 15: 1}
    assert nmea.ledger == (3, 3, {})


def test_every_checksum_is_understood_in_capital_and_in_small_letters(nmea):
    texts = set(range(256)) - set(b"$!*\r\n")
    for checksum in range(256):
        rest = reduce(operator.xor, b"GNTXT,", checksum)
        first = next(byte for byte in texts if byte ^ rest in texts)
        text = bytes([first, first ^ rest])
        nmea.feed(b"$GNTXT,%b*%02X\n$GNTXT,%b*%02x\n" % (text, checksum, text, checksum))
    assert nmea.ledger == (512, 512, {})


def test_the_signals_have_the_names_units_and_ranges_of_the_table(nmea):
    assert [
        (signal.full_name, signal.unit, signal.minimum, signal.maximum)
        for signal in nmea.decoder.signals
    ] == [
        (f"port.{kind}.{each.name}", each.unit, each.minimum, each.maximum)
        for kind, quantities in SENTENCES.items()
        for each in quantities
    ]


def test_only_what_is_asked_for_is_decoded(nmea, sentence):
    wind = sentence("IIMWV,338,R,13.41,N,A")
    nmea.select("MWV.wind_speed_relative")
    assert nmea.values(wind, GOOD) == {"MWV.wind_speed_relative": 13.41}
    nmea.select("MWV.wind_angle_relative", "HDT.heading_true")
    assert nmea.values(wind, GOOD) == {"MWV.wind_angle_relative": 338, "HDT.heading_true": 271.1}
    assert nmea.ledger == (4, 4, {})


def test_reset_forgets_a_half_sentence_and_says_so(nmea):
    nmea.feed(GOOD + b"$HEHDT,27")
    assert nmea.decoder.reset(midway=True) == 1
    assert nmea.decoder.reset() == 0
    assert nmea.values(GOOD) == {"HDT.heading_true": 271.1}


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xff" * 127, b"\xff" * 128, bytes(range(1, 255)) * 17]
)
def test_xor_is_the_exclusive_or_of_all_bytes(data):
    expected = 0
    for byte in data:
        expected ^= byte
    assert xor(data) == expected
