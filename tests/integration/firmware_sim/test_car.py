"""The car's ECUs as programs on their bus see them: commands, and a tester with can-isotp."""

from itertools import pairwise

import can
import isotp
import pytest

from firmware_sim import testing
from firmware_sim.devices.ecu_commands import COMMAND_ID, FIRST_REPLY_ID, Opcode, Status
from firmware_sim.devices.f1_ecus import VIN

TIMEOUT_S = 30.0
SCENARIO = """
[[bus]]
name = "can0"
[[device]]
name = "car"
type = "f1-car"
bus = "can0"
[device.initial]
ENGINE_TEMP = 125.0
[[device]]
name = "rest"
type = "rest-bus"
bus = "can0"
dbc = "rest.dbc"
[device.signals]
"Alive.RISING" = { ramp = { from = 0, to = 200, period = "1s" } }
[[device.protect]]
message = "Alive"
counter = "N"
[[step]]
when = "rest.Alive.RISING > 100"
set = { "rest.Alive.TOLD" = 77 }
"""
DBC = """VERSION ""
BS_:
BU_: Node
BO_ 1024 Alive: 3 Node
 SG_ N : 0|8@1+ (1,0) [0|255] "" Node
 SG_ RISING : 8|8@1+ (1,0) [0|255] "" Node
 SG_ TOLD : 16|8@1+ (1,0) [0|255] "" Node
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1000;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 1024 20;
"""


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    """The bus of a running car, whose engine is too hot, and of a rest-bus."""
    folder = tmp_path_factory.mktemp("car")
    (folder / "scenario.toml").write_text(SCENARIO)
    (folder / "rest.dbc").write_text(DBC)
    namespace = testing.unique_name("car")
    with testing.running("run", str(folder / "scenario.toml"), "--namespace", namespace):
        yield f"{namespace}.can0"


def opened(channel, *ids):
    filters = [{"can_id": each, "can_mask": 0x7FF, "extended": False} for each in ids]
    return can.Bus(channel, interface="firmware_sim", can_filters=filters)


def ask(channel, request):
    """Send a request to the engine's ECU as a tester does; return its answer."""

    def received(timeout):
        message = bus.recv(timeout)
        return message and isotp.CanMessage(
            arbitration_id=message.arbitration_id, data=bytes(message.data)
        )

    def send(message):
        bus.send(
            can.Message(
                arbitration_id=message.arbitration_id, data=message.data, is_extended_id=False
            )
        )

    with opened(channel, 0x7E8) as bus:
        errors = []
        logic = isotp.TransportLayerLogic(
            received,
            send,
            isotp.Address(txid=0x7E0, rxid=0x7E8),
            errors.append,
            params={"tx_padding": 0x55, "blocksize": 1},
        )
        logic.send(request)
        for _ in range(round(TIMEOUT_S / 0.1)):
            logic.process(0.1)
            assert not errors
            if logic.available():
                return logic.recv()
    raise AssertionError("no answer came")


@pytest.mark.slow
def test_a_tester_reads_the_vehicles_number_and_the_code_of_the_fault(channel):
    with opened(channel, 0x100) as bus:
        while not bus.recv(TIMEOUT_S).data[6] & 0x10:  # the lamp: a code is stored
            pass
    assert ask(channel, b"\x09\x02") == b"\x49\x02\x01" + VIN.encode()
    assert ask(channel, b"\x03") == bytes.fromhex("43 01 0217")
    assert ask(channel, b"\x01\x05") == bytes([0x41, 0x05, 165])


@pytest.mark.slow
def test_a_command_is_replied_to(channel):
    with opened(channel, FIRST_REPLY_ID + 1) as bus:
        command = bytes([1, Opcode.VERSION, 0, 0, 42])
        bus.send(can.Message(arbitration_id=COMMAND_ID, data=command, is_extended_id=False))
        reply = bus.recv(TIMEOUT_S)
    assert bytes(reply.data) == bytes([Opcode.VERSION, Status.OK, 0x02, 0x01, 42])


@pytest.mark.slow
def test_a_rest_bus_beside_it_counts_its_frames(channel):
    with opened(channel, 0x400) as bus:
        numbers = [bus.recv(TIMEOUT_S).data[0] for _ in range(20)]
    assert [(after - before) % 256 for before, after in pairwise(numbers)] == [1] * 19


@pytest.mark.slow
def test_a_signal_of_the_rest_bus_may_be_an_event_of_the_time_line(channel):
    with opened(channel, 0x400) as bus:
        told = [bus.recv(TIMEOUT_S).data[2] for _ in range(60)]
    assert told[-1] == 77
