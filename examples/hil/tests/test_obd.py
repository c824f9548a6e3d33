"""What a tester reads by OBD-II (SAE J1979)."""

import pytest

from gateway.bench.errors import NoAnswer


def test_the_coolant_temperature(bench):
    bench.set("engine.coolant_temp", 104.0)
    assert bench.expect("ENGINE_TEMP > 103", within="200ms")
    service, pid, raw = bench.request(b"\x01\x05", to="engine")
    assert (service, pid) == (0x41, 0x05)
    assert abs(raw - 40 - 104) <= 1


def test_a_trouble_code_is_stored_and_can_be_cleared(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect("EngineStatus.MIL == 1", within="500ms")
    assert bench.request(b"\x03", to="engine") == bytes.fromhex("43 01 0217")  # P0217
    bench.release("engine.coolant_temp")
    assert bench.expect("ENGINE_TEMP < 95", within="200ms")
    assert bench.request(b"\x04", to="engine") == b"\x44"
    assert bench.expect("EngineStatus.MIL == 0", within="200ms")


def test_the_vehicles_number_takes_several_frames(bench):
    answer = bench.request(b"\x09\x02", to="engine")
    assert answer[:3] == b"\x49\x02\x01"
    assert len(answer[3:]) == 17


def test_what_it_does_not_know_it_says_so(bench):
    assert bench.request(b"\x01\xff", to="engine") == b"\x7f\x01\x12"


def test_nobody_is_at_an_address_without_an_ecu(bench):
    with pytest.raises(NoAnswer):
        bench.request(b"\x01\x05", to=(0x7E5, 0x7ED), within="200ms")
