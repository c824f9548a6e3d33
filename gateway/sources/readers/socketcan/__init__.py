"""CAN interfaces of the kernel, read in batches: fastest way first that the machine allows."""

from gateway.sources.readers.socketcan.reader import SocketCanReader

__all__ = ["SocketCanReader"]
