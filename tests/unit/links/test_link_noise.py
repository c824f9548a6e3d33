"""A line read at a wrong speed is told from one that is disturbed, or that says nonsense."""

import pytest

from gateway.config.model import FieldConfig, FrameConfig, SerialConfig
from gateway.counters import Counters
from gateway.decode.stream import make_stream_decoder
from gateway.record import Origin
from gateway.signals import SignalTable
from gateway.sources.link_noise import WINDOW_BYTES, NoiseWatch

SENTENCES = b"$HEHDT,271.1,T*2A\r\n$GPZDA,160012.71,11,03,2004,-1,00*7D\r\n"
PACKET = bytes.fromhex("06016419230501059040e5a300")
ENGINE = FrameConfig(
    name="engine",
    id=1,
    fields=(
        FieldConfig(name="rpm", type="u16"),
        FieldConfig(name="temperature", type="i16"),
        FieldConfig(name="pressure", type="f32"),
    ),
)
COLUMNS = (FieldConfig(name="temperature"), FieldConfig(name="humidity"))

SENT = {
    "nmea0183": SENTENCES,
    "lines": b"temperature=21.5,humidity=40\r\ntemperature=-3.25,humidity=87\r\n",
    "csv": b"21.5,40\r\n-3.25,87\r\n19.75,62\r\n",
    "framed": PACKET,
}


class Line:
    """A serial line without a port: what is fed to it is decoded, counted and judged."""

    def __init__(self, protocol, baudrate=9600):
        keys = {"fields": COLUMNS} if protocol in ("lines", "csv") else {}
        keys |= {"frames": (ENGINE,)} if protocol == "framed" else {}
        config = SerialConfig(name="port", port="x", protocol=protocol, **keys)
        self.decoder = make_stream_decoder(config, SignalTable(), 0)
        self.counters = Counters()
        self.watch = NoiseWatch(baudrate, protocol != "framed", self.decoder.unit)

    def feed(self, data, errors=0, piece=64):
        for begin in range(0, len(data), piece):
            part = data[begin : begin + piece]
            received, delivered = self.counters.received, self.counters.delivered
            self.decoder.feed(part, 0, Origin.USER, self.counters)
            self.watch.take(
                part,
                self.counters.received - received,
                self.counters.delivered - delivered,
                errors if begin == 0 else 0,
            )
        return self.watch.finding


SPEEDS = [1200, 4800, 9600, 19200, 38400, 57600, 115200]


@pytest.mark.parametrize("read", [4800, 9600, 38400])
@pytest.mark.parametrize("sent", SPEEDS)
@pytest.mark.parametrize("protocol", SENT)
def test_another_speed_is_found_and_the_right_one_is_not(uart, protocol, sent, read):
    text = SENT[protocol] * 40
    data, errors = uart(text[: 1200 * sent // read], sent, read)
    # The slower the reader, the less is left of it, and the longer it takes to be sure.
    data *= -(-4 * WINDOW_BYTES // len(data))
    finding = Line(protocol, read).feed(data, errors)
    if sent == read:
        assert finding == ""
    else:
        assert finding.startswith(f"{read} baud may be wrong: ")


def test_the_finding_has_the_numbers(uart):
    data, _ = uart(SENT["lines"] * 40, 19200, 9600)
    finding = Line("lines").feed(data[:256])
    odd = sum(not (0x20 <= byte < 0x7F or byte in b"\t\r\n") for byte in data[:256])
    assert finding.startswith(
        f"9600 baud may be wrong: {odd} of 256 bytes are no text, 0 of {data[:256].count(10)} lines"
    )
    assert "framing" not in finding


def test_framing_errors_that_the_driver_counts_are_told():
    assert Line("framed").feed(b"\x55\0" * 200, errors=31).endswith(", 31 bytes had framing errors")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"21.5;40\r\n" * 100, id="another protocol"),
        pytest.param(b"$HEHDT,271.1,T*FF\r\n" * 100, id="wrong checksums"),
        pytest.param("Temperatur Öl: 90.25 °C\r\n".encode() * 100, id="a language with umlauts"),
    ],
)
def test_text_that_makes_no_sense_is_not_a_wrong_speed(sent):
    line = Line("nmea0183")
    assert line.feed(sent) == ""
    assert line.counters.delivered == 0


def test_a_disturbed_line_is_not_a_wrong_speed():
    disturbed = (SENTENCES * 3 + b"\xff\x00\xf8\x80" * 4 + b"$HEHDT,2\xfe1.1,T*2A\r\n") * 40
    line = Line("nmea0183")
    assert line.feed(disturbed) == ""
    assert line.counters.lost.total() > 40


def test_a_long_binary_frame_is_waited_for():
    line = Line("framed")
    assert line.feed(b"\x01" * (3 * WINDOW_BYTES)) == ""


@pytest.mark.parametrize("protocol", ["nmea0183", "framed"])
def test_the_finding_goes_when_the_speed_is_right_again(uart, protocol):
    line = Line(protocol)
    noise, _ = uart(SENT[protocol] * 40, 19200, 9600)
    assert line.feed(noise * 40)  # a binary frame may be long: only 4 KB without an end are none
    while line.counters.delivered < 50:
        line.feed(SENT[protocol])
    assert line.watch.finding == ""


def test_opening_the_port_again_forgets_the_finding(uart):
    line = Line("lines")
    line.feed(uart(SENT["lines"] * 40, 19200, 9600)[0])
    line.watch.reset()
    assert line.watch.finding == ""
