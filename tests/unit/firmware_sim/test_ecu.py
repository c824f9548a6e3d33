"""The states of the car's ECUs, their limp-home, their commands, their watchdog."""

from itertools import pairwise

import pytest

from firmware_sim import wire
from firmware_sim.devices.cyclic import Sensors
from firmware_sim.devices.ecu import BOOT_NS, SELF_TEST_NS, WATCHDOG_NS, Ecu, EcuSpec, EcuState
from firmware_sim.devices.ecu_commands import ALL, COMMAND_ID, FIRST_REPLY_ID, Opcode, Status
from firmware_sim.devices.f1_ecus import ECUS
from firmware_sim.devices.inputs import Inputs

MS = 1_000_000
BOOT_MS, SELF_TEST_MS, WATCHDOG_MS = BOOT_NS // MS, SELF_TEST_NS // MS, WATCHDOG_NS // MS
ENGINE, CHASSIS, TYRE, FUEL = range(4)
STATUS_MESSAGE = ["EngineStatus", "LapStatus", "TyreTemperature", "FuelStatus"]
REPLIES = ["EngineReply", "ChassisReply", "TyreReply", "FuelReply"]
FAULTS = [
    pytest.param(ENGINE, "ENGINE_TEMP", 120.0, id="the engine overheats"),
    pytest.param(ENGINE, "ENGINE_TEMP", -39.0, id="the coolant sensor is torn off"),
    pytest.param(ENGINE, "OIL_PRESSURE", 0.5, id="the oil pressure is lost"),
    pytest.param(CHASSIS, "SPEED", 395.0, id="a wheel speed is impossible"),
    pytest.param(CHASSIS, "G_LATERAL", -7.9, id="an acceleration is impossible"),
    pytest.param(TYRE, "TYRE_PRESSURE_RL", 0.1, id="a tyre sensor is lost"),
    pytest.param(FUEL, "FUEL_LEVEL", 0.0, id="the fuel sensor is lost"),
]


def command(electronics, opcode, value=0, *, target=ENGINE, sequence=7):
    """Send a command; return the replies, by the ECU's number."""
    data = bytes([target, opcode]) + value.to_bytes(2, "little") + bytes([sequence])
    electronics.tell(COMMAND_ID, data)
    return replies(electronics)


