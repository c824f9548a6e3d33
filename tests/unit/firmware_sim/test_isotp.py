"""ISO-TP by itself, frame by frame, and with can-isotp, an independent one, at the other end."""

from collections import deque

import isotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.devices.isotp import MOST_WAITS, TIMEOUT_NS, IsoTp, separation_ns, single

MS = 1_000_000
GO_ON = bytes([0x30, 0, 0])
MESSAGE = bytes(range(1, 21))


def drain(end, now_ns=0):
    return end.step(now_ns)


class Peer:
    """can-isotp on the tester's side, joined to an `IsoTp`, whose time we tell."""

    def __init__(self, end, **params):
        self.end = end
        self.now_ns = 0
        self.to_peer = deque()
        address = isotp.Address(txid=0x7E0, rxid=0x7E8)
        self.errors = []
        self.logic = isotp.TransportLayerLogic(
            rxfn=lambda _timeout: self.to_peer.popleft() if self.to_peer else None,
            txfn=self._to_end,
            address=address,
            error_handler=self.errors.append,
            params={"tx_padding": 0x55, "max_frame_size": 5000, **params},
        )
        self.received = []

    def _to_end(self, message):
        got = self.end.hear(bytes(message.data), self.now_ns)
        if got is not None:
            self.received.append(got)

    def run_until(self, done):
        """Go on until *done*(); simulated time goes to the end's next moment."""
        for _ in range(100_000):
            self.logic.process(0.0)
            due_ns = self.end.due_ns
            # Timeouts are not to pass while the peer's own timer (of real time) holds it back.
            if due_ns is not None and due_ns < self.now_ns + TIMEOUT_NS // 2:
                self.now_ns = max(self.now_ns, due_ns)
                for data in self.end.step(self.now_ns):
                    self.to_peer.append(isotp.CanMessage(arbitration_id=0x7E8, data=data))
            if done():
                return
        raise AssertionError("the transfer never ended")


@settings(max_examples=40, deadline=None)
@given(
    st.binary(min_size=1, max_size=700),
    st.sampled_from([0, 1, 2, 7, 16]),
    st.sampled_from([0, 1, 10, 0xF5]),
)
def test_what_is_sent_arrives_at_the_peer_whatever_flow_control_it_asks_for(message, block, st_min):
    end = IsoTp()
    peer = Peer(end, blocksize=block, stmin=st_min)
    end.send(message, 0)
    peer.run_until(peer.logic.available)
    assert peer.logic.recv() == message
    assert not peer.errors
    assert not end.busy


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=700), st.sampled_from([0, 1, 2, 7, 16]))
def test_what_the_peer_sends_arrives_whatever_flow_control_is_asked_for(message, block):
    end = IsoTp(block_size=block)
    peer = Peer(end)
    peer.logic.send(message)
    peer.run_until(lambda: peer.received)
    assert peer.received == [message]
    assert not peer.errors


@pytest.mark.parametrize("length", [4095, 4096, 5000])
def test_a_message_of_more_than_four_kilobytes_has_its_length_in_32_bits(length):
    message = bytes(n % 251 for n in range(length))
    end = IsoTp(longest=5000)
    peer = Peer(end)
    end.send(message, 0)
    peer.run_until(peer.logic.available)
    assert peer.logic.recv() == message
    peer.logic.send(message)
    peer.run_until(lambda: peer.received)
    assert peer.received == [message]


def test_the_peer_is_told_that_its_message_is_too_long():
    end = IsoTp(longest=100)
    peer = Peer(end)
    peer.logic.send(bytes(101))
    peer.run_until(lambda: peer.errors)
    assert isinstance(peer.errors[0], isotp.errors.OverflowError)
    assert end.aborted == {"message is too long": 1}
    assert peer.received == []


def test_a_short_message_is_a_single_frame_padded_to_eight_bytes():
    end = IsoTp()
    end.send(b"\x41\x0c\x1a", 0)
    assert end.due_ns == 0
    assert drain(end) == [bytes.fromhex("03 41 0c 1a cc cc cc cc")]
    assert end.due_ns is None


def test_a_long_one_waits_after_its_first_frame_for_the_flow_frame():
    end = IsoTp()
    end.send(MESSAGE, 0)
    assert drain(end) == [b"\x10\x14" + MESSAGE[:6]]
    assert drain(end, 10 * MS) == []
    end.hear(GO_ON, 20 * MS)
    assert drain(end, 20 * MS) == [b"\x21" + MESSAGE[6:13], b"\x22" + MESSAGE[13:20]]
    assert not end.busy


def test_consecutive_frames_keep_the_time_between_them_that_is_asked_for():
    end = IsoTp()
    end.send(MESSAGE, 0)
    drain(end)
    end.hear(bytes([0x30, 0, 5]), 0)
    assert len(drain(end, 0)) == 1
    assert end.due_ns == 5 * MS
    assert drain(end, 4 * MS) == []
    assert len(drain(end, 5 * MS)) == 1


