"""CAN interfaces: there, up, set as they should be, and well."""

from __future__ import annotations

import pytest

from gateway.doctor import can_errors, can_presence, can_settings, receive_buffer, vcan
from gateway.doctor.finding import Verdict

CHECKS = [
    can_presence.check,
    can_settings.check_bit_rate,
    can_settings.check_restart,
    can_settings.check_queue,
    can_errors.check_state,
    can_errors.check_losses,
    receive_buffer.check,
]


@pytest.fixture
def can0(pi):
    """What `ip` says of can0; change it, and the machine has changed."""
    return pi.links[-1]


@pytest.fixture
def controller(can0):
    return can0["linkinfo"]["info_data"]


@pytest.fixture
def virtual(pi, can0):
    """A virtual bus in place of the real one, as `ip` describes it."""
    can0.clear()
    can0.update(
        ifname="vcan0",
        flags=["NOARP", "UP", "LOWER_UP"],
        mtu=72,
        txqlen=1000,
        link_type="can",
        linkinfo={"info_kind": "vcan"},
    )
    pi.toml = pi.toml.replace('channel = "can0"\nbitrate = 500000', 'channel = "vcan0"')
    return can0


@pytest.mark.parametrize("check", CHECKS)
def test_a_bus_that_is_well_is_all_right(pi, check):
    assert pi.verdicts(check) == [Verdict.OK]


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_configuration_the_interfaces_that_are_there_are_examined(pi, check):
    pi.toml = None
    assert pi.verdicts(check) == [Verdict.OK]


@pytest.mark.parametrize("check", CHECKS)
def test_where_there_is_no_interface_there_is_nothing_to_examine(laptop, check):
    assert laptop.only(check).verdict is Verdict.DOES_NOT_APPLY


@pytest.mark.parametrize("check", CHECKS)
def test_an_interface_that_no_source_reads_is_not_examined(pi, controller, check):
    controller.update(state="BUS-OFF", restart_ms=0)
    pi.toml = pi.toml.replace('channel = "can0"', 'channel = "0"\ninterface = "pcan"')
    assert pi.only(check).verdict is Verdict.DOES_NOT_APPLY


@pytest.mark.parametrize("check", CHECKS)
def test_an_interface_is_found_by_its_other_name(pi, check):
    pi.toml = pi.toml.replace('channel = "can0"', 'channel = "can-spi0.0"')
    assert pi.verdicts(check) == [Verdict.OK]


def test_an_interface_that_is_not_there_is_a_finding_that_names_the_others(pi, can0):
    can0.update(ifname="can1", altnames=[])
    found = pi.finding(can_presence.check)
    assert found.found == "can0 is not there; CAN interfaces: can1"
    assert found.mend.startswith("sudo dmesg | grep")


def test_a_virtual_bus_that_is_not_there_is_a_finding_that_has_the_line(pi, virtual):
    virtual["ifname"] = "vcan9"
    assert pi.finding(can_presence.check).mend == (
        "sudo ip link add dev vcan0 type vcan && sudo ip link set vcan0 mtu 72 up"
    )


def test_an_interface_that_is_down_is_a_finding_that_has_the_line(pi, can0, controller):
    can0["flags"] = ["NOARP", "ECHO"]
    controller["state"] = "STOPPED"
    assert pi.finding(can_presence.check).mend == (
        "sudo ip link set can0 up type can bitrate 500000 restart-ms 100"
    )


def test_a_virtual_bus_that_is_down_needs_no_bit_rate(pi, virtual):
    virtual["flags"] = ["NOARP"]
    assert pi.finding(can_presence.check).mend == "sudo ip link set vcan0 up"


def test_an_interface_without_a_bit_rate_is_a_finding(pi, can0, controller):
    can0["flags"] = ["NOARP", "ECHO"]
    del controller["bittiming"]
    found = pi.finding(can_settings.check_bit_rate)
    assert found.found == "can0 has no bit rate"
    assert found.mend == "sudo ip link set can0 up type can bitrate 500000 restart-ms 100"


def test_another_bit_rate_than_the_configuration_says_is_a_finding(pi, controller):
    controller["bittiming"]["bitrate"] = 250000
    found = pi.finding(can_settings.check_bit_rate)
    assert found.found == "can0 runs at 250,000 bit/s, and the configuration says 500,000"
    assert found.mend == (
        "sudo ip link set can0 down && "
        "sudo ip link set can0 up type can bitrate 500000 restart-ms 100"
    )


