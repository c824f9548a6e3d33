"""A bus with a bit rate beside a model of one that plays every bit."""

from hypothesis import given, settings
from hypothesis import strategies as st

BIT = 1_000
SECOND = 1_000_000_000
START = 5 * SECOND


class Player:
    """A node that puts its frames on the wire bit by bit, and goes by what it reads there."""

    def __init__(self, frames):
        self.frames = [(ready, can_id, list(stuffed_bits(can_id))) for ready, can_id in frames]
        self.place = None  # in its frame; None while it does not send

    def writes(self, now, idle):
        """The bit it puts on the wire in bit time *now*; recessive if it does not send."""
        if self.place is None and idle and self.frames and self.frames[0][0] <= now:
            self.place = 0
        return 1 if self.place is None else self.frames[0][2][self.place]

    def reads(self, bit):
        """Go on after its bit has been on the wire; return the id if the frame is complete."""
        if self.place is None:
            return None
        mine = self.frames[0][2][self.place]
        self.place += 1
        if bit != mine:
            self.place = None  # lost the arbitration; all bits after it are another's
            return None
        if self.place == len(self.frames[0][2]):
            self.place = None
            return self.frames.pop(0)[1]
        return None


def stuffed_bits(can_id):
    """A standard data frame without data, to the end of frame; acknowledged."""
    bits = [0, *number(can_id, 11), 0, 0, 0, 0, 0, 0, 0]
    crc = 0
    for bit in bits:
        crc = (crc << 1) ^ (0x4599 if bit ^ (crc >> 14) else 0)
        crc &= 0x7FFF
    bits += number(crc, 15)
    run, last = 0, None
    for bit in bits:
        yield bit
        run, last = (run + 1 if bit == last else 1), bit
        if run == 5:
            run, last = 1, 1 - bit
            yield last
    yield from [1, 0, 1] + [1] * 7


def number(value, width):
    return [value >> place & 1 for place in reversed(range(width))]


def play(offers):
    """Play the bits of all nodes' *offers*; return [(bit time of the frame's end, id)]."""
    players = [Player(frames) for frames in offers]
    ended, quiet, now = [], 1000, 0
    while any(player.frames for player in players):
        idle = quiet >= 3 and all(player.place is None for player in players)
        wire_bit = min(player.writes(now, idle) for player in players)  # dominant is 0
        now += 1
        done = [can_id for player in players if (can_id := player.reads(wire_bit)) is not None]
        sending = any(player.place is not None for player in players)
        quiet = 0 if sending or done else quiet + 1
        ended += [(now, can_id) for can_id in done]
    return ended


@st.composite
def traffic(draw):
    """For each of a few nodes, frames with ids of its own: [(ready, id)]."""
    nodes = draw(st.integers(1, 4))
    offers = []
    for node in range(nodes):
        ids = st.integers(0, 0x7FF // nodes - 1).map(lambda n, node=node: n * nodes + node)
        ready = sorted(draw(st.lists(st.integers(0, 400), max_size=4)))
        offers.append([(at, draw(ids)) for at in ready])
    return offers


@settings(deadline=None)  # an example plays thousands of bits
@given(offers=traffic())
def test_order_and_stamps_are_those_of_a_bus_whose_bits_are_played_one_by_one(fleet, offers):
    names = [f"node {n}" for n in range(len(offers))]
    bus = fleet(*names, "listener")
    for name, frames in zip(names, offers, strict=True):
        for ready, can_id in frames:
            bus.offer(name, can_id, at=START + ready * BIT)
    bus.bus.advance(START + SECOND)
    assert bus.got("listener") == [(START + at * BIT, can_id) for at, can_id in play(offers)]
