"""What a bench raises on purpose.

GatewayError
+-- BenchError      the test, or the bench file, asks for what there is not
AssertionError
+-- NoAnswer        the device under test did not do what it was asked for
"""

from __future__ import annotations

from gateway.errors import GatewayError


class BenchError(GatewayError):
    """A test asks for what this bench does not know, or the bench itself does not work."""


class NoAnswer(AssertionError):  # noqa: N818 - a finding about the device, not an error here
    """The device did not answer in time."""
