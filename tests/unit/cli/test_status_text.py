"""What `gateway status` shows a person of the status that it is told."""

from gateway.cli.status import format_status


def process(name, state="running", pid=4711, restarts=0, rate=12.3, unit="frames", link=None):
    return {
        "name": name, "state": state, "pid": pid, "restarts": restarts,
        "rate": rate, "unit": unit, "link": link,
    }  # fmt: skip


def alarm(value, unit):
    return {
        "severity": "critical", "rule": "drifts", "message": "The anchor drags",
        "signal": "gps.RMC.latitude", "value": value, "unit": unit,
    }  # fmt: skip


def text_of(processes=(), alarms=()):
    return format_status(
        {
            "name": "boat", "state": "running", "uptime_s": 93_784.2, "pid": 4700,
            "config": "/etc/gateway/boat.toml",
            "processes": processes, "ledger": [], "alarms": alarms,
        }
    ).splitlines()  # fmt: skip


def test_it_begins_with_which_gateway_it_is_and_for_how_long():
    expected = "boat  running for 1 d 2 h 3 min 4 s  (process 4700, /etc/gateway/boat.toml)"
    assert text_of()[0] == expected


def test_the_columns_of_the_processes_stand_below_each_other_however_long_a_name_is():
    unplugged = {"states": {"unplugged": {"detail": "no such device", "for_s": 65.0}}}
    processes = [
        process("a_bus_with_a_long_name", rate=9000.4),
        process("gps", "link lost", restarts=12, rate=0.0, unit="sentences", link=unplugged),
        process("analyzer-0", "restarting", pid=0, restarts=1, rate=None),
    ]
    assert text_of(processes)[2:7] == [
        "process                 state           pid  restarts     rate",
        "a_bus_with_a_long_name  running        4711         0    9,000 frames/s",
        "gps                     link lost      4711        12        0 sentences/s",
        "analyzer-0              restarting        -         1",
        "gps has been unplugged for 1 min 5 s: no such device",
    ]


def test_an_alarms_value_is_told_as_exactly_as_in_the_warning():
    alarms = [alarm(42.4967659, "deg"), alarm(8.0, ""), alarm(None, "deg")]
    assert text_of(alarms=alarms)[-4:] == [
        "active alarms: 3",
        "  critical drifts: The anchor drags (gps.RMC.latitude = 42.4967659 deg)",
        "  critical drifts: The anchor drags (gps.RMC.latitude = 8)",
        "  critical drifts: The anchor drags (gps.RMC.latitude = no value)",
    ]
