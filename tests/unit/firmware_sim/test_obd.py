"""OBD-II: what each of the car's ECUs tells a tester, over ISO-TP."""

import pytest

from firmware_sim.devices.dtc import Monitor, TroubleCodes, code_bytes
from firmware_sim.devices.f1_ecus import VIN
from firmware_sim.devices.isotp import IsoTp
from firmware_sim.devices.obd import (
    FIRST_ANSWER_ID,
    FIRST_REQUEST_ID,
    FUNCTIONAL_ID,
    bitmap,
    scaled,
)

MS = 1_000_000
ENGINE, CHASSIS, TYRE, FUEL = range(4)


def ask(electronics, request, *, ecu=ENGINE, functional=False, wait_ms=50):
    """Send a request; return the whole answers by the ECU's number."""
    ends = {n: IsoTp(block_size=2, st_min=1) for n in range(4)}
    first = bytes([len(request)]) + request
    electronics.tell(FUNCTIONAL_ID if functional else FIRST_REQUEST_ID + ecu, first)
    answers = {}
    for now_ms in range(electronics.now_ns // MS, electronics.now_ns // MS + wait_ms):
        for _, can_id, data in electronics.run(now_ms):
            number = can_id - FIRST_ANSWER_ID
            if number in ends and (answer := ends[number].hear(data, electronics.now_ns)):
                answers[number] = answer
        for number, end in ends.items():
            for data in end.step(electronics.now_ns):
                electronics.tell(FIRST_REQUEST_ID + number, data)
    return answers


def current(electronics, pid, *, ecu=ENGINE):
    answer = ask(electronics, bytes([0x01, pid]), ecu=ecu)[ecu]
    assert answer[:2] == bytes([0x41, pid])
    return answer[2:]


def codes(electronics, service, ecu=ENGINE):
    answer = ask(electronics, bytes([service]), ecu=ecu)[ecu]
    assert (answer[0], len(answer)) == (service + 0x40, 2 + 2 * answer[1])
    return [answer[at : at + 2].hex() for at in range(2, len(answer), 2)]


def supported(electronics, ecu):
    """All that the bitmaps of service 01 say, asked for as a tester does."""
    found, base = [], 0
    while True:
        bits = int.from_bytes(current(electronics, base, ecu=ecu), "big")
        found += [base + n for n in range(1, 32) if bits >> (32 - n) & 1]
        if not bits & 1:
            return found
        base += 32


@pytest.fixture
def running(electronics):
    electronics.run(500)
    return electronics


@pytest.mark.parametrize(
    ("pid", "signal", "value", "data"),
    [
        pytest.param(0x04, "THROTTLE", 100.0, b"\xff", id="calculated load"),
        pytest.param(0x05, "ENGINE_TEMP", 105.0, b"\x91", id="coolant"),
        pytest.param(0x0C, "RPM", 10_000.0, b"\x9c\x40", id="engine speed"),
        pytest.param(0x0D, "SPEED", 255.0, b"\xff", id="vehicle speed"),
        pytest.param(0x0D, "SPEED", 340.0, b"\xff", id="faster than can be told"),
        pytest.param(0x11, "THROTTLE", 50.0, b"\x80", id="throttle"),
        pytest.param(0x2F, "FUEL_LEVEL", 20.0, b"\x33", id="fuel level"),
        pytest.param(0x5E, "FUEL_FLOW", 75.0, b"\x07\xd0", id="fuel rate, 100 l/h in 0.05 l/h"),
    ],
)
def test_current_data_is_what_the_ecus_see_now(running, pid, signal, value, data):
    running.inputs.set(signal, value)
    running.run(700)
    assert current(running, pid) == data


def test_the_time_since_the_ecu_started_is_told_in_seconds(running):
    running.run(12_500)
    assert current(running, 0x1F) == b"\x00\x0c"


@pytest.mark.parametrize(
    ("ecu", "pids"),
    [
        (ENGINE, [0x01, 0x04, 0x05, 0x0C, 0x0D, 0x11, 0x1C, 0x1F, 0x2F, 0x46, 0x5E]),
        (CHASSIS, [0x01, 0x0D, 0x1C, 0x1F]),
        (TYRE, [0x01, 0x1C, 0x1F]),
        (FUEL, [0x01, 0x1C, 0x1F, 0x2F, 0x5E]),
    ],
)
def test_the_bitmaps_say_what_an_ecu_tells_and_it_tells_that(running, ecu, pids):
    assert supported(running, ecu) == pids
    for pid in pids:
        assert current(running, pid, ecu=ecu)


def test_up_to_six_parameters_are_told_in_one_answer_of_several_frames(running):
    running.inputs.set("RPM", 8_000.0)
    running.inputs.set("SPEED", 200.0)
    running.inputs.set("ENGINE_TEMP", 90.0)
    running.run(600)
    answer = ask(running, bytes([0x01, 0x0C, 0x0D, 0x05, 0x1C]))[ENGINE]
    assert answer == bytes.fromhex("41 0c 7d00 0d c8 05 82 1c 07")


def test_a_request_to_all_is_answered_by_each_that_can_under_its_own_id(running):
    assert set(ask(running, b"\x01\x00", functional=True)) == {ENGINE, CHASSIS, TYRE, FUEL}
    assert set(ask(running, b"\x01\x0d", functional=True)) == {ENGINE, CHASSIS}
    assert set(ask(running, b"\x01\x0b", functional=True)) == set()


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        pytest.param("22f190", "7f2211", id="a service that there is not"),
        pytest.param("010b", "7f0112", id="a parameter that there is not"),
        pytest.param("01", "7f0113", id="no parameter"),
        pytest.param("0300", "7f0313", id="codes of something"),
        pytest.param("0903", "7f0912", id="information that there is not"),
        pytest.param("020c05", "7f0231", id="a freeze frame that there is not"),
    ],
)
def test_a_wrong_request_to_one_ecu_is_refused_with_the_reason(running, request_, answer):
    assert ask(running, bytes.fromhex(request_)) == {ENGINE: bytes.fromhex(answer)}
    assert ask(running, bytes.fromhex(request_), functional=True) == {}


