"""The job that both sides of the end-to-end benchmark do: the same frames and the same rules.

Four buses. The ten messages of each go round; each has ten signals in its eight bytes:

    NUMBER   24 bit   the frame's number on its bus, from 0
    WAVE     12 bit   a sine of 0..100 of two seconds; each message has a phase of its own
    A .. F    4 bit   noise
    G, H      2 bit   noise

A hundred rules: one on each WAVE, which every period breaks once; 56 on noise, which never breaks
them; and one on each bus's END, in a message that is sent when all frames are through.
"""

from __future__ import annotations

import math
import select
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Event as StopEvent

import numpy as np
from numpy.typing import NDArray

from firmware_sim import wire
from firmware_sim.client import connect

BUSES = 4
MESSAGES = 10
FIRST_ID = 0x100
END_ID = 0x7F0
NOISE = "ABCDEFGH"
NOISE_RULES = 14
"""Of each bus."""

HIGH, DEADBAND = 80.0, 10.0
PERIOD_S = 2.0
NS_PER_S = 1_000_000_000
TICK_NS = 2_000_000
"""Frames of two milliseconds are sent at once: a USB adapter's bursts are about as long."""
BURST = 256
"""Frames that are sent at once where nothing paces them."""
END_EVERY_S = 0.1
QUEUE_FRAMES = 4096


@dataclass(frozen=True)
class Rule:
    """One rule. *low* and *high* are its limits; it clears *deadband* inside them."""

    name: str
    bus: int
    can_id: int
    message: str
    signal: str
    low: float = -math.inf
    high: float = math.inf
    deadband: float = 0.0


def make_rules() -> list[Rule]:
    """Return the hundred rules."""
    rules = []
    for bus in range(BUSES):
        for number in range(MESSAGES):
            where = bus, FIRST_ID + number, f"M{number}"
            rules.append(Rule(f"wave_{bus}_{number}", *where, "WAVE", high=HIGH, deadband=DEADBAND))
        for number in range(NOISE_RULES):
            message, signal = number % MESSAGES, NOISE[number % len(NOISE)]
            where = bus, FIRST_ID + message, f"M{message}"
            # Noise is 0..15: neither is ever true.
            limit = {"high": 15.5} if number % 2 else {"low": -0.5, "high": 15.5}
            rules.append(Rule(f"noise_{bus}_{number}", *where, signal, **limit))
        rules.append(Rule(f"end_{bus}", bus, END_ID, "End", "END", high=0.5))
    return rules


def make_dbc() -> str:
    """Return the database that all four buses have."""
    text = ['VERSION ""', "NS_ :", "BS_:", "BU_: ECU"]
    layout = [("NUMBER", 24, 1, 16777215), ("WAVE", 12, 0.025, 102.375)]
    layout += [(name, 4, 1, 15) for name in NOISE[:6]] + [(name, 2, 1, 3) for name in NOISE[6:]]
    for number in range(MESSAGES):
        text.append(f"BO_ {FIRST_ID + number} M{number}: 8 ECU")
        start = 0
        for name, length, scale, most in layout:
            text.append(f' SG_ {name} : {start}|{length}@1+ ({scale},0) [0|{most}] "" ECU')
            start += length
        text.append("")
    text += [f"BO_ {END_ID} End: 8 ECU", ' SG_ END : 0|8@1+ (1,0) [0|1] "" ECU', ""]
    return "\n".join(text)


def make_config(
    channels: list[str], rules: list[Rule], *, all_signals: bool = False, latency: str = ""
) -> str:
    """Return the gateway's configuration of the job.

    Args:
        channels: The buses' names.
        rules: The rules.
        all_signals: Decode every signal and carry it to the analyzers, whether or not a rule asks
            for it.
        latency: The gateway's own if empty.
    """
    gateway = f'latency = "{latency}"\n' if latency else ""
    text = [f'[gateway]\nname = "bench"\n{gateway}\n[analyzers]\ncount = 3\n']
    for number, channel in enumerate(channels):
        text.append(
            f'[[source]]\nname = "can{number}"\ntype = "can"\ninterface = "firmware_sim"\n'
            f'channel = "{channel}"\ndbc = ["job.dbc"]\n'
            + ('signals = ["*"]\n' if all_signals else "")
        )
    for rule in rules:
        if rule.low > -math.inf:
            condition = f"outside = [{rule.low}, {rule.high}]"
        else:
            condition = f"above = {rule.high}\ndeadband = {rule.deadband}"
        text.append(
            f'[[rule]]\nname = "{rule.name}"\n'
            f'signal = "can{rule.bus}.{rule.message}.{rule.signal}"\n{condition}\n'
        )
    return "\n".join(text)


def make_scenario(names: list[str], *, waits: bool) -> str:
    """Return the scenario of the empty buses.

    Args:
        names: The buses.
        waits: Whether they wait for a node that is late. A real bus does not; then so much is
            kept for the node as a large socket buffer keeps, and what does not fit is lost.
    """
    patience = "" if waits else f"queue = {QUEUE_FRAMES}\npatience_s = 0.0\n"
    return "\n".join(f'[[bus]]\nname = "{name}"\n{patience}' for name in names)


def make_frames(bus: int, rate: int, count: int) -> NDArray[np.void]:
    """Return the records that bus number *bus* carries, in order; *rate* is per second."""
    number = np.arange(count, dtype=np.uint64)
    message = number % MESSAGES
    phase = (bus * MESSAGES + message) / (BUSES * MESSAGES)
    # Begins at the bottom, so that nothing is raised at once.
    wave = 50 - 50 * np.cos(2 * np.pi * np.maximum(number / rate / PERIOD_S - phase, 0.0))
    noise = np.random.default_rng(bus).integers(0, 1 << 28, count, np.uint64)
    payload = number & 0xFFFFFF
    payload |= np.round(wave / 0.025).astype(np.uint64) << np.uint64(24)
    payload |= noise << np.uint64(36)
    frames = np.zeros(count, wire.RECORD)
    frames["can_id"] = FIRST_ID + message
    frames["len"] = 8
    frames["data"][:, :8] = payload.astype("<u8").view(np.uint8).reshape(-1, 8)
    return frames


def send(
    channels: list[str], rate: int, count: int, paced: bool, go: StopEvent, stop: StopEvent
) -> None:
    """Be the ECUs: join the buses, wait for *go*, send the frames, then END until *stop*.

    Args:
        channels: The buses' names.
        rate: Frames a second on each bus.
        count: Frames on each bus.
        paced: False: as fast as the buses take them.
        go: Set when the other side is ready.
        stop: Set when it has seen all ENDs.
    """
    links = [connect(channel, wire.Hello("ecus"))[0] for channel in channels]
    blocks = [
        memoryview(make_frames(bus, rate, count).view(np.uint8)) for bus in range(len(channels))
    ]
    end = wire.pack_frame(END_ID, b"\1" + bytes(7), length=8)
    go.wait()
    start_ns = time.monotonic_ns()
    sent = tick = 0
    while sent < count:
        tick += 1
        due_ns = start_ns + tick * TICK_NS
        if paced and (wait_ns := due_ns - time.monotonic_ns()) > 0:
            select.select([], [], [], wait_ns / NS_PER_S)
        upto = min(rate * tick * TICK_NS // NS_PER_S if paced else sent + BURST, count)
        for link, block in zip(links, blocks, strict=True):
            link.sendall(block[sent * wire.RECORD_SIZE : upto * wire.RECORD_SIZE])
        sent = upto
    while not stop.wait(END_EVERY_S):
        for link in links:
            link.sendall(end)
