"""config.txt, crystals and SPI."""

from __future__ import annotations

import pytest

from gateway.doctor import overlay, spi
from gateway.doctor.boot_config import boot_config
from gateway.doctor.finding import Verdict

CONFIG = "/boot/firmware/config.txt"


def with_overlay(pi, *lines):
    pi.write(CONFIG, "\n".join(["dtparam=spi=on", *lines]) + "\n")


def test_a_hat_that_is_described_with_its_crystal_is_all_right(pi):
    found = pi.only(overlay.check)
    assert found.verdict is Verdict.OK
    assert found.found == "dtoverlay=mcp2515-can0,oscillator=16000000,interrupt=25"


@pytest.mark.parametrize("mhz", [8, 12, 16])
def test_every_crystal_that_is_sold_with_the_chip_is_all_right(pi, mhz):
    with_overlay(pi, f"dtoverlay=mcp2515-can0,oscillator={mhz}000000,interrupt=25")
    pi.links[-1]["linkinfo"]["info_data"]["clock"] = mhz * 1_000_000 // 2
    assert pi.only(overlay.check).verdict is Verdict.OK


def test_an_overlay_without_its_crystal_is_a_finding_that_has_the_line(pi):
    with_overlay(pi, "dtoverlay=mcp2515-can0,interrupt=25")
    found = pi.finding(overlay.check)
    assert "16 MHz is assumed" in found.found
    assert f"dtoverlay=mcp2515-can0,interrupt=25,oscillator=16000000 into {CONFIG}" in found.mend


@pytest.mark.parametrize("wrong", ["16", "160000000", "40000000"])
def test_a_crystal_that_no_such_board_has_is_a_finding(pi, wrong):
    with_overlay(pi, f"dtoverlay=mcp2515-can0,oscillator={wrong},interrupt=25")
    assert "8000000, 12000000, 16000000, 20000000" in pi.finding(overlay.check).mend


def test_a_crystal_that_is_not_the_one_in_use_asks_for_a_restart(pi):
    with_overlay(pi, "dtoverlay=mcp2515-can0,oscillator=12000000,interrupt=25")
    found = pi.finding(overlay.check)
    assert "can0 runs from a clock of 8,000,000 Hz, not 6,000,000" in found.found
    assert found.mend == "sudo reboot"


@pytest.mark.parametrize(
    ("oscillator", "clock"), [(40_000_000, 40_000_000), (4_000_000, 40_000_000)]
)
def test_a_can_fd_controller_is_known_with_its_own_crystals(pi, oscillator, clock):
    with_overlay(pi, f"dtoverlay=mcp251xfd,spi0-0,oscillator={oscillator},interrupt=25")
    pi.links[-1]["linkinfo"]["info_data"]["clock"] = clock
    assert pi.only(overlay.check).verdict is Verdict.OK


def test_a_board_with_two_channels_is_examined_channel_by_channel(pi):
    with_overlay(
        pi,
        "dtoverlay=mcp2515-can0,oscillator=16000000,interrupt=23",
        "dtoverlay=mcp2515-can1,interrupt=25",
    )
    assert pi.verdicts(overlay.check) == [Verdict.OK, Verdict.FINDING]


def test_parameters_on_lines_of_their_own_belong_to_the_overlay_before_them(pi):
    with_overlay(
        pi, "dtoverlay=mcp2515-can0", "dtparam=oscillator=16000000", "dtparam=interrupt=25"
    )
    assert pi.only(overlay.check).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("model", "section", "holds"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "pi4", True),
        ("Raspberry Pi 400 Rev 1.0", "pi4", True),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "pi4", True),
        ("Raspberry Pi 5 Model B Rev 1.0", "pi4", False),
        ("Raspberry Pi 5 Model B Rev 1.0", "pi5", True),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "pi3+", True),
        ("Raspberry Pi 3 Model B Rev 1.2", "pi3+", False),
        ("Raspberry Pi Zero 2 W Rev 1.0", "pi02", True),
        ("Raspberry Pi Zero W Rev 1.1", "pi02", False),
        ("Raspberry Pi 4 Model B Rev 1.4", "none", False),
        ("Raspberry Pi 4 Model B Rev 1.4", "all", True),
        ("Raspberry Pi 4 Model B Rev 1.4", "gpio4=1", True),
    ],
)
def test_a_section_holds_for_its_boards_alone(pi, model, section, holds):
    pi.board(model)
    pi.write(CONFIG, f"[{section}]\ndtoverlay=mcp2515-can0,oscillator=16000000\n[all]\n")
    assert bool(boot_config(pi.machine).can_overlays) is holds


