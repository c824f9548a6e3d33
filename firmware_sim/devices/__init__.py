"""Simulated devices: state and physics, no I/O and no clock."""
