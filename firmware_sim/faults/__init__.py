"""Faults: one vocabulary for sensors, CAN and serial lines."""
