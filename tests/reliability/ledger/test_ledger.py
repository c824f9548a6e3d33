"""A million numbered frames on a hard way: each of them is delivered, or counted with a reason."""

import json
import signal
import subprocess
import time

import numpy as np
import pytest

from firmware_sim.ports import PtyPort
from firmware_sim.testing import start, unique_name
from gateway.sources.readers.socketcan.reader import TIERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """
[gateway]
name = "car"
ring_capacity = 4096

[analyzers]
count = 2

[alarms]
journal = "journal.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "{interface}"
channel = "{channel}"
dbc = ["car.dbc"]

[[source]]
name = "uart"
type = "serial"
port = "{folder}/port"
protocol = "lines"
fields = [{{ name = "a" }}]

[[rule]]
name = "never"
signal = "N"
above = 4294967295

[[rule]]
name = "every_hundredth"
signal = "LEVEL"
above = 0.5

[[rule]]
name = "lines"
signal = "uart.line.a"
above = 0.5
"""
CHUNK = 500
EVERY = 100
"""Every so many frames an alarm is raised, and cleared with the next frame."""
VICTIMS = ("journal", "view", "analyzer-1")
BURST = 30_000
"""More than the bus keeps for a node that takes nothing."""
KERNEL_ROOM = 45_000
"""More than the kernel keeps: 32,768 frames in a packet ring, 43,690 in a socket's buffer."""
KERNEL_BURST = 60_000


class RealBus:
    """The simulated bus, which tells at its end what became of every frame."""

    def __init__(self):
        self.channel = unique_name("ledger")
        self.process = start("bus", self.channel, "--log-format", "json", stdout=subprocess.PIPE)

    def end(self):
        """Return what the bus says of each node, by its name."""
        if self.process.poll() is not None:
            return {}
        self.process.send_signal(signal.SIGTERM)
        said = map(json.loads, self.process.communicate(timeout=60)[0].splitlines())
        return {each["name"]: each for each in said if each["event"] == "node"}


@pytest.fixture
def bus():
    bus = RealBus()
    yield bus
    bus.end()


@pytest.fixture
def channel(bus):
    return bus.channel


def levels(numbers):
    return np.where(numbers % EVERY, 0, numbers)


def send_frames(node, count):
    """Send so many frames, numbered on from those before."""
    for begin in range(node.sent, node.sent + count, CHUNK):
        numbers = np.arange(begin, min(begin + CHUNK, node.sent + count))
        node.send(numbers, levels(numbers))
        node.drain()