def test_the_vehicle_tells_its_number_in_three_frames(running):
    answer = ask(running, b"\x09\x02")[ENGINE]
    assert answer == b"\x49\x02\x01" + VIN.encode()
    assert len(VIN) == 17
    assert [data[0] for _, can_id, data in running.sent if can_id == FIRST_ANSWER_ID] == [
        0x10, 0x21, 0x22
    ]  # fmt: skip


def test_every_ecu_tells_its_name_and_software(running):
    for number, name in enumerate(running.ecus):
        assert ask(running, b"\x09\x0a", ecu=number)[number][3:] == name.encode().ljust(20, b"\0")
        assert ask(running, b"\x09\x04", ecu=number)[number][3:].startswith(name.encode())
    assert ask(running, b"\x09\x00", ecu=ENGINE)[ENGINE] == bytes.fromhex("4900 50400000")
    assert ask(running, b"\x09\x00", ecu=TYRE)[TYRE] == bytes.fromhex("4900 10400000")


def test_a_healthy_car_has_no_codes_and_its_lamp_is_off(running):
    for ecu in range(4):
        assert codes(running, 0x03, ecu) == codes(running, 0x07, ecu) == []
        assert current(running, 0x01, ecu=ecu) == bytes.fromhex("00040000")


def test_a_fault_is_pending_at_its_first_sign_and_stored_once_it_has_held(running):
    running.inputs.set("ENGINE_TEMP", 125.0)
    running.run(530)
    assert (codes(running, 0x07), running.ecus["EngineEcu"].codes.stored) == (["0217"], [])
    running.run(900)
    assert (codes(running, 0x07), codes(running, 0x03)) == (["0217"], ["0217"])
    assert current(running, 0x01) == bytes.fromhex("81040000")
    assert running.signals("EngineStatus")[-1]["MIL"] == 1


def test_a_fault_that_passes_stays_pending_until_the_ecu_starts_again(running):
    running.inputs.set("RPM", 14_000.0)
    running.run(540)
    running.inputs.release("RPM")
    running.run(1_000)
    assert (codes(running, 0x07), codes(running, 0x03)) == (["0219"], [])
    running.ecus["EngineEcu"].reset(running.now_ns)
    running.run(1_500)
    assert codes(running, 0x07) == []


