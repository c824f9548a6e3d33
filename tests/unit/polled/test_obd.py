"""OBD-II: what a control unit answers becomes samples."""

from __future__ import annotations

import itertools
import threading
import uuid

import can
import isotp
import pytest

from gateway.config.model import Duration
from gateway.config.obd_values import OBD_VALUES
from gateway.config.polled import ObdConfig, ObdFieldConfig, ObdRequestConfig
from gateway.errors import LinkError
from gateway.signals import SignalTable
from gateway.sources.obd import Obd, obd_signals
from gateway.sources.polled import PolledSource, Unanswered


class ControlUnit:
    """Answers requests from a table, by ISO-TP on a bus of python-can's within this process."""

    def __init__(self, channel, answers, address):
        self._answers = answers
        self._bus = can.Bus(channel, interface="virtual")
        self._transport = isotp.TransportLayerLogic(self._receive, self._send, address)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.asked = []

    def stop(self):
        self._stop.set()
        self._thread.join()
        self._bus.shutdown()

    def _serve(self):
        while not self._stop.is_set():
            self._transport.process(rx_timeout=0.01)
            request = self._transport.recv()
            if request is not None:
                self.asked.append(bytes(request))
                for answer in self._answers.get(bytes(request), ()):
                    self._transport.send(answer)

    def _receive(self, timeout_s):
        message = self._bus.recv(timeout_s)
        if message is None:
            return None
        is_single = message.data[0] >> 4 == 0
        to_all = message.arbitration_id == 0x7DF and is_single  # others have to be addressed
        return isotp.CanMessage(
            0x7E0 if to_all else message.arbitration_id,
            None,
            bytes(message.data),
            message.is_extended_id,
        )

    def _send(self, message):
        self._bus.send(
            can.Message(
                arbitration_id=message.arbitration_id,
                data=message.data,
                is_extended_id=message.is_extended_id,
            )
        )


@pytest.fixture
def channel():
    return uuid.uuid4().hex


@pytest.fixture
def unit(channel):
    """Start a control unit that answers; it is stopped at the end."""
    started = []

    def start(answers, txid=0x7E8, rxid=0x7E0, mode=isotp.AddressingMode.Normal_11bits):
        table = {bytes.fromhex(ask): [bytes.fromhex(each) for each in answer]
                 for ask, answer in answers.items()}  # fmt: skip
        started.append(ControlUnit(channel, table, isotp.Address(mode, txid=txid, rxid=rxid)))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def source_of(channel):
    def make(timeout="2s", **keys):
        config = ObdConfig(
            name="car",
            interface="virtual",
            channel=channel,
            every=Duration.parse("5ms"),
            timeout=Duration.parse(timeout),
            **keys,
        )
        signals = obd_signals(config, SignalTable())
        return PolledSource(config, signals, 0, Obd(config, signals))

    return make


def values_of(source, samples):
    return {source.signals[row["signal"]].name: row["value"] for row in samples}


def test_values_of_service_01_are_scaled_as_the_standard_says(unit, source_of, read_until):
    unit({
        "01 05": ["41 05 7B"], "01 0C": ["41 0C 1A F8"], "01 2F": ["41 2F 80"],
        "01 01": ["41 01 83 00 00 00"],
    })  # fmt: skip
    names = ("coolant_temp", "rpm", "fuel_level", "trouble_codes", "mil")
    with source_of(values=names) as source:
        samples = read_until(source, 5)
    assert values_of(source, samples) == {
        "coolant_temp": 83.0,
        "rpm": 1726.0,
        "fuel_level": pytest.approx(50.196, abs=1e-3),
        "trouble_codes": 3,
        "mil": 1,
    }


def test_a_signal_is_called_by_source_and_value(source_of):
    source = source_of(values=("rpm",))
    assert [each.full_name for each in source.signals] == ["car.live.rpm"]
    assert (source.signals[0].unit, source.signals[0].maximum) == ("1/min", 16383.75)


def test_an_answer_of_several_frames_is_put_together(unit, source_of, read_until):
    unit({"22 F4 00": ["62 F4 00 00 01 02 03 04 05 06 07 08 09 41 48 00 00"]})
    request = ObdRequestConfig(
        name="block",
        data="22 F4 00",
        fields=(
            ObdFieldConfig(name="word", type="u16", at=1),
            ObdFieldConfig(name="real", type="f32", at=10, scale=2.0, offset=1.0),
        ),
    )
    with source_of(requests=(request,)) as source:
        samples = read_until(source, 1)
    assert values_of(source, samples) == {"word": 0x0102, "real": 26.0}


def test_a_unit_with_a_29_bit_address_is_asked_at_it_and_answers_from_its_own(
    unit, source_of, read_until
):
    mode = isotp.AddressingMode.Normal_29bits
    unit({"01 0D": ["41 0D 58"]}, txid=0x18DAF110, rxid=0x18DA10F1, mode=mode)
    with source_of(values=("speed",), request_id=0x18DA10F1) as source:
        samples = read_until(source, 1)
    assert samples["value"][0] == 88.0