def replies(electronics):
    frames = electronics.run(electronics.now_ns // MS + 1)
    found = {n: electronics.signals(name, frames) for n, name in enumerate(REPLIES)}
    return {n: reply for n, several in found.items() for reply in several}


def status(electronics, opcode, value=0, *, target=ENGINE):
    return command(electronics, opcode, value, target=target)[target]["STATUS"]


def overheat(electronics):
    electronics.inputs.set("ENGINE_TEMP", 125.0)
    electronics.run(electronics.now_ns // MS + 200)
    assert electronics.ecus["EngineEcu"].state == "limp_home"


@pytest.mark.parametrize("number", range(4))
def test_an_ecu_is_silent_while_it_boots_then_tests_itself_then_works(electronics, number):
    electronics.run(300)
    ids = {m.frame_id for m in electronics.database.messages if ECUS[number].name in m.senders}
    assert min(t for t, can_id, _ in electronics.sent if can_id in ids) == BOOT_MS
    message = electronics.database.get_message_by_name(STATUS_MESSAGE[number])
    states = {
        t: message.decode(data)["ECU_STATE"]
        for t, can_id, data in electronics.sent
        if can_id == message.frame_id
    }
    done = BOOT_MS + SELF_TEST_MS
    assert {str(state) for t, state in states.items() if t < done} == {"self_test"}
    assert {str(state) for t, state in states.items() if t >= done} == {"normal"}


def test_the_values_of_ecu_state_have_the_databases_names(electronics):
    for name in STATUS_MESSAGE:
        choices = electronics.database.get_message_by_name(name).get_signal_by_name("ECU_STATE")
        named = {state.value: state.name.lower() for state in EcuState if state.name != "HUNG"}
        assert {value: str(text) for value, text in choices.choices.items()} == named


def test_the_first_frames_come_within_a_tenth_of_a_second(electronics):
    electronics.run(100)
    assert len({can_id for _, can_id, _ in electronics.sent}) == 6


def test_an_overheating_engine_limps_home_after_a_tenth_of_a_second(electronics):
    electronics.run(5_000)
    electronics.inputs.set("ENGINE_TEMP", 125.0)
    after = electronics.run(6_000)
    hot = electronics.signals("EngineStatus", after)
    assert {frame["ENGINE_TEMP"] for frame in hot} == {125.0}
    first = [frame["LIMP_HOME"] for frame in hot].index(1)
    # From the first hot frame, which is up to 20 ms after the moment.
    assert first * 20 == 100
    assert all(frame["LIMP_HOME"] == 1 and frame["ECU_STATE"] == 3 for frame in hot[first:])


def test_a_shorter_heat_does_nothing(electronics):
    electronics.run(1_000)
    electronics.inputs.set("ENGINE_TEMP", 125.0)
    electronics.run(1_090)
    electronics.inputs.release("ENGINE_TEMP")
    electronics.run(1_130)
    electronics.inputs.set("ENGINE_TEMP", 125.0)
    electronics.run(1_220)
    electronics.inputs.release("ENGINE_TEMP")
    electronics.run(1_500)
    assert {frame["LIMP_HOME"] for frame in electronics.signals("EngineStatus")} == {0}


@pytest.mark.parametrize(("number", "signal", "value"), FAULTS)
def test_each_fault_that_asks_for_it_turns_its_ecu_to_limp_home_and_no_other(
    electronics, number, signal, value
):
    electronics.run(500)
    electronics.inputs.set(signal, value)
    electronics.run(1_300)
    assert [ecu.state for ecu in electronics.ecus.values()] == [
        "limp_home" if n == number else "normal" for n in range(4)
    ]
    last = electronics.signals(STATUS_MESSAGE[number])[-1]
    assert (last["ECU_STATE"], last["LIMP_HOME"], last["MIL"]) == (3, 1, 1)


def test_a_distorted_sensor_acts_on_the_ecu_as_a_set_one_does(electronics):
    electronics.run(500)
    heal = electronics.inputs.distort("ENGINE_TEMP", lambda true, _now_ns: true + 40.0)
    electronics.run(700)
    assert electronics.ecus["EngineEcu"].state == "limp_home"
    heal()
    electronics.run(800)
    assert electronics.signals("EngineStatus")[-1]["ENGINE_TEMP"] < 110.0


def test_in_limp_home_the_engine_gives_thirty_per_cent_of_its_torque(electronics):
    electronics.run(1_500)
    full = electronics.signals("EngineStatus")[-1]["THROTTLE"]
    overheat(electronics)
    limping = electronics.signals("EngineStatus", electronics.run(2_500))
    assert full == 100.0
    assert {frame["THROTTLE"] for frame in limping} == {30.0}


def test_in_limp_home_the_engine_turns_slowly(electronics):
    electronics.run(8_000)
    fast = electronics.signals("EngineStatus")[-1]
    overheat(electronics)
    limping = electronics.signals("EngineStatus", electronics.run(25_000))
    assert fast["RPM"] > 8_000
    assert max(frame["RPM"] for frame in limping[-250:]) < 6_050


def test_a_car_that_limps_home_slows_down_without_a_jump(electronics):
    electronics.run(13_000)
    overheat(electronics)
    speeds = [f["SPEED"] for f in electronics.signals("VehicleDynamics", electronics.run(16_000))]
    assert speeds[-1] < speeds[0]
    assert max(abs(after - before) for before, after in pairwise(speeds)) < 5.0


def test_limp_home_stays_when_the_engine_has_cooled_until_a_command_ends_it(electronics):
    overheat(electronics)
    assert status(electronics, Opcode.CLEAR_LIMP_HOME) == Status.WRONG_STATE
    electronics.inputs.release("ENGINE_TEMP")
    electronics.run(1_000)
    assert electronics.ecus["EngineEcu"].state == "limp_home"
    assert status(electronics, Opcode.CLEAR_LIMP_HOME) == Status.OK
    frames = electronics.run(1_300)
    assert {f["LIMP_HOME"] for f in electronics.signals("EngineStatus", frames)} == {0}


def test_the_lowest_tyre_is_the_lowest_that_the_ecu_sees(electronics):
    electronics.inputs.set("TYRE_PRESSURE_RR", 1.25)
    electronics.run(200)
    assert electronics.signals("TyreStatus")[-1]["TYRE_PRESSURE"] == 1.25
    electronics.inputs.set("TYRE_PRESSURE", 2.0)
    electronics.run(300)
    assert electronics.signals("TyreStatus")[-1]["TYRE_PRESSURE"] == 2.0


def test_every_measured_signal_of_the_database_is_an_input(electronics):
    cyclic = [message for message in electronics.database.messages if message.cycle_time]
    signals = {signal.name for message in cyclic for signal in message.signals}
    assert set(electronics.inputs.units) == signals - {"COUNTER", "ECU_STATE", "LIMP_HOME", "MIL"}
    assert electronics.inputs.units["ENGINE_TEMP"] == "degC"


@pytest.mark.parametrize(
    "name", ["ENGINE_TEMP", "SPEED", "BRAKE", "LAP", "FUEL_FLOW", "TYRE_TEMP_FL"]
)
def test_a_value_that_is_set_is_sent_as_it_is(electronics, name):
    electronics.inputs.set(name, 1.0)
    electronics.run(200)
    [message] = [m for m in electronics.database.messages if name in m.signal_tree]
    assert electronics.signals(message.name)[-1][name] == pytest.approx(1.0)


@pytest.mark.parametrize("number", range(4))
def test_an_ecu_tells_its_version_and_repeats_the_sequence_number(electronics, number):
    electronics.run(100)
    answer = command(electronics, Opcode.VERSION, target=number, sequence=201)
    assert answer == {
        number: {"OPCODE": Opcode.VERSION, "STATUS": 0, "VALUE": 0x0102, "SEQUENCE": 201}
    }


def test_a_command_to_all_is_answered_by_all(electronics):
    electronics.run(100)
    assert set(command(electronics, Opcode.VERSION, target=ALL)) == {0, 1, 2, 3}


def test_an_ecu_that_boots_is_deaf(electronics):
    electronics.run(BOOT_MS - 10)
    assert command(electronics, Opcode.VERSION) == {}


@pytest.mark.parametrize(
    ("opcode", "value", "target", "expected"),
    [
        pytest.param(0, 0, ENGINE, Status.UNKNOWN_OPCODE, id="an opcode that there is not"),
        pytest.param(99, 5, ENGINE, Status.UNKNOWN_OPCODE, id="another, with a value"),
        pytest.param(Opcode.VERSION, 1, ENGINE, Status.BAD_VALUE, id="a value where none is"),
        pytest.param(Opcode.SET_RPM_LIMIT, 3_999, ENGINE, Status.BAD_VALUE, id="too low a limit"),
        pytest.param(Opcode.SET_RPM_LIMIT, 15_001, ENGINE, Status.BAD_VALUE, id="too high a limit"),
        pytest.param(Opcode.SET_RPM_LIMIT, 8_000, FUEL, Status.UNKNOWN_OPCODE, id="not an engine"),
        pytest.param(Opcode.LEAVE_SELF_TEST, 0, ENGINE, Status.WRONG_STATE, id="not in self-test"),
    ],
)
def test_a_wrong_command_gets_a_negative_reply(electronics, opcode, value, target, expected):
    electronics.run(100)
    answer = command(electronics, opcode, value, target=target)[target]
    assert (answer["OPCODE"], answer["STATUS"], answer["SEQUENCE"]) == (opcode, expected, 7)


def test_a_command_that_is_too_short_gets_a_negative_reply(electronics):
    electronics.run(100)
    electronics.tell(COMMAND_ID, bytes([ENGINE, Opcode.RESET]))
    assert replies(electronics)[ENGINE]["STATUS"] == Status.BAD_LENGTH
    assert electronics.ecus["EngineEcu"].state == "normal"


def test_remote_and_extended_frames_are_no_commands(electronics):
    electronics.run(100)
    for bits in (wire.EXTENDED, wire.REMOTE):
        electronics.tell(COMMAND_ID | bits, bytes([ENGINE, Opcode.RESET, 0, 0, 0]))
    assert replies(electronics) == {}


def test_commands_are_found_in_a_crowd_of_frames(electronics):
    electronics.run(100)
    crowd = [wire.pack_frame(0x700 + n, bytes(8)) for n in range(50)]
    crowd.insert(25, wire.pack_frame(COMMAND_ID, bytes([ENGINE, Opcode.VERSION, 0, 0, 3])))
    electronics.ecus["EngineEcu"].hear(b"".join(crowd), electronics.now_ns)
    assert replies(electronics)[ENGINE]["SEQUENCE"] == 3


def test_the_rpm_limit_holds_until_it_is_taken_back(electronics):
    electronics.run(1_000)
    assert status(electronics, Opcode.SET_RPM_LIMIT, 7_000) == Status.OK
    electronics.run(6_000)
    limited = electronics.signals("EngineStatus", electronics.run(12_000))
    assert max(frame["RPM"] for frame in limited) < 7_050
    assert status(electronics, Opcode.SET_RPM_LIMIT, 0) == Status.OK
    free = electronics.signals("EngineStatus", electronics.run(20_000))
    assert max(frame["RPM"] for frame in free) > 9_000


def test_self_test_is_entered_and_left_by_command_while_the_car_stands(electronics):
    electronics.inputs.set("SPEED", 0.0)
    electronics.run(500)
    assert status(electronics, Opcode.ENTER_SELF_TEST) == Status.OK
    tested = electronics.signals("EngineStatus", electronics.run(1_500))
    assert {frame["ECU_STATE"] for frame in tested} == {EcuState.SELF_TEST}
    assert status(electronics, Opcode.LEAVE_SELF_TEST) == Status.OK
    assert electronics.ecus["EngineEcu"].state == "normal"


def test_self_test_is_refused_while_the_car_moves(electronics):
    electronics.run(3_000)
    assert status(electronics, Opcode.ENTER_SELF_TEST) == Status.WRONG_STATE
    assert electronics.ecus["EngineEcu"].state == "normal"


def test_a_reset_by_command_is_answered_and_followed_by_a_boot(electronics):
    electronics.run(1_000)
    overheat(electronics)
    electronics.inputs.release("ENGINE_TEMP")
    assert status(electronics, Opcode.RESET) == Status.OK
    assert electronics.ecus["EngineEcu"].state == "boot"
    electronics.run(1_500)
    assert electronics.ecus["EngineEcu"].state == "normal"
    told = command(electronics, Opcode.STATUS)[ENGINE]["VALUE"]
    # Normal, after a reset, one trouble code stored: that of the heat before.
    assert told == EcuState.NORMAL | 1 << 4 | 1 << 8


def test_the_watchdog_resets_an_ecu_that_hangs(electronics):
    electronics.run(1_000)
    assert status(electronics, Opcode.HANG) == Status.OK
    hung_at = electronics.now_ns // MS
    assert electronics.ecus["EngineEcu"].state == "hung"
    frames = electronics.run(2_000)
    message = electronics.database.get_message_by_name("EngineStatus")
    mine = [(t, data) for t, can_id, data in frames if can_id == message.frame_id]
    assert hung_at + WATCHDOG_MS + BOOT_MS - 1 <= mine[0][0] <= hung_at + WATCHDOG_MS + BOOT_MS
    assert message.decode(mine[0][1])["COUNTER"] == 0
    told = command(electronics, Opcode.STATUS)[ENGINE]["VALUE"]
    assert told == EcuState.NORMAL | 2 << 4


def test_the_others_go_on_while_one_hangs(electronics):
    electronics.run(1_000)
    command(electronics, Opcode.HANG)
    assert len(electronics.signals("VehicleDynamics", electronics.run(1_200))) == 20


def test_a_reset_from_outside_begins_again_from_the_boot(electronics):
    electronics.run(1_000)
    electronics.ecus["FuelEcu"].reset(electronics.now_ns)
    frames = electronics.run(1_200)
    message = electronics.database.get_message_by_name("FuelStatus")
    assert [t for t, can_id, _ in frames if can_id == message.frame_id] == [1_030, 1_130]


def test_a_limp_home_that_still_has_its_cause_comes_back_after_the_reset(electronics):
    overheat(electronics)
    electronics.ecus["EngineEcu"].reset(electronics.now_ns)
    now_ms = electronics.now_ns // MS
    states = [
        f["ECU_STATE"] for f in electronics.signals("EngineStatus", electronics.run(now_ms + 400))
    ]
    assert states[0] == EcuState.SELF_TEST
    assert states[-1] == EcuState.LIMP_HOME


def test_a_fault_has_to_hold_anew_after_a_reset(electronics):
    electronics.run(500)
    electronics.inputs.set("ENGINE_TEMP", 125.0)
    electronics.run(560)
    electronics.ecus["EngineEcu"].reset(electronics.now_ns)
    electronics.run(560 + BOOT_MS + 90)
    assert electronics.ecus["EngineEcu"].state == "normal"
    electronics.run(560 + BOOT_MS + 110)
    assert electronics.ecus["EngineEcu"].state == "limp_home"


def test_a_node_without_cyclic_messages_is_refused(electronics):
    sensors = Sensors(at=lambda now_ns: now_ns, readers={})
    with pytest.raises(ValueError, match="'Gateway', expected one that sends cyclic messages"):
        Ecu(EcuSpec(name="Gateway", number=9), electronics.database, sensors, Inputs({}))


def test_replies_have_the_ids_of_the_database(electronics):
    for number, name in enumerate(REPLIES):
        assert electronics.database.get_message_by_name(name).frame_id == FIRST_REPLY_ID + number
    assert electronics.database.get_message_by_name("EcuCommand").frame_id == COMMAND_ID


@pytest.mark.parametrize("name", ["EcuCommand", *REPLIES])
def test_opcodes_and_statuses_have_the_databases_names(electronics, name):
    tree = {s.name: s for s in electronics.database.get_message_by_name(name).signals}
    opcodes = {value: str(text) for value, text in tree["OPCODE"].choices.items()}
    assert opcodes == {opcode.value: opcode.name.lower() for opcode in Opcode}
    if name != "EcuCommand":
        statuses = {value: str(text) for value, text in tree["STATUS"].choices.items()}
        assert statuses == {status.value: status.name.lower() for status in Status}