def test_a_stored_code_stays_through_a_reset_until_it_is_cleared(running):
    running.inputs.set("RPM", 14_000.0)
    running.run(800)
    running.inputs.release("RPM")
    running.ecus["EngineEcu"].reset(running.now_ns)
    running.run(1_500)
    assert codes(running, 0x03) == ["0219"]
    assert ask(running, b"\x04") == {ENGINE: b"\x44"}
    assert codes(running, 0x03) == codes(running, 0x07) == []
    assert current(running, 0x01) == bytes.fromhex("00040000")


def test_a_code_that_is_cleared_while_its_fault_shows_comes_again(running):
    running.inputs.set("ENGINE_TEMP", 125.0)
    running.run(800)
    ask(running, b"\x04")
    running.run(1_200)
    assert codes(running, 0x03) == ["0217"]


def test_several_codes_take_an_answer_of_several_frames(running):
    for corner in ("FL", "FR", "RL", "RR"):
        running.inputs.set(f"TYRE_PRESSURE_{corner}", 0.1)
    running.run(1_500)
    assert codes(running, 0x03, TYRE) == ["4750", "4755", "4760", "4765"]
    assert codes(running, 0x03, ENGINE) == []


def test_the_freeze_frame_keeps_what_was_when_the_first_code_came(running):
    assert ask(running, b"\x02\x02\x00")[ENGINE] == bytes.fromhex("42 02 00 0000")
    assert ask(running, b"\x02\x05\x00")[ENGINE] == bytes.fromhex("7f0212")
    running.inputs.set("ENGINE_TEMP", 125.0)
    running.run(1_000)
    running.inputs.set("ENGINE_TEMP", 90.0)
    running.run(1_100)
    assert ask(running, b"\x02\x02\x00")[ENGINE] == bytes.fromhex("42 02 00 0217")
    assert ask(running, b"\x02\x05\x00")[ENGINE] == bytes.fromhex("42 05 00 a5")
    assert current(running, 0x05) == b"\x82"


def test_a_request_while_a_long_answer_is_under_way_is_not_served(running):
    running.tell(FIRST_REQUEST_ID, b"\x02\x09\x02")
    running.run(501)
    running.tell(FIRST_REQUEST_ID, b"\x02\x01\x0c")
    running.run(600)
    assert [data[0] for _, can_id, data in running.sent if can_id == FIRST_ANSWER_ID] == [0x10]


@pytest.mark.parametrize(
    ("code", "data"),
    [("P0217", "0217"), ("C0750", "4750"), ("B1FFF", "9fff"), ("U3000", "f000")],
)
def test_a_trouble_code_is_two_bytes(code, data):
    assert code_bytes(code).hex() == data


@pytest.mark.parametrize("code", ["P217", "X0217", "P4000", ""])
def test_what_is_no_trouble_code_is_refused(code):
    with pytest.raises(ValueError, match=f"got trouble code '{code}'"):
        code_bytes(code)


def test_limp_home_ends_only_when_its_cause_has_gone():
    codes = TroubleCodes((Monitor(code="P0217", signal="T", above=120.0),))
    codes.watch({"T": 121.0}, 0)
    codes.watch({"T": 121.0}, 100 * MS)
    assert codes.limp_home
    assert not codes.recover()
    codes.watch({"T": 119.9}, 110 * MS)
    assert codes.limp_home
    assert codes.recover()
    assert not codes.limp_home


def test_a_bitmap_counts_from_its_highest_bit_and_ends_with_whether_more_follow():
    assert bitmap(0x00, {0x01, 0x0C, 0x1F}).hex() == "80100002"
    assert bitmap(0x00, {0x01, 0x2F}).hex() == "80000001"
    assert bitmap(0x20, {0x01, 0x2F}).hex() == "00020000"


def test_a_value_beyond_its_bytes_is_told_as_the_nearest():
    assert scaled("S")({"S": 300.0}) == b"\xff"
    assert scaled("S")({"S": -1.0}) == b"\0"
    assert scaled("S", 2, scale=0.25)({"S": 1e308}) == b"\xff\xff"
    assert scaled("S", offset=-40.0)({}) == b"\0"