def test_the_rest_of_a_long_answer_is_asked_of_the_unit_alone_where_all_were_asked(
    unit, source_of, read_until
):
    unit({"22 F4 00": ["62 F4 00 00 01 02 03 04 05 06 07 08 09 0A"]})
    field = ObdFieldConfig(name="last", type="u8", at=10)
    request = ObdRequestConfig(name="block", data="22 F4 00", fields=(field,))
    with source_of(requests=(request,), request_id=0x7DF, answer_id=0x7E8) as source:
        samples = read_until(source, 1)
    assert values_of(source, samples) == {"last": 0x0A}


def test_an_answer_that_is_announced_for_later_is_waited_for(unit, source_of, read_until):
    unit({"01 0D": ["7F 01 78", "41 0D 58"]})
    with source_of(values=("speed",)) as source:
        samples = read_until(source, 1)
    assert samples["value"][0] == 88.0


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "no answer"),
        (["7F 01 12"], "refused"),
        (["41 0C 00 00"], "answer to something else"),
        (["41 0D"], "answer too short"),
    ],
)
def test_a_request_without_a_usable_answer_is_counted(
    answers, reason, unit, source_of, read_until_lost
):
    unit({"01 0D": answers})
    with source_of(values=("speed",), timeout="150ms") as source:
        assert len(read_until_lost(source, reason)) == 0


def test_an_answer_to_something_else_does_not_keep_the_right_one_from_being_heard(
    unit, source_of, read_until
):
    unit({"01 0D": ["41 0C 00 00", "41 0D 58"]})
    with source_of(values=("speed",)) as source:
        samples = read_until(source, 1)
    assert samples["value"][0] == 88.0
    assert not source.counters.lost


@pytest.fixture
def asked(unit, source_of, channel):
    """What asks a unit for its speed, 88; and the bus that the two of them are on."""
    unit({"01 0D": ["41 0D 58"]})
    inquirer = source_of(values=("speed",))._inquirer
    bus = can.Bus(channel, interface="virtual")
    inquirer.open()
    yield inquirer, bus
    inquirer.close()
    bus.shutdown()


def speed(inquirer):
    [question] = inquirer.questions
    [value] = question.ask()
    return value.raw


def test_an_answer_that_came_late_is_not_taken_for_the_next_one_on_a_busy_bus(asked):
    inquirer, bus = asked
    for can_id, data in ((0x123, b"busy"), (0x7E8, b"\3\x41\x0d\x10"), (0x123, b"busy")):
        bus.send(can.Message(arbitration_id=can_id, is_extended_id=False, data=data))
    assert speed(inquirer) == 0x58


def test_a_garbled_line_of_a_serial_adapter_is_passed_over(asked, mocker):
    inquirer, _ = asked
    receive, calls = inquirer._bus._recv_internal, itertools.count()

    def every_other_one_is_garbled(timeout_s):
        if next(calls) % 2 == 0:
            raise ValueError("non-hexadecimal number found")
        return receive(timeout_s)

    mocker.patch.object(inquirer._bus, "_recv_internal", every_other_one_is_garbled)
    assert speed(inquirer) == 0x58


def test_an_answer_that_is_no_iso_tp_is_counted_and_fills_no_log(asked, mocker, caplog):
    inquirer, _ = asked
    wrong = can.Message(arbitration_id=0x7E8, is_extended_id=False, data=b"\x40")
    frames = itertools.chain([(None, False), (wrong, False)], itertools.repeat((None, False)))
    mocker.patch.object(inquirer._bus, "_recv_internal", side_effect=frames)
    with pytest.raises(Unanswered, match="garbled answer"):
        speed(inquirer)
    assert caplog.messages == []


def test_how_long_an_answer_is_waited_for_is_not_up_to_the_wall_clock(asked, mocker):
    inquirer, _ = asked
    # python-can's own `recv` measures by it.
    mocker.patch.object(inquirer._bus, "recv", side_effect=AssertionError)
    assert speed(inquirer) == 0x58


def test_answers_to_others_are_not_taken(unit, source_of, read_until_lost):
    unit({"01 0D": ["41 0D 58"]}, txid=0x7E9)
    with source_of(values=("speed",), timeout="150ms") as source:
        assert len(read_until_lost(source, "no answer")) == 0


def test_nothing_is_sent_but_what_is_listed(unit, source_of, read_until):
    control_unit = unit({"01 0D": ["41 0D 58"], "01 0C": ["41 0C 00 00"]})
    with source_of(values=("speed",)) as source:
        read_until(source, 3)
    assert set(control_unit.asked) == {b"\x01\x0d"}


def test_every_value_has_a_range_that_its_bytes_can_fill():
    for value in OBD_VALUES.values():
        assert value.minimum < value.maximum
        assert value.size in (1, 2)
    assert OBD_VALUES["coolant_temp"].minimum == -40
    assert OBD_VALUES["coolant_temp"].maximum == 215


def test_without_the_library_the_link_says_what_to_install(mocker, source_of):
    mocker.patch.dict("sys.modules", {"isotp": None})
    with pytest.raises(LinkError, match=r"pip install 'embedded-gateway\[obd\]'"):
        source_of(values=("speed",)).__enter__()