def test_after_a_block_the_next_flow_frame_is_waited_for():
    end = IsoTp()
    end.send(MESSAGE, 0)
    drain(end)
    end.hear(bytes([0x30, 1, 0]), 0)
    assert [frame[0] for frame in drain(end)] == [0x21]
    assert drain(end, MS) == []
    end.hear(bytes([0x30, 1, 0]), MS)
    assert [frame[0] for frame in drain(end, MS)] == [0x22]


@pytest.mark.parametrize(
    ("flow", "why"),
    [
        pytest.param(None, "no flow frame came", id="none comes"),
        pytest.param(b"\x32\0\0", "too long for the receiver", id="overflow"),
        pytest.param(b"\x35\0\0", "unknown flow status", id="an unknown one"),
    ],
)
def test_sending_is_given_up_when_the_flow_frame_is_wrong(flow, why):
    end = IsoTp()
    end.send(MESSAGE, 0)
    drain(end)
    if flow:
        end.hear(flow, 0)
    assert drain(end, TIMEOUT_NS) == []
    assert end.aborted == {why: 1}
    assert not end.busy
    end.send(b"again", TIMEOUT_NS)


def test_a_receiver_may_ask_to_wait_but_not_for_ever():
    end = IsoTp()
    end.send(MESSAGE, 0)
    drain(end)
    for n in range(MOST_WAITS):
        end.hear(b"\x31\0\0", n * TIMEOUT_NS // 2)
        drain(end, n * TIMEOUT_NS // 2)
    assert end.busy
    end.hear(b"\x31\0\0", MOST_WAITS * TIMEOUT_NS // 2)
    assert end.aborted == {"told to wait too often": 1}


def begun(end, length=20):
    """The end has heard a first frame, and asked to go on."""
    assert end.hear(b"\x10" + bytes([length]) + MESSAGE[:6], 0) is None
    return drain(end)


def test_a_first_frame_is_answered_with_the_flow_control_asked_for():
    end = IsoTp(block_size=2, st_min=10)
    assert begun(end) == [bytes.fromhex("30 02 0a cc cc cc cc cc")]


def test_consecutive_frames_complete_the_message():
    end = IsoTp()
    begun(end)
    assert end.hear(b"\x21" + MESSAGE[6:13], 0) is None
    assert end.hear(b"\x22" + MESSAGE[13:20], 0) == MESSAGE


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        pytest.param([b"\x22" + bytes(7)], "wrong sequence number", id="one is missing"),
        pytest.param([b"\x21" + bytes(7)] * 2, "wrong sequence number", id="one comes twice"),
        pytest.param([b"\x02\x01\x00"], "another message began", id="a single frame interrupts"),
        pytest.param([], "no consecutive frame came", id="none comes"),
        pytest.param([b"\x21\0"], "no consecutive frame came", id="it is too short"),
    ],
)
def test_receiving_is_given_up_when_a_frame_is_wrong(frames, why):
    end = IsoTp()
    begun(end)
    for frame in frames:
        end.hear(frame, 0)
    drain(end, TIMEOUT_NS)
    assert end.aborted == {why: 1}
    assert end.hear(b"\x22" + MESSAGE[13:20], TIMEOUT_NS) is None


def test_a_new_first_frame_begins_a_new_message():
    end = IsoTp()
    begun(end)
    begun(end, 10)
    assert end.hear(b"\x21" + MESSAGE[6:10], 0) == MESSAGE[:10]
    assert end.aborted == {"another message began": 1}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\1\2", id="a single frame of length 0"),
        pytest.param(b"\x08" + bytes(7), id="of length 8"),
        pytest.param(b"\x05\1\2", id="longer than the frame"),
        pytest.param(b"\x10\x07" + bytes(6), id="a first frame of what fits in a single one"),
        pytest.param(b"\x10\x00\0\0\0\x20\0\0", id="32 bits for a length of 12"),
        pytest.param(b"\x10\x14\1\2", id="a short first frame"),
        pytest.param(b"\x21" + bytes(7), id="a consecutive frame of nothing"),
        pytest.param(b"\x30\0\0", id="a flow frame that nobody waits for"),
        pytest.param(b"\xf0" + bytes(7), id="an unknown kind"),
    ],
)
def test_frames_that_mean_nothing_are_ignored(data):
    end = IsoTp()
    assert end.hear(data, 0) is None
    assert end.due_ns is None
    assert not end.aborted


@pytest.mark.parametrize(
    ("byte", "ns"),
    [
        (0x00, 0),
        (0x01, MS),
        (0x7F, 127 * MS),
        (0xF1, 100_000),
        (0xF9, 900_000),
        (0x80, 127 * MS),
        (0xFF, 127 * MS),
    ],
)
def test_the_separation_time_is_in_milliseconds_or_hundreds_of_microseconds(byte, ns):
    assert separation_ns(byte) == ns


@pytest.mark.parametrize("message", [b"", bytes(8)])
def test_what_cannot_be_sent_is_refused(message):
    end = IsoTp()
    end.send(bytes(8), 0)
    with pytest.raises(ValueError, match="expected"):
        end.send(message, 0)


def test_a_single_frame_is_read_without_any_state():
    assert single(b"\x02\x01\x0c\xcc\xcc") == b"\x01\x0c"
    assert single(b"\x10\x14" + bytes(6)) is None
    assert single(b"") is None
