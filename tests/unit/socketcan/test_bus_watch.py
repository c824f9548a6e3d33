"""What is the matter with a bus, told from error frames as the kernel makes them."""

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.record import FRAME
from gateway.sources.link import LinkState
from gateway.sources.readers.socketcan.bus_watch import FLOOD, QUIET_NS, SETTLED_NS, BusWatch
from gateway.sources.readers.socketcan.rtnetlink import ControllerState, LinkFacts

# As drivers of Linux send them; candump writes them so.
BUS_OFF = "20000040#0000000000000000"  # can_bus_off()
RESTARTED = "20000100#0000000000000000"  # can_restart()
SENDING_PASSIVE = "20000204#0020000000008000"  # can_change_state(), txerr 128
RECEIVING_PASSIVE = "20000204#0010000000000087"
WARNING = "20000204#0008000000006000"
ACTIVE = "20000204#0040000000005F00"
OLD_PASSIVE = "20000004#0020000000008000"  # before Linux 6.0 had CAN_ERR_CNT
BUS_OFF_WITH_COUNTERS = "20000244#00200000000000F8"
RESTARTED_AND_PASSIVE = "20000104#0020000000008000"  # mcp251x, in one frame
NO_ACKNOWLEDGEMENT = "200000A8#0000001900000000"  # slcan; flexcan, mcp251xfd
NO_ACKNOWLEDGEMENT_BY_SLOT = "20000088#0000801900000000"  # sja1000, m_can
STUFF_ERROR = "20000088#0000040000000000"
OVERFLOW = "20000004#0001000000000000"
ARBITRATION_LOST = "20000002#0500000000000000"
DATA = "123#0102"

BEGIN_NS = 1000 * NS_PER_S


def frames(*lines, t_ns=BEGIN_NS, step_ns=0):
    made = np.zeros(len(lines), FRAME)
    for row, line in zip(made, lines, strict=True):
        can_id, data = line.split("#")
        payload = bytes.fromhex(data)
        row["can_id"], row["len"] = int(can_id, 16), len(payload)
        row["data"][: len(payload)] = list(payload)
    made["t_ns"] = t_ns + step_ns * np.arange(len(lines))
    return made


@pytest.fixture
def watch():
    return BusWatch("can0")


def names(watch, t_ns=BEGIN_NS):
    return set(watch.states(t_ns))


def kernel(state, **more):
    return LinkFacts(7, state, **more)


def test_a_bus_that_is_well_has_no_states(watch):
    assert names(watch, 0) == set()
    watch.take(frames(DATA, DATA))
    watch.hear(kernel(ControllerState.ERROR_ACTIVE), BEGIN_NS)
    assert names(watch) == set()


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (BUS_OFF, LinkState.BUS_OFF),
        (BUS_OFF_WITH_COUNTERS, LinkState.BUS_OFF),
        (SENDING_PASSIVE, LinkState.ERROR_PASSIVE),
        (RECEIVING_PASSIVE, LinkState.ERROR_PASSIVE),
        (OLD_PASSIVE, LinkState.ERROR_PASSIVE),
        (RESTARTED_AND_PASSIVE, LinkState.ERROR_PASSIVE),
    ],
)
def test_an_error_frame_tells_of_a_state(watch, line, state):
    watch.take(frames(DATA, line))
    assert names(watch) == {state}


@pytest.mark.parametrize(
    "line", [WARNING, ACTIVE, RESTARTED, STUFF_ERROR, OVERFLOW, ARBITRATION_LOST]
)
def test_what_is_no_state_is_none(watch, line):
    watch.take(frames(line))
    assert names(watch) == set()


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (BUS_OFF, RESTARTED),
        (BUS_OFF, ACTIVE),
        (BUS_OFF, DATA),
        (SENDING_PASSIVE, ACTIVE),
        (SENDING_PASSIVE, WARNING),
        (SENDING_PASSIVE, RESTARTED),
        (NO_ACKNOWLEDGEMENT, DATA),
    ],
)
def test_a_state_is_over_when_its_end_has_lasted_a_second(watch, begin, end):
    watch.take(frames(begin, begin))
    (state,) = names(watch)
    watch.take(frames(end, t_ns=BEGIN_NS + NS_PER_S))
    assert names(watch, BEGIN_NS + NS_PER_S + SETTLED_NS - 1) == {state}
    assert names(watch, BEGIN_NS + NS_PER_S + SETTLED_NS) == set()


@pytest.mark.parametrize(
    "line", [STUFF_ERROR, OVERFLOW, ARBITRATION_LOST, DATA, "20000008#0000000000000000"]
)
def test_other_frames_do_not_end_an_error_passive_state(watch, line):
    watch.take(frames(SENDING_PASSIVE))
    watch.take(frames(line, t_ns=BEGIN_NS + NS_PER_S))
    assert names(watch, BEGIN_NS + NS_PER_S + SETTLED_NS) == {LinkState.ERROR_PASSIVE}


