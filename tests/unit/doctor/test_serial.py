"""Serial ports: named for good, open to the user, and free."""

from __future__ import annotations

import re

import pytest

from gateway.doctor import serial_group, serial_holder, serial_name
from gateway.doctor.finding import Verdict

CHECKS = [
    serial_name.check,
    serial_group.check,
    serial_holder.check_holder,
    serial_holder.check_console,
    serial_holder.check_modem_manager,
]


@pytest.fixture
def gps(pi):
    """The port as the configuration names it."""
    return re.search(r'port = "(.+)"', pi.toml)[1]


@pytest.fixture
def use(pi, gps):
    """Makes the configuration name another port."""

    def use(port):
        pi.toml = pi.toml.replace(gps, port)

    return use


@pytest.mark.parametrize("check", CHECKS)
def test_a_port_that_is_well_is_all_right(pi, check):
    assert pi.verdicts(check) == [Verdict.OK]


@pytest.mark.parametrize("check", CHECKS)
def test_where_no_port_is_configured_there_is_nothing_to_examine(laptop, check):
    assert laptop.only(check).verdict is Verdict.DOES_NOT_APPLY


def test_a_port_that_is_not_there_is_a_finding_that_has_the_names_that_are(pi, gps, use):
    use("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0")
    found = pi.finding(serial_name.check)
    assert "A50285BI-if00-port0 is not there" in found.found
    assert found.mend == f'port = "{gps}"'


def test_a_link_that_leads_nowhere_is_a_port_that_is_not_there(pi):
    pi.remove("/dev/ttyACM0")
    assert "is not there" in pi.finding(serial_name.check).found


def test_a_port_called_by_its_number_is_a_finding_that_has_its_name(pi, gps, use):
    use("/dev/ttyACM0")
    found = pi.finding(serial_name.check)
    assert found.found == "/dev/ttyACM0 is called by its number"
    assert found.mend == f'port = "{gps}"'


def test_a_clone_without_a_serial_number_is_named_by_its_socket(pi, use):
    use("/dev/ttyUSB3")
    pi.write("/dev/ttyUSB3", "")
    pi.link("/dev/gateway/usb1-1.2-00", "../ttyUSB3")
    assert pi.finding(serial_name.check).mend == 'port = "/dev/gateway/usb1-1.2-00"'


def test_the_boards_own_port_has_a_name_that_stays(pi, use):
    use("/dev/serial0")
    assert pi.only(serial_name.check).found == "/dev/serial0 is /dev/ttyS0"


def test_an_slcan_adapter_is_a_serial_port_too(pi):
    pi.toml = """
        [[source]]
        name = "can0"
        type = "can"
        interface = "slcan"
        channel = "/dev/ttyACM0@115200"
    """
    assert "/dev/ttyACM0 is called by its number" in pi.finding(serial_name.check).found


def test_a_user_outside_the_group_is_a_finding_that_has_the_line(pi, gps):
    pi.write(
        "/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\nGroups:\t27 1000\n"
    )
    found = pi.finding(serial_group.check)
    assert found.found == f"{gps} belongs to dialout, and pi is not in it"
    assert found.mend.startswith("sudo adduser pi dialout")


def test_the_group_that_a_login_began_with_counts_too(pi):
    pi.write("/proc/self/status", "Uid:\t995\t995\t995\t995\nGid:\t20\t20\t20\t20\nGroups:\t\n")
    assert pi.only(serial_group.check).found.startswith("gateway may open")


def test_a_port_that_is_open_to_everybody_is_all_right(pi):
    pi.write("/proc/self/status", "Uid:\t995\t995\t995\t995\nGid:\t995\t995\t995\t995\nGroups:\t\n")
    pi.says("stat --dereference", "dialout crw-rw-rw-\n")
    assert pi.only(serial_group.check).verdict is Verdict.OK


@pytest.mark.parametrize("said", ["root crw-rw----", "dialout crw-------"])
def test_a_port_that_is_roots_alone_is_a_finding_that_has_the_rules(pi, said):
    pi.says("stat --dereference", said)
    assert "70-gateway-serial.rules" in pi.finding(serial_group.check).mend


def test_root_may_open_everything(pi):
    pi.write("/proc/self/status", "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0\n")
    assert pi.only(serial_group.check).verdict is Verdict.DOES_NOT_APPLY


def test_a_port_that_another_program_has_open_is_a_finding(pi, gps):
    pi.write("/proc/812/comm", "gpsd\n")
    pi.link("/proc/812/fd/3", "/dev/null")
    pi.link("/proc/812/fd/5", "/dev/ttyACM0")
    found = pi.finding(serial_holder.check_holder)
    assert found.found == f"{gps} is held by gpsd, process 812"
    assert found.mend.startswith("sudo kill 812")


def test_a_port_that_the_gateway_has_open_is_all_right(pi):
    pi.write("/proc/1300/comm", "gw:gps\n")
    pi.link("/proc/1300/fd/9", "/dev/ttyACM0")
    found = pi.only(serial_holder.check_holder)
    assert found.verdict is Verdict.OK
    assert "the gateway itself, process 1300" in found.found


def test_what_cannot_be_seen_without_root_is_said(pi):
    assert "sudo sees those of all" in pi.only(serial_holder.check_holder).found


def test_the_kernels_console_on_the_port_is_a_finding(pi, use):
    use("/dev/serial0")
    pi.write("/proc/cmdline", "console=ttyS0,115200 console=tty1 root=PARTUUID=4b2b6ad4-02\n")
    found = pi.finding(serial_holder.check_console)
    assert found.found == "/dev/serial0 is the kernel's console (/dev/ttyS0)"
    assert "do_serial_cons 1" in found.mend


def test_a_modem_manager_that_would_try_the_port_is_a_finding(pi):
    pi.says("systemctl --quiet is-active ModemManager")
    pi.says("udevadm info", "DEVNAME=/dev/ttyACM0\nID_VENDOR_ID=1546\n")
    assert (
        "systemctl disable --now ModemManager" in pi.finding(serial_holder.check_modem_manager).mend
    )


def test_a_modem_manager_that_is_told_to_leave_the_port_alone_is_all_right(pi):
    pi.says("systemctl --quiet is-active ModemManager")
    pi.says("udevadm info", "DEVNAME=/dev/ttyACM0\nID_MM_DEVICE_IGNORE=1\n")
    assert pi.only(serial_holder.check_modem_manager).verdict is Verdict.OK


def test_a_port_of_the_board_is_no_modem(pi, use):
    use("/dev/serial0")
    assert pi.only(serial_holder.check_modem_manager).verdict is Verdict.DOES_NOT_APPLY
