"""What the tests of this project share."""

import pytest

ECUS = ("engine", "chassis", "tyre", "fuel")


@pytest.fixture(autouse=True)
def no_stored_trouble_codes(bench):
    """Clear what earlier tests made the engine's ECU store: that outlives a reset."""
    if not bench.rig.lacks("request"):
        assert bench.request(b"\x04", to="engine") == b"\x44"