def test_a_line_that_is_commented_out_does_not_hold(pi):
    pi.write(CONFIG, "#dtparam=spi=on\n# dtoverlay=mcp2515-can0,oscillator=16000000\n")
    boot = boot_config(pi.machine)
    assert (boot.spi, boot.can_overlays) == (False, [])


def test_a_line_that_the_firmware_does_not_read_to_its_end_is_a_finding(pi):
    long = (
        "dtoverlay=mcp251xfd,spi0-0,oscillator=40000000,interrupt=25,rx_interrupt=24,speed=20000000"
    )
    with_overlay(pi, f"{long},xceiver_enable=22")
    first, second = pi.ask(overlay.check)
    assert first.verdict is Verdict.FINDING
    assert f"{CONFIG}: line 2 is longer than 98 characters" in first.found
    assert "mcp251xfd" in second.found


def test_no_overlay_and_no_interface_is_a_finding_that_has_the_line(pi):
    pi.write(CONFIG, "dtparam=audio=on\n")
    pi.links.pop()
    found = pi.finding(overlay.check)
    assert "can0 is not there" in found.found
    assert (
        f"'dtoverlay=mcp2515-can0,oscillator=16000000,interrupt=25' | sudo tee -a {CONFIG}"
        in found.mend
    )


def test_no_overlay_is_needed_for_an_adapter_on_usb(pi):
    pi.write(CONFIG, "dtparam=audio=on\n")
    assert pi.only(overlay.check).verdict is Verdict.DOES_NOT_APPLY


def test_the_old_place_of_the_file_is_known(pi):
    pi.remove(CONFIG)
    pi.write("/boot/config.txt", "dtoverlay=mcp2515-can0\n")
    assert "/boot/config.txt" in pi.finding(overlay.check).mend


def test_a_controller_that_has_answered_is_all_right(pi):
    assert pi.only(spi.check).found == "spi0.0 (mcp2515) is driven by mcp251x"


def test_a_controller_that_has_not_answered_is_a_finding(pi):
    pi.remove("/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.0/driver")
    found = pi.finding(spi.check)
    assert "spi0.0 (mcp2515) has no driver" in found.found
    assert found.mend == "sudo dmesg | grep spi0.0"


def test_a_controller_that_the_running_system_was_not_told_of_is_a_finding(pi):
    with_overlay(pi, "dtoverlay=mcp251xfd,spi1-0,oscillator=40000000,interrupt=24")
    found = pi.finding(spi.check)
    assert "spi1.0 is not there; on SPI: spi0.0, spi0.1" in found.found
    assert found.mend.startswith("sudo reboot")


@pytest.mark.parametrize(
    ("line", "mend"),
    [("#dtparam=spi=on", "dtparam=spi=on | sudo tee -a"), ("dtparam=spi=on", "sudo reboot")],
)
def test_spi_that_is_off_is_a_finding(pi, line, mend):
    pi.write(CONFIG, f"{line}\ndtoverlay=mcp2515-can0,oscillator=16000000,interrupt=25\n")
    pi.remove("/sys/bus/spi/devices/spi0.0")
    pi.remove("/sys/bus/spi/devices/spi0.1")
    assert mend in pi.finding(spi.check).mend


@pytest.mark.parametrize("check", [overlay.check, spi.check])
def test_on_another_machine_there_is_nothing_to_examine(laptop, check):
    assert laptop.only(check).verdict is Verdict.DOES_NOT_APPLY
