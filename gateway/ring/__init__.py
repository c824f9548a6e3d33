"""The shared-memory ring, and the lock and the event that it stands on."""

from gateway.ring.batch import Batch
from gateway.ring.event import Event
from gateway.ring.gate import StartGate
from gateway.ring.lock import RobustLock
from gateway.ring.partition import Partition
from gateway.ring.reader import Reader
from gateway.ring.ring import Ring
from gateway.ring.spec import ReaderSpec
from gateway.ring.statistics import LaneStatistics, ReaderStatistics, RingStatistics
from gateway.ring.writer import Writer

__all__ = [
    "Batch",
    "Event",
    "LaneStatistics",
    "Partition",
    "Reader",
    "ReaderSpec",
    "ReaderStatistics",
    "Ring",
    "RingStatistics",
    "RobustLock",
    "StartGate",
    "Writer",
]