def test_what_lasts_a_moment_is_told_all_the_same(watch):
    watch.take(frames(BUS_OFF, RESTARTED, step_ns=NS_PER_MS))
    assert names(watch, BEGIN_NS + 250 * NS_PER_MS) == {LinkState.BUS_OFF}
    assert names(watch, BEGIN_NS + 2 * NS_PER_S) == set()


def test_a_controller_that_is_restarted_again_and_again_is_bus_off_once(watch):
    for cycle in range(100):
        t_ns = BEGIN_NS + cycle * 500 * NS_PER_MS
        watch.take(frames(BUS_OFF, RESTARTED, t_ns=t_ns, step_ns=100 * NS_PER_MS))
        for after_ns in (100, 350, 490):
            assert names(watch, t_ns + after_ns * NS_PER_MS) == {LinkState.BUS_OFF}


def test_a_controller_that_is_bus_off_is_nothing_else(watch):
    watch.take(frames(SENDING_PASSIVE, NO_ACKNOWLEDGEMENT, NO_ACKNOWLEDGEMENT))
    assert names(watch) == {LinkState.ERROR_PASSIVE, LinkState.NO_ACKNOWLEDGEMENT}
    watch.take(frames(BUS_OFF))
    assert names(watch) == {LinkState.BUS_OFF}


def test_without_the_kernels_word_an_error_passive_state_ends_in_silence(watch):
    watch.take(frames(SENDING_PASSIVE))
    watch.take(frames(STUFF_ERROR, t_ns=BEGIN_NS + 3 * NS_PER_S))
    assert names(watch, BEGIN_NS + 3 * NS_PER_S + QUIET_NS - 1) == {LinkState.ERROR_PASSIVE}
    assert names(watch, BEGIN_NS + 3 * NS_PER_S + QUIET_NS) == set()


# The kernel's word


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (ControllerState.BUS_OFF, LinkState.BUS_OFF),
        (ControllerState.ERROR_PASSIVE, LinkState.ERROR_PASSIVE),
    ],
)
def test_the_kernel_tells_of_a_state_that_began_before_anybody_listened(watch, word, state):
    watch.hear(kernel(word), BEGIN_NS)
    assert names(watch) == {state}
    watch.hear(kernel(ControllerState.ERROR_WARNING), BEGIN_NS + NS_PER_S)
    assert names(watch, BEGIN_NS + NS_PER_S + SETTLED_NS) == set()


def test_the_kernels_word_counts_in_silence_and_in_traffic(watch):
    for second in range(60):
        t_ns = BEGIN_NS + second * NS_PER_S
        watch.take(frames(SENDING_PASSIVE, DATA, t_ns=t_ns) if second < 30 else frames(DATA))
        watch.hear(kernel(ControllerState.ERROR_PASSIVE), t_ns)
        assert names(watch, t_ns) == {LinkState.ERROR_PASSIVE}
    # It is active again; no error frame has said so.
    watch.hear(kernel(ControllerState.ERROR_ACTIVE), t_ns + NS_PER_S)
    assert names(watch, t_ns + NS_PER_S + SETTLED_NS) == set()


def test_the_line_says_how_a_controller_gets_back_on_the_bus(watch):
    watch.take(frames(BUS_OFF))
    assert watch.states(BEGIN_NS)[LinkState.BUS_OFF] == (
        "the controller has left the bus after too many errors"
    )
    watch.hear(kernel(ControllerState.BUS_OFF), BEGIN_NS)
    assert watch.states(BEGIN_NS)[LinkState.BUS_OFF].endswith(
        "; to restart it: ip link set can0 type can restart"
    )
    watch.hear(kernel(ControllerState.BUS_OFF, restart_ms=100), BEGIN_NS)
    assert watch.states(BEGIN_NS)[LinkState.BUS_OFF].endswith("100 ms later (restart-ms)")


def test_the_line_has_the_error_counters_where_the_driver_tells_them(watch):
    watch.hear(kernel(ControllerState.ERROR_PASSIVE), BEGIN_NS)
    assert "counters" not in watch.states(BEGIN_NS)[LinkState.ERROR_PASSIVE]
    word = kernel(ControllerState.ERROR_PASSIVE, send_errors=12, receive_errors=135)
    watch.hear(word, BEGIN_NS)
    assert watch.states(BEGIN_NS)[LinkState.ERROR_PASSIVE].endswith(
        "its counters are at 12 in sending and 135 in receiving"
    )


# No acknowledgement


@pytest.mark.parametrize("line", [NO_ACKNOWLEDGEMENT, NO_ACKNOWLEDGEMENT_BY_SLOT])
def test_two_missing_acknowledgements_in_a_row_say_that_nobody_is_there(watch, line):
    watch.take(frames(line))
    assert names(watch) == set()
    watch.take(frames(line))
    assert names(watch) == {LinkState.NO_ACKNOWLEDGEMENT}


