"""Threshold rules, without I/O."""