def send_lines(port, count):
    """Send lines of which every tenth is rubbish; return how many that were."""
    for number in range(count):
        port.write(b"a=x%d\n" % number if number % 10 == 0 else b"a=%d\n" % (number % 2))
    return -(-count // 10)


def flush(port):
    until = time.monotonic() + 60
    while port.backlog:
        port.flush()
        assert time.monotonic() < until, "the port is not read"


def check(ledger, sent, lines, rubbish):
    """Hold the ledger to account; return its stages."""
    stages = {each["stage"]: each for each in ledger}
    for each in ledger:
        assert each["received"] == each["delivered"] + each["lost"], each
        assert each["waiting"] == 0, each
    can0, uart = stages["can0"], stages["uart"]
    # The notices of an overrun are frames, too, which nobody sent.
    assert can0["received"] == sent + can0["notes"]["error frames"]
    assert (uart["received"], uart["reasons"].get("malformed", 0)) == (lines, rubbish)
    # Each frame that was delivered has two samples, each line one.
    samples = 2 * (can0["delivered"] - can0["notes"]["error frames"]), lines - rubbish
    assert stages["can0 > samples"]["delivered"] == samples[0]
    assert stages["uart > samples"]["delivered"] == samples[1]
    for name in ("analyzer-0", "analyzer-1"):
        assert stages[f"samples > {name}"]["lost"] == 0
        assert stages[f"samples > {name}"]["delivered"] in (samples[0], sum(samples))
    assert stages["samples > view"]["received"] == sum(samples)
    assert stages["alarms > journal"]["lost"] == 0
    # What a killed analyzer says a second time is left out.
    journal = stages["journal"]
    told = journal["delivered"] + journal["notes"]["repeated"]
    assert stages["alarms > journal"]["delivered"] == told
    return stages


def raised(bench):
    events = bench.events()
    return [
        int(e["value"]) for e in events if e["rule"] == "every_hundredth" and e["event"] == "raised"
    ]


def test_every_frame_on_the_simulated_bus_is_delivered_or_counted(bench, bus, node, amount, figure):
    count = amount(short=50_000, long=1_000_000)
    bench.configure(
        CONFIG.format(interface="firmware_sim", channel=bus.channel, folder=bench.folder)
    )
    with PtyPort(bench.folder / "port", flow_control=True) as port:
        bench.start("--live")
        bench.until(lambda s: all(each["state"] == "running" for each in s["processes"]))
        rubbish = send_lines(port, 2_000)
        quarter = (count - BURST) // 4
        send_frames(node, quarter)
        with bench.slowed("analyzer-0"):
            send_frames(node, quarter)
        for victim in VICTIMS:
            bench.kill_process(victim)
            send_frames(node, quarter // 3)
        flush(port)
        safe = node.sent
        bench.until(lambda s: s["ledger"][0]["received"] == safe)
        with bench.halted("can0", "view"):
            send_frames(node, BURST)
        send_frames(node, count - node.sent)
        status = bench.settled(node.sent)[0]

    stages = check(status["ledger"], node.sent, 2_000, rubbish)
    can0, view = stages["can0"], stages["samples > view"]
    figure(
        f"{node.sent:,} frames sent = {can0['delivered'] - can0['notes']['error frames']:,}"
        f" delivered + {can0['lost']:,} overrun; {view['lost']:,} samples overwritten before the"
        f" view took them; {rubbish:,} of 2,000 lines rejected"
    )
    assert node.sent == count
    assert can0["lost"] == can0["reasons"]["overrun"] > 0
    assert view["lost"] > 0
    # Nothing was lost while somebody only was slow or killed: each alarm is there, and once.
    numbers = raised(bench)
    assert len(numbers) == len(set(numbers))
    assert [n for n in numbers if n < safe] == list(range(EVERY, safe, EVERY))

    bench.end()
    assert bench.process.returncode == 0, bench.log
    assert "every stage adds up" in bench.printed
    mine = bus.end()["can0"]
    assert mine["lost"] == can0["lost"], "the bus says otherwise"


@pytest.mark.socketcan
@pytest.mark.parametrize("tier", TIERS)
def test_every_frame_in_the_kernel_is_delivered_or_counted(bench, vcan, amount, figure, tier):
    channel, node = vcan
    count = amount(short=50_000, long=1_000_000)
    text = CONFIG.format(interface="socketcan", channel=channel, folder=bench.folder)
    bench.configure(text.replace('["car.dbc"]', f'["car.dbc"]\noptions = {{ tier = "{tier}" }}'))
    with PtyPort(bench.folder / "port", flow_control=True) as port:
        bench.start("--live")
        bench.until(lambda s: all(each["state"] == "running" for each in s["processes"]))
        rubbish = send_lines(port, 2_000)
        send_frames(node, count // 4)
        with bench.slowed("analyzer-0"):
            send_frames(node, count // 4)
        for victim in VICTIMS:
            bench.kill_process(victim)
            send_frames(node, count // 12)
        flush(port)
        bench.settled(node.sent)
        with bench.halted("can0", "view"):
            numbers = np.arange(node.sent, node.sent + KERNEL_BURST)
            node.send(numbers, levels(numbers))
        status = bench.settled(node.sent)[0]
    stages = check(status["ledger"], node.sent, 2_000, rubbish)
    can0 = stages["can0"]
    figure(
        f"{tier}: {node.sent:,} frames sent = {can0['delivered']:,} delivered +"
        f" {can0['lost']:,} dropped by the kernel"
    )
    assert can0["notes"]["error frames"] == 0
    assert can0["reasons"].keys() <= {"kernel", "driver"}
    assert can0["lost"] == sum(can0["reasons"].values()) >= KERNEL_BURST - KERNEL_ROOM
    bench.end()
    assert bench.process.returncode == 0, bench.log