def test_missing_acknowledgements_among_frames_are_disturbances(watch):
    for lines in [(NO_ACKNOWLEDGEMENT, DATA), (NO_ACKNOWLEDGEMENT, DATA, NO_ACKNOWLEDGEMENT)] * 9:
        watch.take(frames(*lines, DATA))
        assert names(watch) == set()


def test_without_further_attempts_nothing_is_known_after_a_while(watch):
    watch.take(frames(NO_ACKNOWLEDGEMENT, NO_ACKNOWLEDGEMENT))
    assert names(watch, BEGIN_NS + QUIET_NS - 1) == {LinkState.NO_ACKNOWLEDGEMENT}
    assert names(watch, BEGIN_NS + QUIET_NS) == set()


STUCK = kernel(ControllerState.ERROR_PASSIVE, send_errors=128, receive_errors=0)


def test_an_error_counter_that_is_stuck_at_128_says_that_nobody_is_there(watch):
    watch.hear(STUCK, BEGIN_NS)
    assert names(watch) == {LinkState.ERROR_PASSIVE}
    for second in range(1, 20):
        watch.hear(STUCK, BEGIN_NS + second * NS_PER_S)
        assert names(watch, BEGIN_NS + second * NS_PER_S) == {
            LinkState.ERROR_PASSIVE,
            LinkState.NO_ACKNOWLEDGEMENT,
        }
    t_ns = BEGIN_NS + 20 * NS_PER_S
    watch.hear(kernel(ControllerState.ERROR_WARNING, send_errors=127, receive_errors=0), t_ns)
    assert names(watch, t_ns + SETTLED_NS) == set()


@pytest.mark.parametrize("send_errors", [127, 136, 248, None])
def test_another_counter_says_nothing_about_acknowledgements(watch, send_errors):
    word = kernel(ControllerState.ERROR_PASSIVE, send_errors=send_errors, receive_errors=140)
    for second in range(5):
        watch.hear(word, BEGIN_NS + second * NS_PER_S)
    assert names(watch, BEGIN_NS + 4 * NS_PER_S) == {LinkState.ERROR_PASSIVE}


def test_a_counter_at_128_on_a_bus_with_traffic_says_nothing(watch):
    for tenth in range(50):
        t_ns = BEGIN_NS + tenth * NS_PER_S // 10
        watch.take(frames(DATA, t_ns=t_ns))
        watch.hear(STUCK, t_ns)
        assert names(watch, t_ns) == {LinkState.ERROR_PASSIVE}


# Floods


def flood(watch, many, rate, t_ns=BEGIN_NS, line=STUFF_ERROR, batch=30):
    step_ns = NS_PER_S // rate
    for begin in range(0, many, batch):
        lines = [line, DATA] * min(batch, many - begin)
        found = frames(*lines, t_ns=t_ns + begin * step_ns)
        found["t_ns"] += np.arange(len(lines)) // 2 * step_ns
        watch.take(found)
    return int(found["t_ns"][-1])


def test_a_hundred_error_frames_within_a_second_are_a_flood(watch):
    last_ns = flood(watch, FLOOD - 1, rate=1000)
    assert names(watch, last_ns) == set()
    watch.take(frames(STUFF_ERROR, t_ns=last_ns))
    assert names(watch, last_ns) == {LinkState.ERROR_FLOOD}


def test_a_flood_is_over_a_second_after_it_has_fallen_off(watch):
    last_ns = flood(watch, 1000, rate=1000)
    ebb_ns = flood(watch, 50, rate=50, t_ns=last_ns)
    assert ebb_ns - last_ns < NS_PER_S
    watch.take(frames(DATA, t_ns=ebb_ns))
    assert names(watch, last_ns + SETTLED_NS - NS_PER_S // 10) == {LinkState.ERROR_FLOOD}
    assert names(watch, ebb_ns + 2 * SETTLED_NS) == set()


def test_fewer_in_a_second_are_none_however_long(watch):
    last_ns = flood(watch, 1000, rate=FLOOD - 2)
    assert names(watch, last_ns) == set()


def test_a_flood_that_was_waiting_to_be_read_is_judged_by_its_own_times(watch):
    last_ns = flood(watch, 1000, rate=50, batch=1000)
    assert names(watch, last_ns) == set()


def test_arbitration_that_is_lost_is_no_flood(watch):
    last_ns = flood(watch, 1000, rate=1000, line=ARBITRATION_LOST)
    assert names(watch, last_ns) == set()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (STUFF_ERROR, "most about bus errors"),
        (NO_ACKNOWLEDGEMENT, "most about missing acknowledgements"),
        (SENDING_PASSIVE, "most about the controller's states"),
    ],
)
def test_the_line_says_how_many_and_what_they_are_about(watch, line, words):
    last_ns = flood(watch, 500, rate=500, line=line)
    told = watch.states(last_ns)[LinkState.ERROR_FLOOD]
    assert told.endswith(words)
    assert 490 <= int(told.split()[1].replace(",", "")) <= 510
