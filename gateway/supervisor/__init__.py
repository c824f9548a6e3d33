"""Starts, watches, restarts and stops the processes."""