def test_an_interface_that_only_listens_is_all_right_and_said_to(pi, controller):
    controller["ctrlmode"] = ["LISTEN-ONLY"]
    found = pi.only(can_settings.check_bit_rate)
    assert found.verdict is Verdict.OK
    assert "listening only" in found.found


def test_can_fd_that_is_asked_for_and_not_on_is_a_finding(pi):
    pi.toml = pi.toml.replace('channel = "can0"', 'channel = "can0"\nfd = true')
    assert pi.finding(can_settings.check_fd).mend.endswith("dbitrate 2000000 fd on")


def test_can_fd_that_is_asked_for_and_on_is_all_right(pi, can0):
    can0["mtu"] = 72
    pi.toml = pi.toml.replace('channel = "can0"', 'channel = "can0"\nfd = true')
    assert pi.only(can_settings.check_fd).verdict is Verdict.OK


def test_an_interface_that_would_stay_bus_off_is_a_finding(pi, controller):
    controller["restart_ms"] = 0
    found = pi.finding(can_settings.check_restart)
    assert "sudo ip link set can0 up type can restart-ms 100" in found.mend
    assert "RestartSec=100ms" in found.mend


def test_room_for_ten_frames_is_a_finding(pi, can0):
    can0["txqlen"] = 10
    assert pi.finding(can_settings.check_queue).mend.startswith(
        "sudo ip link set can0 txqueuelen 128"
    )


@pytest.mark.parametrize("state", ["BUS-OFF", "ERROR-PASSIVE", "ERROR-WARNING"])
def test_a_controller_in_trouble_is_a_finding(pi, controller, state):
    controller.update(state=state, berr_counter={"tx": 0, "rx": 135})
    found = pi.finding(can_errors.check_state)
    assert found.found == f"can0 is {state}; error counters: 135 receiving, 0 sending"


def test_a_controller_that_went_bus_off_in_the_past_is_a_finding(pi, can0):
    can0["linkinfo"]["info_xstats"]["bus_off"] = 3
    assert "went bus-off 3 times" in pi.finding(can_errors.check_state).found


@pytest.mark.parametrize(("over_errors", "dropped"), [(4, 0), (0, 4), (1, 3)])
def test_frames_lost_below_the_gateway_are_a_finding(pi, can0, over_errors, dropped):
    can0["stats64"]["rx"].update(over_errors=over_errors, dropped=dropped)
    assert "lost 4 of 80,004 frames" in pi.finding(can_errors.check_losses).found


@pytest.mark.usefixtures("virtual")
def test_a_virtual_bus_has_no_controller_to_examine(pi):
    for check in (
        can_settings.check_bit_rate,
        can_settings.check_restart,
        can_settings.check_queue,
        can_errors.check_state,
    ):
        assert pi.only(check).verdict is Verdict.DOES_NOT_APPLY


def test_a_machine_without_ip_has_no_interfaces(pi):
    pi.links.clear()
    pi.toml = None
    assert pi.only(can_presence.check).verdict is Verdict.DOES_NOT_APPLY


def test_older_tools_write_some_numbers_otherwise(pi, controller):
    controller["bittiming"]["sample_point"] = 0.875
    controller["restart_ms"] = "100"
    assert pi.only(can_settings.check_restart).verdict is Verdict.OK


def test_the_default_receive_buffer_is_a_finding_that_has_the_line(pi):
    pi.write("/proc/sys/net/core/rmem_max", "212992\n")
    found = pi.finding(receive_buffer.check)
    assert "212,992: 555 CAN frames, 61 ms of a full bus" in found.found
    assert "net.core.rmem_max=8388608" in found.mend


def test_virtual_buses_that_are_to_be_had_are_all_right(pi):
    assert pi.only(vcan.check).verdict is Verdict.OK


def test_virtual_buses_that_the_kernel_has_built_in_are_all_right(laptop):
    laptop.write("/sys/module/vcan/refcnt", "0\n")
    assert laptop.only(vcan.check).verdict is Verdict.OK


@pytest.mark.usefixtures("virtual")
def test_a_kernel_without_virtual_buses_is_a_finding_where_one_is_wanted(pi):
    pi.says("modinfo vcan", code=1)
    assert "vcan0 is configured" in pi.finding(vcan.check).found


def test_a_kernel_without_virtual_buses_is_none_where_none_is(laptop):
    assert laptop.only(vcan.check).verdict is Verdict.DOES_NOT_APPLY
