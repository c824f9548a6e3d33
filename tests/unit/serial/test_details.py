"""What every decoder of a byte stream has in common, at the edges."""

from __future__ import annotations

import struct
from binascii import crc_hqx

import numpy as np
import pytest
from cobs import cobs

from gateway.config.model import FieldConfig, FrameConfig, ReplayConfig, SerialConfig
from gateway.counters import Counters
from gateway.decode.csv import CsvDecoder
from gateway.decode.slot import NO_SAMPLES, SampleWriter, Slot
from gateway.decode.splitter import LIMIT, Splitter
from gateway.decode.stream import make_stream_decoder
from gateway.record import SAMPLE, Origin, Quality
from gateway.signals import SignalTable


def packet(number, fields):
    body = bytes([number]) + fields
    return cobs.encode(body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")) + b"\0"


@pytest.mark.parametrize(
    ("protocol", "unit"),
    [("nmea0183", "sentences"), ("lines", "lines"), ("csv", "lines"), ("framed", "frames")],
)
def test_each_says_what_it_counts_and_delivers_samples_even_when_there_are_none(
    line, telemetry, fields, protocol, unit
):
    keys = {"fields": fields("a")} if protocol in ("lines", "csv") else {}
    made = telemetry() if protocol == "framed" else line(protocol, **keys)
    assert made.decoder.unit == unit
    none = made.decoder.feed(b"", 0, Origin.USER, Counters())
    assert none.dtype == SAMPLE
    assert len(none) == 0


@pytest.mark.parametrize("protocol", ["lines", "csv"])
def test_signals_have_the_sources_name_and_their_own_unit_scale_and_offset(line, fields, protocol):
    made = line(protocol, fields=fields(a={"unit": "bar", "scale": 2.0, "offset": -1.0}))
    (signal,) = made.decoder.signals
    assert (signal.full_name, signal.unit) == ("port.line.a", "bar")
    text = b"a=3\n" if protocol == "lines" else b"3\n"
    assert made.values(text) == {"line.a": 5.0}


def test_frames_signals_are_those_of_all_kinds_in_order(telemetry):
    assert [signal.full_name for signal in telemetry().decoder.signals] == [
        "port.engine.rpm", "port.engine.temperature", "port.engine.pressure", "port.gps.heading"
    ]  # fmt: skip


def test_columns_are_separated_by_commas_where_nothing_is_said(fields):
    counters = Counters()
    decoder = CsvDecoder("port", 0, SignalTable(), fields("a", "b"))
    assert decoder.feed(b"1,2\n", 0, Origin.USER, counters)["value"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("protocol", ["lines", "csv"])
def test_after_a_reset_the_next_line_is_believed(line, fields, protocol):
    made = line(protocol, fields=fields("a"))
    made.decoder.reset()
    assert made.values(b"a=1\n" if protocol == "lines" else b"1\n") == {"line.a": 1.0}


def test_after_a_reset_the_next_frame_is_believed(telemetry):
    made = telemetry()
    made.decoder.reset()
    assert made.values(packet(2, b"\0\0\0\x07")) == {"gps.heading": 7.0}


def test_tabs_stand_for_blanks_round_an_equals_sign_and_between_pairs(line, fields):
    made = line("lines", fields=fields("a", "b"))
    assert made.values(b"a\t=\t1\tb=2\n") == {"line.a": 1.0, "line.b": 2.0}


def test_an_unknown_name_may_have_capitals_and_no_second_equals_sign(line, fields):
    made = line("lines", fields=fields("a"))
    made.feed(b"Voltage_V=1\n", b"x=b=c\n")
    assert made.ledger == (2, 1, {"malformed": 1})
    assert made.counters.unknown == {"Voltage_V": 1}


def test_the_longest_unit_has_4096_bytes_however_it_comes():
    assert LIMIT == 4096
    for pieces in ([b"x" * 4096 + b"\n"], [b"x" * 4096, b"\n"]):
        splitter, counters = Splitter(b"\n"), Counters()
        units = [unit for piece in pieces for unit in splitter.feed(piece, counters)]
        assert units == [b"x" * 4096]
    splitter, counters = Splitter(b"\n"), Counters()
    assert splitter.feed(b"x" * 4097 + b"\ny\n", counters) == [b"y"]
    assert counters.lost == {"too_long": 1}


def test_256_unknown_names_are_told_apart(line, fields):
    made = line("lines", fields=fields("a"))
    made.feed(*(b"n%d=1\n" % n for n in range(300)), b"n1=1\n")
    assert len(made.counters.unknown) == 257
    assert made.counters.unknown["n1"] == 2
    assert made.counters.unknown["others"] == 44


def test_every_frame_of_a_wrong_length_is_counted(telemetry):
    made = telemetry()
    made.feed(packet(2, b"\0" * 5) + packet(2, b"\0" * 3))
    assert made.ledger == (2, 0, {"length": 2})


def test_values_at_the_limits_of_a_frames_field_are_good_and_beyond_they_are_not(line):
    field = FieldConfig(name="v", type="i8", minimum=-3, maximum=3)
    made = line("framed", frames=(FrameConfig(name="f", id=1, fields=(field,)),))
    readings = made.feed(*(packet(1, struct.pack("b", n)) for n in (-4, -3, 3, 4)))
    out = Quality.OUT_OF_RANGE
    assert [quality for _, _, quality in readings] == [out, Quality.GOOD, Quality.GOOD, out]


def test_values_at_the_limits_of_a_columns_field_are_good_and_beyond_they_are_not(line, fields):
    made = line("csv", fields=fields(v={"minimum": -3, "maximum": 3}))
    out = Quality.OUT_OF_RANGE
    readings = made.feed(b"-3.1\n-3\n3\n3.1\n")
    assert [quality for _, _, quality in readings] == [out, Quality.GOOD, Quality.GOOD, out]


def test_a_frames_value_beyond_all_numbers_is_invalid(line):
    field = FieldConfig(name="v", type="f64", scale=1e300)
    made = line("framed", frames=(FrameConfig(name="f", id=1, fields=(field,)),))
    ((_, value, quality),) = made.feed(packet(1, struct.pack("<d", 1e300)))
    assert np.isnan(value)
    assert quality is Quality.INVALID


@pytest.mark.parametrize("count", [4096, 4572, 4573, 5000])
def test_the_largest_declared_frame_fits_whatever_its_bytes(count):
    names = tuple(FieldConfig(name=f"f{n}", type="u8") for n in range(count))
    frame = FrameConfig(name="f", id=1, fields=names)
    config = SerialConfig(name="port", port="/dev/none", protocol="framed", frames=(frame,))
    decoder = make_stream_decoder(config, SignalTable(), 0)
    decoder.select([0])
    counters = Counters()
    for fill in (b"\x01", b"\0"):  # without zeros COBS adds most
        decoder.feed(packet(1, fill * count), 0, Origin.USER, counters)
    assert counters.lost == {}
    assert counters.delivered == 2
    # Room for that and not for more: whatever is longer is noise.
    longest = count + 3 + (count + 3) // 254 + 1
    decoder.feed(b"\x01" * (longest + 1), 0, Origin.USER, counters)
    assert counters.lost == {"too_long": 1}


def test_a_sample_has_room_for_the_last_source_and_signal():
    writer = SampleWriter(0xFFFF, 1, Origin.USER)
    writer.add(Slot(0xFFFF_FFF0, 1.0, 0.0, 0.0, 9.0), 5.0)
    (sample,) = writer.samples()
    assert (sample["source"], sample["signal"], sample["value"]) == (0xFFFF, 0xFFFF_FFF0, 5.0)


def test_nobody_can_write_into_the_samples_that_are_none():
    assert NO_SAMPLES.dtype == SAMPLE
    assert not NO_SAMPLES.flags.writeable


def test_a_recording_of_frames_is_no_byte_stream():
    config = ReplayConfig(name="drive", path="a.log", channels={"can0": ("a.dbc",)})
    got = "^got a recording of CAN frames, expected a byte stream$"
    with pytest.raises(ValueError, match=got):
        make_stream_decoder(config, SignalTable(), 0)
