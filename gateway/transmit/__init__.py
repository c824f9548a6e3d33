"""Sending: which messages are armed, their frames, when a frame may go, and the way out."""
