"""What `systemctl start gateway@car` does, under a real systemd with all its restrictions."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

START = "systemctl start gateway@car || journalctl -u gateway@car\n"


def test_it_is_ready_when_each_link_is_open_or_known_to_be_absent(in_box):
    said = in_box(
        START
        + """
        show ActiveState; show StatusText
        wait_for grep -q gps_lost /var/lib/gateway/car.jsonl
        gateway status --json
        """
    ).splitlines()
    assert said[0] == "active"
    assert said[1].startswith("can0 running; gps link lost")
    states = {each["name"]: each["state"] for each in json.loads(said[2])["processes"]}
    gps = states.pop("gps")
    assert states == dict.fromkeys(("can0", "analyzer-0", "journal", "console"), "running")
    assert gps.startswith("link lost")


def test_one_that_hangs_is_started_again_by_the_watchdog(in_box):
    said = in_box(
        """
        install -D /dev/stdin /run/systemd/system/gateway@.service.d/quick.conf <<< "[Service]
        WatchdogSec=4"
        systemctl daemon-reload
        systemctl start gateway@car
        wait_for is NRestarts 0
        sleep 8  # twice as long as it lives unfed
        show NRestarts
        kill -STOP $(show MainPID)
        wait_for is NRestarts 1
        wait_for is ActiveState active
        journalctl --unit=gateway@car | grep -c 'Watchdog timeout'
        """
    )
    assert said.split() == ["0", "1"]


def test_one_that_is_killed_is_started_again_and_none_is_left_behind(in_box):
    said = in_box(
        START
        + """
        before=$(cat /sys/fs/cgroup$(show ControlGroup)/cgroup.procs)
        kill -KILL $(show MainPID)
        wait_for is NRestarts 1
        wait_for is ActiveState active
        for pid in $before; do [ ! -e /proc/$pid ] || echo "left: $pid"; done
        """
    )
    assert said == ""


def test_a_wrong_configuration_is_said_and_not_tried_again(in_box):
    said = in_box(
        """
        sed -i 's/stale_after = "500ms"/stale_after = "soon"/' /etc/gateway/car.toml
        systemctl start gateway@car
        wait_for is SubState failed
        show ActiveState; show NRestarts
        journalctl -u gateway@car | grep -o 'gateway: /etc.*'
        """
    )
    assert "\nfailed\n0\n" in said
    assert 'gateway: /etc/gateway/car.toml: rule "gps_lost".stale_after: got ' in said


def test_it_stops_in_order_and_prints_its_ledger(in_box):
    said = in_box(
        START
        + """
        wait_for grep -q gps_lost /var/lib/gateway/car.jsonl
        systemctl stop gateway@car
        show Result; show ActiveState
        pgrep -c gateway
        ls /run/gateway
        journalctl -u gateway@car | grep -o 'every stage adds up.*'
        """
    )
    assert said.splitlines() == [
        "success",
        "inactive",
        "0",
        "every stage adds up: received = delivered + lost",
    ]


@pytest.mark.parametrize(
    ("drop_in", "capabilities"),
    [("", "0000000000000000"), ("packet-ring.conf", "0000000000002000")],
    ids=["none", "CAP_NET_RAW"],
)
def test_it_has_no_capability_but_the_one_it_is_given(in_box, drop_in, capabilities):
    said = in_box(
        f"""
        if [ -n "{drop_in}" ]; then
            install -D -m 644 /opt/gateway/share/gateway/{drop_in} \
                /etc/systemd/system/gateway@.service.d/{drop_in}
            systemctl daemon-reload
        fi
        systemctl start gateway@car
        grep -E 'Cap(Eff|Bnd)' /proc/$(show MainPID)/status
        """
    )
    assert said.split() == ["CapEff:", capabilities, "CapBnd:", capabilities]


def test_its_group_may_ask_for_the_status_and_read_the_journal(in_box):
    said = in_box(
        START
        + """
        wait_for grep -q gps_lost /var/lib/gateway/car.jsonl
        useradd --groups gateway ann; useradd bob
        for user in ann bob; do
            su $user -c 'gateway status | head -1; wc -l < /var/lib/gateway/car.jsonl' 2>&1
        done
        """
    ).splitlines()
    assert said[0].startswith("car  running")
    assert said[1] == "1"
    assert "not allowed to ask" in said[2]
    assert "Permission denied" in said[3]
