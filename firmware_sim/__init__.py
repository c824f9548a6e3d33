"""Simulated hardware: a CAN bus, serial devices, and the Formula 1 car that uses them."""
