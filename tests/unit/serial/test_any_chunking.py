"""However a stream is cut into reads, the same comes out of it, and it adds up."""

import struct
from binascii import crc_hqx
from itertools import pairwise

import pytest
from cobs import cobs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PACKET = struct.pack("<BHhf", 1, 6500, 0, 4.5)
FRAME = cobs.encode(PACKET + crc_hqx(PACKET, 0xFFFF).to_bytes(2, "big")) + b"\0"

UNITS = {
    "nmea0183": [
        b"$HEHDT,271.1,T*2A\r\n", b"$IIMTW,17.5,C*10\r\n", b"$IIMTW,17.5,C\r\n", b"$IIMTW,1\n",
        b"$HEHDT,271.2,T*2A\r\n", b"$HEHDT,27", b"$GPGSV,,,*55\r\n", b"!AIVDM,1*77\r\n",
        b"\\c:1*5A\\$HEHDT,1,T*2A\r", b"$" + b"x" * 5000, b"\r", b"\n",
    ],
    "lines": [
        b"a=1\n", b"a=1, b=2\r\n", b"b = 3 ; other=x\r\n", b"a=,b=2\n", b"a=x\n", b"a", b"=1",
        b"\r", b"\n", b"a=nan\n", b"z" * 5000,
    ],
    "csv": [b"1,2\r\n", b"1,2\n", b",\n", b"1,x\n", b"1,2,3\n", b"1,", b"2", b"\r", b"9" * 5000],
    "framed": [FRAME, FRAME[:-3], b"\0", cobs.encode(PACKET) + b"\0", b"\x01\0", b"\x07" * 5000],
}  # fmt: skip


def streams(protocol):
    noise = st.binary(max_size=12)
    return st.lists(st.sampled_from(UNITS[protocol]) | noise, max_size=15).map(b"".join)


@pytest.fixture
def port(line, fields, telemetry):
    def make(protocol):
        if protocol == "framed":
            return telemetry()
        return line(protocol, fields=fields("a", "b") if protocol != "nmea0183" else ())

    return make


def pieces(stream, cuts):
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("protocol", UNITS)
@pytest.mark.parametrize("midway", [False, True])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_chunking_gives_the_same_readings_and_the_same_ledger(port, protocol, midway, data):
    stream = data.draw(streams(protocol))
    cuts = data.draw(st.lists(st.integers(0, 10_000), max_size=20))
    whole, cut = port(protocol), port(protocol)
    whole.decoder.reset(midway)
    cut.decoder.reset(midway)
    said = whole.feed(stream)
    assert repr(cut.feed(*pieces(stream, cuts))) == repr(said)  # as text: NaN is not NaN
    assert cut.counters == whole.counters
    assert cut.decoder.reset() == whole.decoder.reset()


@pytest.mark.parametrize("protocol", UNITS)
def test_byte_by_byte_is_one_of_these(port, protocol):
    stream = b"".join(UNITS[protocol])
    whole, cut = port(protocol), port(protocol)
    said = whole.feed(stream)
    assert said
    assert repr(cut.feed(*(bytes([byte]) for byte in stream))) == repr(said)
    assert cut.counters == whole.counters
