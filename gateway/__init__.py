"""The gateway: CAN and serial sensors in, warnings out, and no loss that is not counted."""

__version__ = "0.1.0"
